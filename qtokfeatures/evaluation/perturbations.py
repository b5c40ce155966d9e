"""What happens to sound on its way to a codec: noise, babble, a room, a telephone, another level.

Every change follows from a seed and from what it is applied to, so a bench gives the same numbers
each time, on some of the clips as on all of them.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import signal

from qtokfeatures.evaluation.signals import FloatArray, check_mono
from qtokfeatures.exceptions import InputError

SNRS_DB: Final = (20.0, 10.0, 5.0, 0.0)
"""Ratios of speech to noise at which benches measure, in dB."""

_TALKERS: Final = 6
_ROOM_RT60_S: Final = 0.3
_ROOM_DIRECT_DB: Final = 3.0
_TELEPHONE_HZ: Final = (300.0, 3400.0)

Change = Callable[[FloatArray, int, np.random.Generator], FloatArray]
"""Called with mono samples, their rate and a source of chance; returns as many samples."""


@dataclass(frozen=True)
class Perturbation:
    """A change of a recording that leaves what was said.

    Parameters
    ----------
    name : str
        What to call it in tables; it also seeds the chance in it.
    change : callable
        ``change(y, sr, rng)``, which returns as many samples as `y` has, not shifted in time.
    seed : int, default 0
        Another seed gives other noise.

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
        """Change a clip.

        Parameters
        ----------
        y : array_like, shape (sample,)
            Mono samples.
        sr : int
            Their rate, in Hz.
        key : str
            The clip's name: with it, the same noise comes again; another clip gets other noise.

        Returns
        -------
        ndarray of float32, shape (sample,)
        """
        number = zlib.crc32(f"{self.name}/{key}".encode())
        rng = np.random.default_rng((self.seed, number))
        return self.change(check_mono(y, key), sr, rng).astype(np.float32)


def mix(y: FloatArray, noise: FloatArray, *, snr_db: float) -> FloatArray:
    """Add noise at a ratio of the two signals' energies over the whole clip.

    Parameters
    ----------
    y : ndarray, shape (sample,)
        The signal.
    noise : ndarray, shape (sample,)
        What to add; its level does not matter.
    snr_db : float
        Energy of the signal over that of the noise, in dB.

    Returns
    -------
    ndarray, shape (sample,)
        The signal as it is where either is silent.

    Examples
    --------
    >>> import numpy as np
    >>> mix(np.array([1.0, -1.0]), np.array([5.0, 5.0]), snr_db=20.0)
    array([ 1.1, -0.9])
    """
    energy, noise_energy = float(np.sum(np.square(y))), float(np.sum(np.square(noise)))
    if energy == 0 or noise_energy == 0:
        return y
    gain = np.sqrt(energy / noise_energy * 10 ** (-snr_db / 10))
    return np.asarray(y + gain * noise)


def white_noise(*, snr_db: float, seed: int = 0) -> Perturbation:
    """White Gaussian noise, up to half the clip's rate.

    Parameters
    ----------
    snr_db : float
        Ratio of energies over the whole clip, in dB.
    seed : int, default 0
        Another seed gives other noise.

    Returns
    -------
    Perturbation
    """

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        return mix(y, rng.standard_normal(len(y), dtype=np.float32), snr_db=snr_db)

    return Perturbation(f"white {snr_db:g} dB", change, seed)


def babble(talkers: Sequence[FloatArray], *, snr_db: float, seed: int = 0) -> Perturbation:
    """Other people talking at once: six clips of speech, equally loud, from random places on.

    Parameters
    ----------
    talkers : sequence of ndarray of float32, shape (sample,)
        At least six clips of speech, at the rate of what they are added to; best of people who
        are not in it.
    snr_db : float
        Ratio of energies over the whole clip, in dB.
    seed : int, default 0
        Another seed gives other babble.

    Returns
    -------
    Perturbation

    Raises
    ------
    InputError
        If there are fewer clips, or one is silent.
    """
    voices = [check_mono(talker, "a talker") for talker in talkers]
    if len(voices) < _TALKERS or not all(voice.any() for voice in voices):
        raise InputError(
            f"babble is made of {_TALKERS} clips of speech that are not silent, got {len(voices)}"
        )
    voices = [voice / np.sqrt(np.mean(np.square(voice))) for voice in voices]

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        chosen = rng.choice(len(voices), size=_TALKERS, replace=False)
        parts = [_from_anywhere(voices[index], len(y), rng) for index in chosen]
        return mix(y, np.sum(parts, axis=0), snr_db=snr_db)

    return Perturbation(f"babble {snr_db:g} dB", change, seed)


