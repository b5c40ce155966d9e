"""What recording media do to sound: bandwidth, hiss, crackle, wow and flutter, low-rate MP3.

Pure functions: equal arguments and an equal generator give equal samples, and as many come out as
went in. :mod:`qtokfeatures.evaluation.recording_chains` puts them together.
"""

from __future__ import annotations

import inspect
import io
from typing import Final

import numpy as np
import soundfile
from scipy import ndimage, signal

from qtokfeatures.audio import resample
from qtokfeatures.evaluation.alignment import find_lag
from qtokfeatures.evaluation.pairs import FloatArray
from qtokfeatures.evaluation.perturbations import mix
from qtokfeatures.exceptions import InputError

MP3_SR: Final = 24_000
MP3_KBITS: Final = (8, 160)
"""Lowest and highest rate of MPEG-2 layer III at 24 kHz (ISO/IEC 13818-3), in kbit/s."""

_ORDER: Final = 4
_CLICK_S: Final = (0.0001, 0.001)


def band_limit(y: FloatArray, sr: int, *, band_hz: tuple[float, float]) -> FloatArray:
    """Keep a band of frequencies.

    Parameters
    ----------
    y : ndarray, shape (sample,)
        Mono samples.
    sr : int
        Their rate, in Hz.
    band_hz : (float, float)
        Edges of the band (−6 dB), in Hz. An upper edge near half the rate or above it is none.

    Returns
    -------
    ndarray, shape (sample,)
        Not shifted in time.

    Raises
    ------
    InputError
        If the edges are not positive and in order.

    Examples
    --------
    >>> import numpy as np
    >>> hum = np.sin(2 * np.pi * 50 * np.arange(24000) / 24000)
    >>> bool(np.std(band_limit(hum, 24000, band_hz=(250, 2500))) < 0.01)
    True
    """
    low, high = band_hz
    if not 0 < low < min(high, sr / 2):
        raise InputError(f"band_hz must be 0 < low < high, low below {sr / 2:g} Hz; got {band_hz}")
    edges, kind = ((low, high), "bandpass") if high < 0.45 * sr else (low, "highpass")
    sections = signal.butter(_ORDER, edges, kind, fs=sr, output="sos")
    return np.asarray(signal.sosfiltfilt(sections, y, padlen=0))


def add_hiss(
    y: FloatArray, sr: int, rng: np.random.Generator, *, snr_db: float, from_hz: float = 500.0
) -> FloatArray:
    """Add steady noise that is white above a frequency and falls off below it.

    Parameters
    ----------
    y : ndarray, shape (sample,)
        Mono samples.
    sr : int
        Their rate, in Hz.
    rng : numpy.random.Generator
        Source of the noise.
    snr_db : float
        Energy of the signal over that of the noise, over the whole clip, in dB.
    from_hz : float, default=500.0
        Below it the noise falls by 6 dB an octave.

    Returns
    -------
    ndarray, shape (sample,)

    Examples
    --------
    >>> import numpy as np
    >>> y = np.ones(24000)
    >>> noise = add_hiss(y, 24000, np.random.default_rng(0), snr_db=20) - y
    >>> round(float(np.std(noise)), 2)
    0.1
    """
    sections = signal.butter(1, min(from_hz, 0.45 * sr), "highpass", fs=sr, output="sos")
    noise = signal.sosfilt(sections, rng.standard_normal(len(y)))
    return mix(y, noise.astype(np.float32), snr_db=snr_db)


def add_crackle(
    y: FloatArray, sr: int, rng: np.random.Generator, *, clicks_per_s: float, snr_db: float
) -> FloatArray:
    """Add clicks at random times, of 0.1 to 1 ms and very different loudness.

    Clicks of a worn disc are impulses "typically less than a few milliseconds in length"
    (restoring78s.co.uk; Godsill and Rayner, Digital Audio Restoration, Springer 1998, chapter 5,
    models them as here, as additive bursts at random times).

    Parameters
    ----------
    y : ndarray, shape (sample,)
        Mono samples.
    sr : int
        Their rate, in Hz.
    rng : numpy.random.Generator
        Source of times and shapes.
    clicks_per_s : float
        Mean number a second.
    snr_db : float
        Energy of the signal over that of all clicks, over the whole clip, in dB.

    Returns
    -------
    ndarray, shape (sample,)

    Examples
    --------
    >>> import numpy as np
    >>> y = np.ones(24000)
    >>> crackling = add_crackle(y, 24000, np.random.default_rng(0), clicks_per_s=9, snr_db=10)
    >>> bool(0 < np.mean(crackling != y) < 0.1)
    True
    """
    clicks = np.zeros(len(y), dtype=np.float32)
    for start in rng.integers(0, len(y), rng.poisson(clicks_per_s * len(y) / sr)):
        length = max(1, round(rng.uniform(*_CLICK_S) * sr))
        shape = rng.standard_normal(length) * np.exp(-3 * np.arange(length) / length)
        end = min(len(y), start + length)
        clicks[start:end] += rng.lognormal(0.0, 1.0) * shape[: end - start]
    return mix(y, clicks, snr_db=snr_db)


