"""Intelligibility (STOI) and quality (PESQ) of speech against its original."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import resample
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.evaluation.signals import UndefinedError, check_pair
from qtokfeatures.exceptions import InputError, require

# P.862 is defined at these rates, in Hz; wide-band PESQ at 16 kHz only.
PESQ_RATES: Final = {"wb": 16_000, "nb": 8_000}

_PESQ_SHORTEST_S: Final = 0.25
_PESQ_LOWEST: Final = 1.0
_STOI_SHORTEST_S: Final = 0.4  # 30 frames of 25.6 ms that overlap by half
_SILENT: Final = 1e-9  # share of the original's peak; PESQ divides by the reconstruction's power


def stoi(y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int, *, extended: bool = False) -> float:
    """Compute the short-time objective intelligibility of speech [1]_.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, aligned and of the same length.
    sr : int
        Sampling rate of both, in Hz.
    extended : bool, default False
        Compute ESTOI [2]_, which also rates modulated noise and other non-linear processing well.

    Returns
    -------
    float
        At most 1, the intelligibility of the original. NaN if the original is silent or has less
        than 0.4 s of sound.

    Raises
    ------
    InputError
        If a signal is empty, not mono or not finite, or the lengths differ.
    MissingExtraError
        If pystoi (extra ``eval``) is not installed.

    References
    ----------
    .. [1] C. Taal, R. Hendriks, R. Heusdens, J. Jensen: An algorithm for intelligibility prediction
       of time-frequency weighted noisy speech, IEEE Transactions on Audio, Speech, and Language
       Processing 19(7), 2011.
    .. [2] J. Jensen, C. Taal: An algorithm for predicting the intelligibility of speech masked by
       modulated noise maskers, IEEE/ACM Transactions on Audio, Speech, and Language Processing
       24(11), 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.evaluation import stoi
    >>> noise = np.random.default_rng(0).normal(size=24_000)
    >>> stoi(noise, 0.5 * noise, 24_000)
    1.0
    """
    return _or_nan(defined_stoi, y, y_hat, sr, extended=extended)


def pesq_wb(y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int) -> float:
    """Compute wide-band PESQ, a predicted mean opinion score (ITU-T P.862.2).

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, of the same length.
    sr : int
        Sampling rate of both, in Hz; both are resampled to 16 kHz.

    Returns
    -------
    float
        1 (bad, or a silent reconstruction) to 4.64 (no difference). NaN if the original has no
        utterance or is shorter than 0.25 s.

    Raises
    ------
    InputError
        If a signal is empty, not mono or not finite, the lengths differ, or PESQ fails.
    MissingExtraError
        If pesq (extra ``eval``) is not installed.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> from qtokfeatures.evaluation import pesq_wb
    >>> clip = qt.load_audio(qt.example_file("speech_slt_1"))
    >>> f"{pesq_wb(clip.y, clip.y, clip.sr):.2f}"
    '4.64'
    """
    return _or_nan(defined_pesq, y, y_hat, sr, mode="wb")


def pesq_nb(y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int) -> float:
    """Compute narrow-band PESQ, a predicted mean opinion score (ITU-T P.862.1).

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, of the same length.
    sr : int
        Sampling rate of both, in Hz; both are resampled to 8 kHz.

    Returns
    -------
    float
        1 (bad, or a silent reconstruction) to 4.55 (no difference). NaN if the original has no
        utterance or is shorter than 0.25 s.

    Raises
    ------
    InputError
        If a signal is empty, not mono or not finite, the lengths differ, or PESQ fails.
    MissingExtraError
        If pesq (extra ``eval``) is not installed.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> from qtokfeatures.evaluation import pesq_nb
    >>> clip = qt.load_audio(qt.example_file("speech_slt_1"))
    >>> f"{pesq_nb(clip.y, clip.y, clip.sr):.2f}"
    '4.55'
    """
    return _or_nan(defined_pesq, y, y_hat, sr, mode="nb")


def defined_stoi(y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int, *, extended: bool) -> float:
    """STOI, or UndefinedError with the reason."""
    y, y_hat, sr = *check_pair(y, y_hat), checked_rate(sr)
    package = require("pystoi", purpose="STOI")
    if not y.any():
        raise UndefinedError("the reference is silent")
    too_short = f"the reference has less than {_STOI_SHORTEST_S:g} s of sound"
    if len(y) < _STOI_SHORTEST_S * sr:
        raise UndefinedError(too_short)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        value = float(package.stoi(y, y_hat, sr, extended=extended))
    if any("Not enough STFT frames" in str(each.message) for each in caught):
        raise UndefinedError(too_short)
    return value


def defined_pesq(
    y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int, *, mode: Literal["wb", "nb"]
) -> float:
    """PESQ, or UndefinedError with the reason."""
    y, y_hat, sr = *check_pair(y, y_hat), checked_rate(sr)
    package = require("pesq", purpose="PESQ")
    if not y.any():
        raise UndefinedError("the reference is silent")
    if len(y) < _PESQ_SHORTEST_S * sr:
        raise UndefinedError(f"the reference is shorter than {_PESQ_SHORTEST_S:g} s")
    if np.abs(y_hat).max() < _SILENT * np.abs(y).max():
        return _PESQ_LOWEST
    rate = PESQ_RATES[mode]
    y, y_hat = (resample(each, orig_sr=sr, target_sr=rate) for each in (y, y_hat))
    try:
        return float(package.pesq(rate, y, y_hat, mode))
    except package.NoUtterancesError:
        raise UndefinedError("PESQ finds no utterance in the reference") from None
    except package.PesqError as error:
        raise InputError(f"PESQ failed: {error}") from error


def _or_nan(compute: Callable[..., float], *values: Any, **options: Any) -> float:
    try:
        return compute(*values, **options)
    except UndefinedError:
        return float("nan")
