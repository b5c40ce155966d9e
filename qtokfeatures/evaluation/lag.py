"""Delay of a reconstruction with resynthesised phase, estimated from envelopes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio.acoustic import mel_filters
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.evaluation.signals import FloatArray, check_pair
from qtokfeatures.parameters import number

_HOP_S: Final = 0.001
_WINDOW_S: Final = 0.0213  # 512 samples at 24 kHz: resolves 40 bands
_BANDS: Final = 40
_BEFORE_S: Final = 0.1  # silence before the clip: a sound at its start becomes an onset
_FADE_S: Final = 0.1  # at the end, where cutting would be an offset common to both
_SLOWEST_HZ: Final = 1.0  # slower modulations say nothing about milliseconds
_FASTEST_HZ: Final = 100.0  # the window passes no faster ones
_SMOOTHING_HZ: Final = 4.0
_MOST_COHERENT: Final = 0.98  # bounds the weight of one modulation frequency
_FINER: Final = 8  # points of the correlation per hop
_FLOOR: Final = 1e-4  # amplitude that counts as silence, −80 dB of full scale

Real = npt.NDArray[np.floating[Any]]


class Lag(NamedTuple):
    """An estimated delay and its standard error.

    Parameters
    ----------
    samples : float
        Delay of the reconstruction in samples; negative if early.
    error : float
        Standard error in samples; infinite if the clip has no modulation to measure.
    """

    samples: float
    error: float


class LagSummary(NamedTuple):
    """Delays of many clips."""

    largest: float  # largest absolute lag of the clips with a known lag, in samples
    n_known: int
    n_beyond: int  # clips beyond the limit by more than three standard errors


def summarise_lags(lags: Sequence[float], errors: Sequence[float], *, limit: float) -> LagSummary:
    """Summarise lags of clips in samples; one is known if its error is at most half of `limit`.

    Examples
    --------
    >>> summarise_lags([3.0, -9.0, 80.0, 80.0], [1.0, 5.0, 99.0, 18.0], limit=24.0)
    LagSummary(largest=9.0, n_known=2, n_beyond=1)
    """
    lag, error = np.abs(np.asarray(lags, float)), np.asarray(errors, float)
    known = lag[error <= limit / 2]
    beyond = np.count_nonzero(lag - 3 * error > limit)
    return LagSummary(float(known.max()) if known.size else math.nan, known.size, int(beyond))


def find_envelope_lag(
    y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int, *, max_lag_s: float = 0.06
) -> Lag:
    """Estimate the delay of a reconstruction from its envelopes.

    Cross-correlation of waveforms fails for codecs that resynthesise phase. They preserve band
    amplitudes, so the amplitudes of 40 mel bands, sampled every millisecond, are correlated. Each
    modulation frequency from 1 to 100 Hz is weighted by the coherence of the two signals there, as
    in the maximum-likelihood estimator of Knapp and Carter [1]_. The error is the Cramér–Rao bound
    of that estimator; it is large for stationary sounds.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, of the same length.
    sr : int
        Sampling rate of both, in Hz.
    max_lag_s : float, default 0.06
        Largest delay or advance searched, in seconds.

    Returns
    -------
    Lag
        Delay and standard error, both in samples.

    Raises
    ------
    InputError
        If a signal is empty, not mono or not finite, the lengths differ, or `sr` or `max_lag_s` is
        not above 0.

    References
    ----------
    .. [1] C. Knapp, G. Carter: The generalized correlation method for estimation of time delay,
       IEEE Transactions on Acoustics, Speech and Signal Processing 24(4), 1976.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.evaluation import find_envelope_lag
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(rng.uniform(size=40), 600) * rng.normal(size=24_000)
    >>> lag = find_envelope_lag(y, np.pad(y, (17, 0))[:24_000], 24_000)
    >>> round(lag.samples), lag.error < 2
    (17, True)
    """
    y, y_hat, sr = *check_pair(y, y_hat), checked_rate(sr)
    max_lag_s = number("max_lag_s", max_lag_s, above=0, unit="seconds")
    a, b = _envelopes(y, sr), _envelopes(y_hat, sr)
    if not (a.any() and b.any()):
        return Lag(0.0, math.inf)
    hop = round(_HOP_S * sr)
    most = round(max_lag_s / _HOP_S)
    size = max(4096, 1 << math.ceil(math.log2(len(a) + 2 * most)))
    frequency = np.fft.rfftfreq(size, hop / sr)
    spectra = np.fft.rfft(a, size, axis=0), np.fft.rfft(b, size, axis=0)
    cross = np.sum(np.conj(spectra[0]) * spectra[1], axis=1)
    power = [np.sum(np.abs(spectrum) ** 2, axis=1) for spectrum in spectra]
    weight = _weights(cross, power, frequency, duration_s=len(a) * hop / sr)
    # Fisher information of the delay: T ∫ (2πf)² γ²/(1 − γ²) df over positive frequencies.
    information = np.sum((2 * np.pi * frequency) ** 2 * weight) * frequency[1] * len(a) * hop / sr
    if information == 0:
        return Lag(0.0, math.inf)
    phases = weight * cross / np.maximum(np.abs(cross), 1e-20)
    place = _peak(np.fft.irfft(phases, size * _FINER), most * _FINER)
    return Lag(place * hop / _FINER, float(sr / np.sqrt(information)))


def _envelopes(y: FloatArray, sr: int) -> Real:
    """Amplitudes (time, band), each band scaled to a standard deviation of 1."""
    size, hop = 2 * round(_WINDOW_S * sr / 2), round(_HOP_S * sr)
    fade = np.minimum(1.0, np.arange(len(y), 0, -1) / (_FADE_S * sr)).astype(np.float32)
    padded = np.pad(y * fade, (round(_BEFORE_S * sr) + size // 2, size // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = (np.hanning(size + 1)[:-1] * 4 / size).astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)).astype(np.float32) ** 2
    amplitude = np.sqrt(power @ mel_filters(sr, size, _BANDS).T)
    if amplitude.max() < _FLOOR:
        return np.zeros_like(amplitude)
    scaled: Real = amplitude / (amplitude.std(axis=0) + _FLOOR)
    return scaled


def _weights(
    cross: npt.NDArray[np.complexfloating[Any, Any]],
    power: list[Real],
    frequency: Real,
    *,
    duration_s: float,
) -> Real:
    """Knapp and Carter's weight γ²/(1 − γ²) at each modulation frequency."""
    width = max(3, round(_SMOOTHING_HZ / float(frequency[1])))
    kernel = np.hanning(width + 2)[1:-1]
    joint, of_a, of_b = (np.convolve(x, kernel, "same") for x in (cross, *power))
    coherence = np.abs(joint) ** 2 / np.maximum(of_a * of_b, 1e-20)
    # Coherence of unrelated signals, estimated from so few bands and frequencies, is not zero.
    chance = 1 / (_BANDS / 2 * max(1.0, duration_s * _SMOOTHING_HZ / 2))
    known = np.clip(coherence - chance, 0, _MOST_COHERENT)
    used = (frequency > _SLOWEST_HZ) & (frequency < _FASTEST_HZ)
    weights: Real = known / (1 - known) * used
    return weights


def _peak(correlation: Real, most: int) -> float:
    """Position of the maximum between ``-most`` and `most`, by a parabola through three points."""
    around = np.concatenate([correlation[-most:], correlation[: most + 1]])
    top = int(around.argmax())
    if not 0 < top < len(around) - 1:
        return float(top - most)
    before, at, after = around[top - 1 : top + 2]
    bend = before - 2 * at + after
    return float(top - most + (0.5 * (before - after) / bend if bend < 0 else 0.0))