def wow_and_flutter(
    y: FloatArray, sr: int, rng: np.random.Generator, *, wobbles: tuple[tuple[float, float], ...]
) -> FloatArray:
    """Let the speed vary periodically.

    Parameters
    ----------
    y : ndarray, shape (sample,)
        Mono samples.
    sr : int
        Their rate, in Hz.
    rng : numpy.random.Generator
        Source of the phases.
    wobbles : tuple of (float, float)
        Rate in Hz and depth of each: 0.002 is a speed that goes 0.2 % up and down. What is slower
        than 4 Hz is called wow, what is faster flutter.

    Returns
    -------
    ndarray, shape (sample,)
        No sample is earlier or later than ``depth / (pi * rate)`` seconds.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.sin(np.arange(24000) * 0.1)
    >>> bool(np.allclose(wow_and_flutter(y, 24000, np.random.default_rng(0), wobbles=()), y))
    True
    """
    time_s = np.arange(len(y)) / sr
    shift_s = np.zeros(len(y))
    for rate_hz, depth in wobbles:
        phase = rng.uniform(0, 2 * np.pi)
        turn = 2 * np.pi * rate_hz
        shift_s += depth / turn * (np.sin(turn * time_s + phase) - np.sin(phase))
    return np.asarray(
        ndimage.map_coordinates(
            np.asarray(y, dtype=np.float64), [(time_s + shift_s) * sr], order=3, mode="nearest"
        )
    )


def through_mp3(y: FloatArray, sr: int, *, kbits: float) -> FloatArray:
    """Encode as MP3 at a low rate, and decode.

    Parameters
    ----------
    y : ndarray, shape (sample,)
        Mono samples.
    sr : int
        Their rate, in Hz. What is encoded is at 24 kHz.
    kbits : float
        Kilobits a second, 8 to 160; the nearest rate that there is.

    Returns
    -------
    ndarray, shape (sample,)
        The encoder's delay is taken off.

    Raises
    ------
    InputError
        If the rate is out of range, or the installed soundfile writes no MP3 of a given rate.

    Examples
    --------
    >>> import numpy as np
    >>> y = 0.3 * np.sin(np.arange(24000) * 0.1)
    >>> through_mp3(y, 24000, kbits=24).shape
    (24000,)
    """
    lowest, highest = MP3_KBITS
    if not lowest <= kbits <= highest:
        raise InputError(f"kbits must be {lowest} to {highest}, got {kbits}")
    if "MP3" not in soundfile.available_formats() or not _takes_a_rate():
        raise InputError("MP3 of a given rate is written by soundfile 0.13 or newer")
    at_rate = resample(np.asarray(y, dtype=np.float32), orig_sr=sr, target_sr=MP3_SR)
    peak = max(1.0, float(np.abs(at_rate).max(initial=0.0)))
    buffer = io.BytesIO()
    level = (highest - kbits) / (highest - lowest)
    soundfile.write(
        buffer, at_rate / peak, MP3_SR, format="MP3", bitrate_mode="CONSTANT",
        compression_level=level,
    )  # fmt: skip
    decoded = soundfile.read(io.BytesIO(buffer.getvalue()), dtype="float32")[0] * peak
    lag = max(0, find_lag(at_rate, decoded))
    back = resample(decoded[lag:], orig_sr=MP3_SR, target_sr=sr)[: len(y)]
    return np.pad(back, (0, len(y) - len(back)))


def _takes_a_rate() -> bool:
    return "compression_level" in inspect.signature(soundfile.write).parameters
