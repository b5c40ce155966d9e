"""Perturbations of sound before a codec: noise, babble, a room, a telephone, level, shift.

Each is determined by a seed and by the clip, independent of the other clips.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import signal

from qtokfeatures.evaluation.signals import FloatArray, check_mono
from qtokfeatures.exceptions import InputError

SNRS_DB: Final = (20.0, 10.0, 5.0, 0.0)  # ratios of speech to noise of the benches

_ORDER: Final = 4
_TALKERS: Final = 6
_ROOM_RT60_S: Final = 0.3
_ROOM_DIRECT_DB: Final = 3.0
_TELEPHONE_HZ: Final = (300.0, 3400.0)

# Called with mono samples, their rate and a random generator; returns as many samples.
Change = Callable[[FloatArray, int, np.random.Generator], FloatArray]


@dataclass(frozen=True)
class Perturbation:
    """A change of a recording that preserves its content.

    Parameters
    ----------
    name : str
        Name in tables, part of the random seed.
    change : callable
        ``change(y, sr, rng)``, which returns as many samples as `y` has.
    seed : int, default 0
        Seed of the random numbers.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.ones(24_000, dtype=np.float32)
    >>> noisy = white_noise(snr_db=0.0).apply(y, 24_000, key="clip 1")
    >>> round(float(np.std(noisy - y)), 2)
    1.0
    """

    name: str
    change: Change
    seed: int = 0

    def apply(self, y: npt.ArrayLike, sr: int, *, key: str) -> FloatArray:
        """Return the changed clip.

        Parameters
        ----------
        y : array_like, shape (sample,)
            Mono samples.
        sr : int
            Sampling rate, in Hz.
        key : str
            Name of the clip, part of the random seed: equal keys give equal noise.

        Returns
        -------
        ndarray of float32, shape (sample,)
            As many samples as `y` has.
        """
        number = zlib.crc32(f"{self.name}/{key}".encode())
        rng = np.random.default_rng((self.seed, number))
        return self.change(check_mono(y, key), sr, rng).astype(np.float32)


def mix(y: FloatArray, noise: FloatArray, *, snr_db: float) -> FloatArray:
    """Add noise at a ratio of energies over the clip, in dB; no change if either is silent."""
    energy, noise_energy = float(np.sum(np.square(y))), float(np.sum(np.square(noise)))
    if energy == 0 or noise_energy == 0:
        return y
    gain = np.sqrt(energy / noise_energy * 10 ** (-snr_db / 10))
    return np.asarray(y + gain * noise)


def band_limit(y: FloatArray, sr: int, *, band_hz: tuple[float, float]) -> FloatArray:
    """Keep a band with edges (−6 dB) in Hz, without delay; no upper edge from 0.45 sr on."""
    low, high = band_hz
    if not 0 < low < min(high, sr / 2):
        raise InputError(
            f"band_hz must be two rising edges, the lower above 0 and below {sr / 2:g} Hz, "
            f"got {band_hz}"
        )
    edges, kind = ((low, high), "bandpass") if high < 0.45 * sr else (low, "highpass")
    # Filtering forwards and backwards doubles the attenuation and cancels the delay.
    sections = signal.butter(_ORDER, edges, kind, fs=sr, output="sos")
    return np.asarray(signal.sosfiltfilt(sections, y, padlen=0))


def white_noise(*, snr_db: float, seed: int = 0) -> Perturbation:
    """White Gaussian noise at a ratio of energies in dB."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        return mix(y, rng.standard_normal(len(y), dtype=np.float32), snr_db=snr_db)

    return Perturbation(f"white {snr_db:g} dB", change, seed)


def babble(talkers: Sequence[FloatArray], *, snr_db: float, seed: int = 0) -> Perturbation:
    """Six clips of speech at once, equally loud, each from a random position."""
    voices = [check_mono(talker, "a talker") for talker in talkers]
    if len(voices) < _TALKERS or not all(voice.any() for voice in voices):
        raise InputError(
            f"babble needs at least {_TALKERS} clips of speech that are not silent, "
            f"got {len(voices)}"
        )
    voices = [voice / np.sqrt(np.mean(np.square(voice))) for voice in voices]

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        chosen = rng.choice(len(voices), size=_TALKERS, replace=False)
        parts = [_from_anywhere(voices[index], len(y), rng) for index in chosen]
        return mix(y, np.sum(parts, axis=0), snr_db=snr_db)

    return Perturbation(f"babble {snr_db:g} dB", change, seed)


def small_room(*, rt60_s: float = _ROOM_RT60_S, direct_db: float = _ROOM_DIRECT_DB) -> Perturbation:
    """A small room: direct sound, then exponentially decaying noise `direct_db` below it."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        length = round(rt60_s * sr)
        tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
        tail[: round(0.002 * sr)] = 0  # the first wall is at least 0.3 m away
        tail *= np.sqrt(10 ** (-direct_db / 10) / np.sum(np.square(tail)))
        tail[0] = 1
        return np.asarray(signal.fftconvolve(y, tail)[: len(y)])

    return Perturbation("small room", change)


def telephone(*, band_hz: tuple[float, float] = _TELEPHONE_HZ) -> Perturbation:
    """The band of a telephone, by default 300 to 3,400 Hz."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        return band_limit(y, sr, band_hz=band_hz)

    return Perturbation("telephone band", change)


def gain(*, level_db: float = -20.0) -> Perturbation:
    """A gain in dB."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        return y * np.float32(10 ** (level_db / 20))

    return Perturbation(f"gain {level_db:g} dB".replace("-", "−"), change)


def level(*, most_db: float = 3.0, seed: int = 0) -> Perturbation:
    """A random gain of at most ±`most_db`, another for each clip."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        return y * np.float32(10 ** (rng.uniform(-most_db, most_db) / 20))

    return Perturbation(f"level within {most_db:g} dB", change, seed)


def shift(*, most_s: float = 0.005, seed: int = 0) -> Perturbation:
    """A random shift of at most ±`most_s` seconds, another for each clip; padded with zeros."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        most = min(round(most_s * sr), len(y) - 1)
        by = int(rng.integers(-most, most + 1))
        moved = np.zeros_like(y)
        moved[max(0, by) : len(y) + min(0, by)] = y[max(0, -by) : len(y) - max(0, by)]
        return moved

    return Perturbation(f"shift within {1000 * most_s:g} ms", change, seed)


def noises(talkers: Sequence[FloatArray], *, seed: int = 0) -> tuple[Perturbation, ...]:
    """White noise and babble at every ratio of :data:`SNRS_DB`."""
    white = [white_noise(snr_db=snr_db, seed=seed) for snr_db in SNRS_DB]
    return (*white, *(babble(talkers, snr_db=snr_db, seed=seed) for snr_db in SNRS_DB))


def standard_perturbations(talkers: Sequence[FloatArray]) -> tuple[Perturbation, ...]:
    """All perturbations of the robustness bench."""
    return (*noises(talkers), small_room(), telephone(), gain())


def _from_anywhere(voice: FloatArray, length: int, rng: np.random.Generator) -> FloatArray:
    """`length` samples from a random position, repeated if necessary."""
    start = int(rng.integers(len(voice)))
    return np.resize(np.roll(voice, -start), length)
