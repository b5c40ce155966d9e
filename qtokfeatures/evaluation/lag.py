"""How late a reconstruction comes, where its waveform says nothing because phases were made up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio.acoustic import mel_filters
from qtokfeatures.evaluation.signals import FloatArray, check_pair

_HOP_S: Final = 0.001
_WINDOW_S: Final = 0.0213
_BANDS: Final = 40
_BEFORE_S: Final = 0.1  # of silence put before the clip, so that a sound at its start is an onset
_FADE_S: Final = 0.1
_SLOWEST_HZ: Final = 1.0
_FASTEST_HZ: Final = 100.0
_SMOOTHING_HZ: Final = 4.0
_MOST_COHERENT: Final = 0.98
_FINER: Final = 8  # correlation is computed at so many places a hop
_FLOOR: Final = 1e-4

Real = npt.NDArray[np.floating[Any]]


class Lag(NamedTuple):
    """A delay and how well it is known.

    Parameters
    ----------
    samples : float
        By how many samples the reconstruction is late; negative where it is early.
    error : float
        Standard error of it; infinite where nothing in the clip tells time.
    """

    samples: float
    error: float


class LagSummary(NamedTuple):
    """The delays of many clips.

    Parameters
    ----------
    largest : float
        Largest absolute lag of the clips whose lag is known well, in samples; NaN without any.
    n_known : int
        How many those are.
    n_beyond : int
        Clips, of all, that are surely beyond the limit: by more than three times their error.
    """

    largest: float
    n_known: int
    n_beyond: int


def summarise_lags(lags: Sequence[float], errors: Sequence[float], *, limit: float) -> LagSummary:
    """Sum up the delays of clips.

    Parameters
    ----------
    lags : sequence of float
        In samples, one number a clip.
    errors : sequence of float
        Their standard errors.
    limit : float
        Largest lag that is wanted; one whose error is at most half of it is known well.

    Returns
    -------
    LagSummary

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
    """Find by how much the envelopes of a reconstruction are late.

    Cross-correlation of waveforms fails where a codec makes phases up. What it keeps are the
    amplitudes in bands, so their course in time is compared: 40 mel bands, every millisecond. Each
    modulation frequency up to 100 Hz is weighted by how coherent the two are there, the
    maximum-likelihood weighting of Knapp and Carter; the peak is found between the samples. The
    error is the Cramér–Rao bound of this weighting: large for a steady sound, in which nothing
    tells time.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, of the same length.
    sr : int
        Rate of both, in Hz.
    max_lag_s : float, default 0.06
        Largest lag looked for, in seconds, either way.

    Returns
    -------
    Lag

    Raises
    ------
    InputError
        If the two do not fit each other.

    References
    ----------
    C. Knapp, G. Carter: The generalized correlation method for estimation of time delay, 1976.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(rng.uniform(size=40), 600) * rng.normal(size=24_000)
    >>> lag = find_envelope_lag(y, np.pad(y, (17, 0))[:24_000], 24_000)
    >>> round(lag.samples), lag.error < 2
    (17, True)
    """
    y, y_hat = check_pair(y, y_hat)
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
    """Coherence over what is not coherent, at each modulation frequency."""
    width = max(3, round(_SMOOTHING_HZ / float(frequency[1])))
    kernel = np.hanning(width + 2)[1:-1]
    joint, of_a, of_b = (np.convolve(x, kernel, "same") for x in (cross, *power))
    coherence = np.abs(joint) ** 2 / np.maximum(of_a * of_b, 1e-20)
    # What two unrelated signals would seem to have in common, from so few bands and frequencies.
    chance = 1 / (_BANDS / 2 * max(1.0, duration_s * _SMOOTHING_HZ / 2))
    known = np.clip(coherence - chance, 0, _MOST_COHERENT)
    told = (frequency > _SLOWEST_HZ) & (frequency < _FASTEST_HZ)
    weights: Real = known / (1 - known) * told
    return weights


def _peak(correlation: Real, most: int) -> float:
    """The place of the highest value, from ``-most`` to `most`, by a parabola through three."""
    around = np.concatenate([correlation[-most:], correlation[: most + 1]])
    top = int(around.argmax())
    if not 0 < top < len(around) - 1:
        return float(top - most)
    before, at, after = around[top - 1 : top + 2]
    bend = before - 2 * at + after
    return float(top - most + (0.5 * (before - after) / bend if bend < 0 else 0.0))
