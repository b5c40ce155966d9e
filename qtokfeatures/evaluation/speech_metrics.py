"""How well speech survives: STOI for intelligibility, wide-band PESQ for quality.

Both compare with the original and need ``pip install 'qtokfeatures[eval]'``. Both are undefined,
here NaN, where the original holds no speech that they can find.
"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import resample
from qtokfeatures.evaluation.signals import check_pair
from qtokfeatures.exceptions import InputError, require

PESQ_RATE: Final = 16_000
"""Wide-band PESQ is defined at this rate only, in Hz."""

_PESQ_SHORTEST_S: Final = 0.25
_PESQ_LOWEST: Final = 1.0
_STOI_SHORTEST_S: Final = 0.4  # 30 frames of 25.6 ms, half of each new
_SILENT: Final = 1e-9  # of the original's peak; PESQ divides by what is left


def stoi(y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int) -> float:
    """Short-time objective intelligibility of speech.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, aligned and of the same length.
    sr : int
        Rate of both, in Hz.

    Returns
    -------
    float
        Up to 1, where 1 is as intelligible as the original. NaN where the original is silent or
        has less than 0.4 s that is not.

    Raises
    ------
    InputError
        If the two do not fit each other.
    MissingExtraError
        If pystoi is not installed.

    References
    ----------
    Taal, Hendriks, Heusdens, Jensen: An algorithm for intelligibility prediction of time-frequency
    weighted noisy speech, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(size=24_000)
    >>> stoi(noise, 0.5 * noise, 24_000)
    1.0
    """
    y, y_hat = check_pair(y, y_hat)
    package = require("pystoi", purpose="STOI")
    if len(y) < _STOI_SHORTEST_S * sr or not y.any():
        return float("nan")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        value = float(package.stoi(y, y_hat, sr))
    too_short = any("Not enough STFT frames" in str(each.message) for each in caught)
    return float("nan") if too_short else value


def pesq_wb(y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int) -> float:
    """Wide-band PESQ (ITU-T P.862.2), the predicted mean opinion of listeners.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, of the same length.
    sr : int
        Rate of both, in Hz; both are resampled to 16 kHz.

    Returns
    -------
    float
        1 (bad, or silent) to 4.64 (no difference). NaN where PESQ finds no utterance in the
        original or the clip is shorter than 0.25 s.

    Raises
    ------
    InputError
        If the two do not fit each other.
    MissingExtraError
        If pesq is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> clip = qt.load_audio(qt.example_file("speech_slt_1"))
    >>> f"{pesq_wb(clip.y, clip.y, clip.sr):.2f}"
    '4.64'
    """
    y, y_hat = check_pair(y, y_hat)
    package = require("pesq", purpose="PESQ")
    if len(y) < _PESQ_SHORTEST_S * sr or not y.any():
        return float("nan")
    if np.abs(y_hat).max() < _SILENT * np.abs(y).max():
        return _PESQ_LOWEST
    y, y_hat = (resample(each, orig_sr=sr, target_sr=PESQ_RATE) for each in (y, y_hat))
    try:
        return float(package.pesq(PESQ_RATE, y, y_hat, "wb"))
    except package.NoUtterancesError:
        return float("nan")
    except package.PesqError as error:
        raise InputError(f"PESQ cannot compare these two: {error}") from error
