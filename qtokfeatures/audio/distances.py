"""Distances of a reconstruction from its original: log-mel, log-STFT and SI-SDR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio.acoustic import mel_filters
from qtokfeatures.audio.clip import Samples
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.audio.waveforms import mono_samples
from qtokfeatures.exceptions import InputError

_BANDS = {2048: 128, 1024: 80, 512: 64, 256: 32}  # FFT size: mel bands
_MEL_FLOOR = 1e-4
_BIN_FLOOR = 3e-5
_VALUES_AT_ONCE = 2**21  # values of a spectrogram held at once, whatever the clip's length

Spectra = npt.NDArray[np.floating[Any]]


def log_mel_distance(y: Any, y_hat: Any, sr: int) -> float:
    """Return the multi-resolution log-mel distance of two signals.

    The mean over FFT sizes 2048, 1024, 512 and 256 (with 128, 80, 64 and 32 mel bands) of
    ``mean |ln(M + 1e-4) − ln(M̂ + 1e-4)|``. M is the mel spectrogram of amplitudes: periodic Hann
    window of the FFT size, hop a quarter of it, frames centred with zeros beyond the ends,
    amplitudes times 4/size (a sine of amplitude 1 gives 1), Slaney's mel scale from 0 to ``sr/2``,
    triangles with peak 1 (librosa's ``htk=False, norm=None``).

    Parameters
    ----------
    y, y_hat : array_like, shape (sample,)
        Original and reconstruction, of equal length, full scale ±1. ``(channel, sample)`` is
        averaged.
    sr : int
        Rate of both in Hz. Distances at different rates do not compare.

    Returns
    -------
    float
        Distance in nepers; 0 for equal signals. 0.1 is about 0.9 dB.

    Raises
    ------
    InputError
        If the lengths differ, or a signal is not audio.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.audio import log_mel_distance
    >>> y = np.random.default_rng(0).normal(0, 0.1, 24_000)
    >>> log_mel_distance(y, y, 24_000)
    0.0
    >>> round(log_mel_distance(y, y * 1.1, 24_000), 2)  # ln 1.1 is 0.095
    0.09
    """
    pair, rate = _pair(y, y_hat), checked_rate(sr)
    distances = [
        _log_distance(pair, size, _MEL_FLOOR, mel_filters(rate, size, n_bands))
        for size, n_bands in _BANDS.items()
    ]
    return float(np.mean(distances))


def log_stft_distance(y: Any, y_hat: Any, sr: int) -> float:
    """Return the multi-resolution log-STFT distance of two signals.

    As :func:`log_mel_distance`, on the bins of the STFT itself and with 3e-5 instead of 1e-4.

    Parameters
    ----------
    y, y_hat : array_like, shape (sample,)
        Original and reconstruction, of equal length, full scale ±1.
    sr : int
        Rate of both in Hz; checked only, since bins need no frequencies.

    Returns
    -------
    float
        Distance in nepers; 0 for equal signals.

    Raises
    ------
    InputError
        If the lengths differ, or a signal is not audio.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.audio import log_stft_distance
    >>> y = np.random.default_rng(0).normal(0, 0.1, 24_000)
    >>> log_stft_distance(y, np.zeros(24_000), 24_000) > 4
    True
    """
    pair = _pair(y, y_hat)
    checked_rate(sr)
    return float(np.mean([_log_distance(pair, size, _BIN_FLOOR) for size in _BANDS]))


def si_sdr(y: Any, y_hat: Any) -> float:
    """Return the scale-invariant signal-to-distortion ratio.

    The energy of the part of `y_hat` that is a multiple of `y`, against the energy of the rest;
    means removed first [1]_. It compares waveforms, so that inaudible differences of phase count:
    for codecs that resynthesise phase a low ratio does not mean low quality.

    Parameters
    ----------
    y, y_hat : array_like, shape (sample,)
        Original and reconstruction, of equal length.

    Returns
    -------
    float
        Ratio in dB. ``inf`` (or, by rounding, some 300) if `y_hat` is a multiple of `y`, ``-inf``
        if the two are orthogonal, NaN if `y` is constant (silence).

    Raises
    ------
    InputError
        If the lengths differ, or a signal is not audio.

    References
    ----------
    .. [1] J. Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019, arXiv:1811.02508.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.audio import si_sdr
    >>> y = np.sin(np.arange(8000))
    >>> noise = np.cos(np.arange(8000))
    >>> round(si_sdr(y, 3 * y + 0.3 * noise))
    20
    """
    target, estimate = (signal.astype(np.float64) for signal in _pair(y, y_hat))
    least = 1e-24 * float(target @ target)  # what rounding leaves of a constant
    target, estimate = target - target.mean(), estimate - estimate.mean()
    energy = float(target @ target)
    if energy <= least:
        return float("nan")
    wanted = (float(estimate @ target) / energy) * target
    rest = estimate - wanted
    signal, distortion = float(wanted @ wanted), float(rest @ rest)
    if signal == 0:
        return float("-inf")
    return float(10 * np.log10(signal / distortion)) if distortion else float("inf")


def _pair(y: Any, y_hat: Any) -> tuple[Samples, Samples]:
    original = mono_samples(y, source="y")
    reconstruction = mono_samples(y_hat, source="y_hat")
    if len(original) != len(reconstruction):
        raise InputError(
            f"y has {len(original)} samples and y_hat {len(reconstruction)}; a distance needs "
            "equal lengths at one rate: cut or resample first"
        )
    return original, reconstruction


@np.errstate(under="ignore")  # powers below the smallest float are far below the floors
def _log_distance(
    pair: tuple[Samples, Samples],
    size: int,
    floor: float,
    filters: npt.NDArray[np.float32] | None = None,
) -> float:
    total, count = 0.0, 0
    for a, b in zip(*(_spectra(signal, size) for signal in pair), strict=True):
        if filters is not None:
            a, b = a @ filters.T, b @ filters.T
        difference = np.log(a + floor) - np.log(b + floor)
        total += float(np.abs(difference).sum(dtype=np.float64))
        count += difference.size
    return total / count


def _spectra(y: Samples, size: int) -> Iterator[Spectra]:
    """Yield amplitude spectra ``(frame, bin)``, some frames at a time."""
    hop = size // 4
    padded = np.pad(y, size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = (np.hanning(size + 1)[:-1] * 4 / size).astype(np.float32)
    step = _VALUES_AT_ONCE // size
    for start in range(0, len(frames), step):
        yield np.abs(np.fft.rfft(frames[start : start + step] * window))
