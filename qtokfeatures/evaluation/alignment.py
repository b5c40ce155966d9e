"""The delay of a codec in whole samples, found by cross-correlation, and its removal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import signal

from qtokfeatures.evaluation.signals import FloatArray, check_mono
from qtokfeatures.exceptions import InputError

CLEAR_PEAK: Final = 0.3
"""Mean correlation of waveforms from which a codec counts as one that keeps the waveform."""


def find_lag(y: npt.ArrayLike, y_hat: npt.ArrayLike, *, max_lag: int = 2400) -> int:
    """Find by how many samples a reconstruction comes late.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, of any length.
    max_lag : int, default 2400
        Largest lag looked for, in samples, either way.

    Returns
    -------
    int
        The lag with the highest cross-correlation, positive where `y_hat` is late; 0 where either
        is silent.

    Raises
    ------
    InputError
        If a signal is not mono, empty or not finite, or `max_lag` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.random.default_rng(0).normal(size=1000)
    >>> find_lag(y, np.pad(y, (7, 0)))
    7
    """
    return _best_lag(cross_correlation(y, y_hat, max_lag=max_lag))


def find_common_lag(
    pairs: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]], *, sr: int, max_lag_s: float = 0.1
) -> int:
    """Find the one delay that a codec adds to every clip.

    The normalised cross-correlations of all clips are averaged, so that one odd clip does not
    decide. A codec that does not keep the waveform (a vocoder, whose mean correlation stays below
    :data:`CLEAR_PEAK`) is measured on amplitude envelopes instead, smoothed over 20 ms.

    Parameters
    ----------
    pairs : iterable of (y, y_hat)
        Originals and reconstructions, each of shape (sample,).
    sr : int
        Rate of all, in Hz.
    max_lag_s : float, default 0.1
        Largest delay looked for, in seconds, either way.

    Returns
    -------
    int
        The lag in samples, positive where the reconstructions are late.

    Raises
    ------
    InputError
        If there is no pair, or a signal is not mono, empty or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> clips = np.random.default_rng(0).normal(size=(3, 1000))
    >>> find_common_lag([(y, np.pad(y, (7, 0))) for y in clips], sr=8000)
    7
    """
    pairs = list(pairs)
    if not pairs:
        raise InputError("no pair of signals to find a lag from")
    max_lag = round(max_lag_s * sr)
    waveforms = _mean_correlation(pairs, max_lag)
    if waveforms.max() >= CLEAR_PEAK:
        return _best_lag(waveforms)
    window = round(0.02 * sr)
    envelopes = [(_envelope(y, window), _envelope(y_hat, window)) for y, y_hat in pairs]
    return _best_lag(_mean_correlation(envelopes, max_lag))


def cross_correlation(
    y: npt.ArrayLike, y_hat: npt.ArrayLike, *, max_lag: int
) -> npt.NDArray[np.float64]:
    """Correlate two signals at every lag up to a limit, normalised by their energies.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction.
    max_lag : int
        Largest lag, in samples.

    Returns
    -------
    ndarray of float64, shape (2 * max_lag + 1,)
        From lag ``-max_lag`` to ``max_lag``, each -1 … 1; zeros where either is silent.

    Raises
    ------
    InputError
        If a signal is not mono, empty or not finite, or `max_lag` is negative.
    """
    if max_lag < 0:
        raise InputError(f"max_lag must be 0 or more samples, got {max_lag}")
    y = check_mono(y, "the original").astype(np.float64)
    y_hat = check_mono(y_hat, "the reconstruction").astype(np.float64)
    energy = np.linalg.norm(y) * np.linalg.norm(y_hat)
    if energy == 0:
        return np.zeros(2 * max_lag + 1)
    padded = np.pad(y_hat, (max_lag, max(0, max_lag + len(y) - len(y_hat))))
    window = padded[: len(y) + 2 * max_lag]
    correlation: npt.NDArray[np.float64] = signal.correlate(window, y, "valid", "fft") / energy
    return correlation


def align(y_hat: npt.ArrayLike, lag: int, length: int) -> FloatArray:
    """Take a delay out of a reconstruction and give it a length.

    Parameters
    ----------
    y_hat : array_like, shape (sample,)
        The reconstruction.
    lag : int
        By how many samples it comes late; negative where it is early.
    length : int
        Samples to return.

    Returns
    -------
    ndarray of float32, shape (length,)
        Zeros where there was nothing.

    Examples
    --------
    >>> align([0, 0, 1, 2], 2, 3)
    array([1., 2., 0.], dtype=float32)
    """
    y_hat = np.asarray(y_hat, dtype=np.float32)
    shifted = y_hat[lag:] if lag >= 0 else np.pad(y_hat, (-lag, 0))
    aligned = np.zeros(length, dtype=np.float32)
    aligned[: len(shifted[:length])] = shifted[:length]
    return aligned


def _mean_correlation(
    pairs: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]], max_lag: int
) -> npt.NDArray[np.float64]:
    correlations = [cross_correlation(y, y_hat, max_lag=max_lag) for y, y_hat in pairs]
    mean: npt.NDArray[np.float64] = np.mean(correlations, axis=0)
    return mean


def _best_lag(correlation: npt.NDArray[np.float64]) -> int:
    max_lag = len(correlation) // 2
    return int(correlation.argmax()) - max_lag if correlation.any() else 0


def _envelope(y: npt.ArrayLike, window: int) -> npt.NDArray[np.float64]:
    amplitude = np.abs(np.asarray(y, dtype=np.float64))
    smooth = signal.fftconvolve(amplitude, np.ones(window), "same")
    centred: npt.NDArray[np.float64] = smooth - smooth.mean()
    return centred