def small_room(*, rt60_s: float = _ROOM_RT60_S, direct_db: float = _ROOM_DIRECT_DB) -> Perturbation:
    """A small room: the direct sound, and after it noise that decays exponentially.

    Parameters
    ----------
    rt60_s : float, default 0.3
        Time in which the reverberation falls by 60 dB, in seconds.
    direct_db : float, default 3.0
        Energy of the direct sound over that of the reverberation, in dB.

    Returns
    -------
    Perturbation
    """

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        length = round(rt60_s * sr)
        tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
        tail[: round(0.002 * sr)] = 0  # nothing is nearer than the way to the first wall
        tail *= np.sqrt(10 ** (-direct_db / 10) / np.sum(np.square(tail)))
        tail[0] = 1
        return np.asarray(signal.fftconvolve(y, tail)[: len(y)])

    return Perturbation("small room", change)


def telephone(*, band_hz: tuple[float, float] = _TELEPHONE_HZ) -> Perturbation:
    """A telephone's band: nothing below 300 and nothing above 3,400 Hz.

    Parameters
    ----------
    band_hz : (float, float), default (300.0, 3400.0)
        Edges of the band (−6 dB), in Hz.

    Returns
    -------
    Perturbation
    """

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        sections = _band_pass(band_hz, sr)
        return np.asarray(signal.sosfiltfilt(sections, y, padlen=0))

    return Perturbation("telephone band", change)


def gain(*, level_db: float = -20.0) -> Perturbation:
    """Another level.

    Parameters
    ----------
    level_db : float, default -20.0
        Gain, in dB.

    Returns
    -------
    Perturbation
    """

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        return y * np.float32(10 ** (level_db / 20))

    return Perturbation(f"gain {level_db:g} dB".replace("-", "−"), change)


def level(*, most_db: float = 3.0, seed: int = 0) -> Perturbation:
    """A level a little higher or lower, another for each clip.

    Parameters
    ----------
    most_db : float, default 3.0
        Largest gain or attenuation, in dB.
    seed : int, default 0
        Another seed gives other levels.

    Returns
    -------
    Perturbation
    """

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        return y * np.float32(10 ** (rng.uniform(-most_db, most_db) / 20))

    return Perturbation(f"level within {most_db:g} dB", change, seed)


def shift(*, most_s: float = 0.005, seed: int = 0) -> Perturbation:
    """A start a little earlier or later, another for each clip; zeros where nothing was.

    Parameters
    ----------
    most_s : float, default 0.005
        Largest shift, in seconds. Much less than a frame of 80 ms, frames still meet.
    seed : int, default 0
        Another seed gives other shifts.

    Returns
    -------
    Perturbation

    Examples
    --------
    >>> y = np.ones(8000, dtype=np.float32)
    >>> moved = shift().apply(y, 8000, key="clip 1")
    >>> int(np.sum(moved == 0)) <= 40
    True
    """

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        most = min(round(most_s * sr), len(y) - 1)
        by = int(rng.integers(-most, most + 1))
        moved = np.zeros_like(y)
        moved[max(0, by) : len(y) + min(0, by)] = y[max(0, -by) : len(y) - max(0, by)]
        return moved

    return Perturbation(f"shift within {1000 * most_s:g} ms", change, seed)


def noises(talkers: Sequence[FloatArray], *, seed: int = 0) -> tuple[Perturbation, ...]:
    """White noise and babble at every ratio of :data:`SNRS_DB`.

    Parameters
    ----------
    talkers : sequence of ndarray of float32, shape (sample,)
        Clips of speech that babble is made of.
    seed : int, default 0
        Another seed gives other noise.

    Returns
    -------
    tuple of Perturbation
    """
    white = [white_noise(snr_db=snr_db, seed=seed) for snr_db in SNRS_DB]
    return (*white, *(babble(talkers, snr_db=snr_db, seed=seed) for snr_db in SNRS_DB))


def standard_perturbations(talkers: Sequence[FloatArray]) -> tuple[Perturbation, ...]:
    """Everything that a bench of robustness applies.

    Parameters
    ----------
    talkers : sequence of ndarray of float32, shape (sample,)
        Clips of speech that babble is made of.

    Returns
    -------
    tuple of Perturbation
    """
    return (*noises(talkers), small_room(), telephone(), gain())


def _from_anywhere(voice: FloatArray, length: int, rng: np.random.Generator) -> FloatArray:
    """`length` samples from a random place on, over and over if need be."""
    start = int(rng.integers(len(voice)))
    return np.resize(np.roll(voice, -start), length)


@functools.lru_cache(maxsize=8)
def _band_pass(band_hz: tuple[float, float], sr: int) -> npt.NDArray[np.float64]:
    # Through the filter forwards and backwards: half the order, twice the attenuation, no delay.
    low, high = band_hz
    if high >= 0.45 * sr:
        return np.asarray(signal.butter(4, low, "highpass", fs=sr, output="sos"))
    return np.asarray(signal.butter(4, band_hz, "bandpass", fs=sr, output="sos"))
