"""Sounds made from numbers, for checks that must run anywhere and the same everywhere."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.pairs import FloatArray
from qtokfeatures.exceptions import InputError

_LONGEST_S: Final = 7.3
_BEYOND_WINDOWS_S: Final = 31.7  # longer than what networks look back on, and than their chunks


def verify_clips(seconds: float, *, sr: int, hop_length: int, seed: int = 0) -> list[FloatArray]:
    """Make clips of odd lengths: voices, strokes, noise, sweeps and silence.

    One of them is 31.7 s long, or a little more than half of `seconds`.

    Parameters
    ----------
    seconds : float
        Length of all of them together, about; above 0.
    sr : int
        Rate, in Hz.
    hop_length : int
        Samples of a codec frame; some clips end one sample before, at or after a frame.
    seed : int, default 0
        Seed of the random numbers.

    Returns
    -------
    list of ndarray of float32, shape (sample,)
        Peaks from 0 to 1.

    Raises
    ------
    InputError
        If `seconds` is not above 0.

    Examples
    --------
    >>> clips = verify_clips(5.0, sr=24_000, hop_length=1920)
    >>> [len(clip) for clip in clips[:4]]
    [1, 1919, 1920, 1921]
    """
    if not seconds > 0:
        raise InputError(f"seconds must be above 0, got {seconds}")
    rng = np.random.default_rng(seed)
    long_s = min(_BEYOND_WINDOWS_S, 0.55 * seconds)
    lengths = [1, hop_length - 1, hop_length, hop_length + 1]
    lengths += [hop_length // 2, max(1, round(long_s * sr))]
    while sum(lengths) < seconds * sr:
        lengths.append(int(rng.integers(hop_length, round(_LONGEST_S * sr))))
    makers = (_voice, _strokes, _noise, _sweep, _silence)
    return [
        makers[index % len(makers)](length, sr, rng).astype(np.float32)
        for index, length in enumerate(lengths)
    ]


def _voice(length: int, sr: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = np.arange(length) / sr
    pitch = rng.uniform(80, 300) * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / sr
    formant = rng.uniform(2, 8) * (1 + 0.5 * np.sin(2 * np.pi * 1.9 * time))
    tone = sum(np.exp(-(((n - formant) / 2) ** 2)) * np.sin(n * phase) for n in range(1, 20))
    return _to_peak(tone * np.clip(np.sin(2 * np.pi * 2.3 * time), 0, None), rng)


def _strokes(length: int, sr: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    y = np.zeros(length)
    for start in rng.integers(0, length, size=1 + length // (sr // 3)):
        time = np.arange(length - start) / sr
        tone = np.sin(2 * np.pi * rng.uniform(100, 2000) * time)
        y[start:] += tone * np.exp(-time * rng.uniform(3, 30))
    return _to_peak(y, rng)


def _noise(length: int, sr: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    white = rng.normal(size=length)
    colour = rng.uniform(0, 0.95)
    shaped = np.convolve(white, colour ** np.arange(min(length, 200)))[:length]
    return _to_peak(shaped, rng)


def _sweep(length: int, sr: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    low, high = np.sort(rng.uniform(40, 0.45 * sr, size=2))
    phase = 2 * np.pi * np.cumsum(np.geomspace(low, high, length)) / sr
    return _to_peak(np.sin(phase), rng)


def _silence(length: int, sr: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return np.zeros(length)


def _to_peak(y: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    loudest = np.abs(y).max(initial=0.0)
    return y * (10 ** rng.uniform(-2, 0) / loudest) if loudest else y
