"""Delay of a codec in whole samples, estimated by cross-correlation, and its removal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import signal

from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.evaluation.signals import FloatArray, check_mono
from qtokfeatures.exceptions import InputError
from qtokfeatures.parameters import number, whole

# Mean correlation above which a codec counts as one that preserves the waveform. Resynthesised
# phases stay far below it, waveform codecs far above.
CLEAR_PEAK: Final = 0.3


def find_lag(y: npt.ArrayLike, y_hat: npt.ArrayLike, *, max_lag: int = 2400) -> int:
    """Estimate the delay of a reconstruction by cross-correlation of the waveforms.

    For codecs that resynthesise phase use :func:`find_envelope_lag`.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, of any length.
    max_lag : int, default 2400
        Largest delay or advance searched, in samples.

    Returns
    -------
    int
        Delay in samples; negative if `y_hat` is early, 0 if either signal is silent.

    Raises
    ------
    InputError
        If a signal is not mono, empty or not finite, or `max_lag` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.evaluation import find_lag
    >>> y = np.random.default_rng(0).normal(size=1000)
    >>> find_lag(y, np.pad(y, (7, 0)))
    7
    """
    return _best_lag(cross_correlation(y, y_hat, max_lag=max_lag))


def find_common_lag(
    pairs: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]], *, sr: int, max_lag_s: float = 0.1
) -> int:
    """Estimate the delay that a codec adds to every clip.

    The normalised cross-correlations of all clips are averaged, which limits the influence of
    outliers. If their peak stays below 0.3, as for vocoders, amplitude envelopes smoothed over
    20 ms are correlated instead.

    Parameters
    ----------
    pairs : iterable of (y, y_hat)
        Originals and reconstructions, each of shape (sample,).
    sr : int
        Sampling rate of all signals, in Hz.
    max_lag_s : float, default 0.1
        Largest delay or advance searched, in seconds.

    Returns
    -------
    int
        Delay in samples; negative if the reconstructions are early.

    Raises
    ------
    InputError
        If there is no pair, a signal is not mono, empty or not finite, or `sr` or `max_lag_s` is
        out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.evaluation import find_common_lag
    >>> clips = np.random.default_rng(0).normal(size=(3, 1000))
    >>> find_common_lag([(y, np.pad(y, (7, 0))) for y in clips], sr=8000)
    7
    """
    pairs = list(pairs)
    if not pairs:
        raise InputError("no pair of signals; estimating a lag needs at least one (y, y_hat)")
    sr = checked_rate(sr)
    max_lag = round(number("max_lag_s", max_lag_s, at_least=0, unit="seconds") * sr)
    waveforms = _mean_correlation(pairs, max_lag)
    if waveforms.max() >= CLEAR_PEAK:
        return _best_lag(waveforms)
    window = round(0.02 * sr)
    envelopes = [(_envelope(y, window), _envelope(y_hat, window)) for y, y_hat in pairs]
    return _best_lag(_mean_correlation(envelopes, max_lag))


def cross_correlation(
    y: npt.ArrayLike, y_hat: npt.ArrayLike, *, max_lag: int
) -> npt.NDArray[np.float64]:
    """Normalised correlation at lags ``-max_lag`` to ``max_lag``; zeros if either is silent."""
    max_lag = whole("max_lag", max_lag, at_least=0, unit="samples")
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
    """Remove a delay from a reconstruction and cut or pad it to a length.

    Parameters
    ----------
    y_hat : array_like, shape (sample,)
        The reconstruction.
    lag : int
        Delay in samples, as :func:`find_lag` returns it; negative if early.
    length : int
        Number of samples to return.

    Returns
    -------
    ndarray of float32, shape (length,)
        Zeros where the reconstruction has no samples.

    Examples
    --------
    >>> from qtokfeatures.evaluation import align
    >>> align([0, 0, 1, 2], 2, 3)
    array([1., 2., 0.], dtype=float32)
    """
    lag, length = whole("lag", lag), whole("length", length, at_least=0, unit="samples")
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
