"""What codes are compared with: statistics of MFCC and of log-mel spectra, by librosa."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.pairs import FloatArray
from qtokfeatures.evaluation.speech_metrics import require
from qtokfeatures.features import pool_frames

N_MFCC: Final = 20
N_MELS: Final = 40
_WINDOW_S: Final = 0.032
_HOP_S: Final = 0.01
_DELTA_WIDTH: Final = 9


def mfcc_frames(y: FloatArray, sr: int) -> FloatArray:
    """Twenty MFCC and their differences in time, every 10 ms.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        Mono samples.
    sr : int
        Their rate, in Hz.

    Returns
    -------
    ndarray of float32, shape (frame, 40)
        ``librosa.feature.mfcc`` from 40 mel bands of windows of 32 ms, and
        ``librosa.feature.delta`` over nine frames.

    Raises
    ------
    MissingExtraError
        If librosa is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> mfcc_frames(np.random.default_rng(0).normal(size=8000).astype(np.float32), 8000).shape
    (101, 40)
    """
    librosa = require("librosa", purpose="MFCC")
    mfcc = librosa.feature.mfcc(y=y, sr=sr, n_mfcc=N_MFCC, n_mels=N_MELS, **_windows(sr))
    delta = librosa.feature.delta(mfcc, width=_DELTA_WIDTH, mode="nearest")
    return np.concatenate([mfcc, delta]).T.astype(np.float32)


def log_mel_frames(y: FloatArray, sr: int) -> FloatArray:
    """Levels in 40 mel bands, every 10 ms.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        Mono samples.
    sr : int
        Their rate, in Hz.

    Returns
    -------
    ndarray of float32, shape (frame, 40)
        In dB; at most 80 dB below the loudest.

    Raises
    ------
    MissingExtraError
        If librosa is not installed.
    """
    librosa = require("librosa", purpose="log-mel spectra")
    mel = librosa.feature.melspectrogram(y=y, sr=sr, n_mels=N_MELS, **_windows(sr))
    return np.asarray(librosa.power_to_db(mel).T, dtype=np.float32)


def pool(frames: list[npt.NDArray[np.float32]], *, segments: int = 1) -> npt.NDArray[np.float32]:
    """One row a clip: the means of all or of each segment, and the standard deviations.

    Parameters
    ----------
    frames : list of ndarray, shape (frame, dim)
        The frames of each clip.
    segments : int, default 1
        Segments that a clip is cut into for the means.

    Returns
    -------
    ndarray of float32, shape (clip, feature)
    """
    return np.stack([pool_frames(each, ("mean", "std"), segments=segments) for each in frames])


def _windows(sr: int) -> dict[str, Any]:
    size = round(_WINDOW_S * sr)
    return {"n_fft": size, "hop_length": round(_HOP_S * sr)}
