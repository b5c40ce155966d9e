"""Simulated recordings of four eras, for classifiers without labelled historical recordings.

A classifier trained on them has learnt these simulations. Sources of the figures:

- Acoustic recorders took 250 to 2,500 Hz, Western Electric's of 1925 took 50 to 6,000 Hz: AES
  Historical Committee, "Electrical Recording"
  (https://www.aes-media.org/historical/html/recording.technology.history/ortho.html), after
  J. P. Maxfield and H. C. Harrison, "Methods of high quality recording and reproducing of music
  and speech based on telephone research", Bell System Technical Journal 5(3), 1926. For acoustic
  ones the Library of Congress says "approximately 100 to 2500 Hz"
  (https://www.loc.gov/collections/national-jukebox/articles-and-essays/acoustical-recording/).
- A disc of 78 turns per minute turns 1.3 times per second, the rate of its wow. A hole 0.3 mm off
  the centre of a groove of 100 mm radius varies the speed by ±0.3 %.
- A tape machine worth the name high fidelity kept 40 to 12,500 Hz, wow and flutter within 0.2 %,
  and noise at least 46 dB below full level: DIN 45 500 part 4
  (http://tonbandmuseum.info/die-din-45500-fuer-bandgeraete.html).
- MP3 at 24 kHz: 8 to 160 kbit/s, ISO/IEC 13818-3.

Levels of surface noise and crackle differ from disc to disc: their ranges are chosen, not cited,
and each clip draws from them. The effects are those of V. Välimäki, S. González, O. Kimmelma and
J. Parviainen, "Digital Audio Antiquing", Journal of the Audio Engineering Society 56(3), 2008.
"""

from __future__ import annotations

import inspect
import io
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile
from scipy import ndimage, signal

from qtokfeatures.audio import resample
from qtokfeatures.evaluation.alignment import find_lag
from qtokfeatures.evaluation.perturbations import band_limit, mix
from qtokfeatures.evaluation.signals import FloatArray, check_mono
from qtokfeatures.exceptions import InputError
from qtokfeatures.parameters import number

Range = tuple[float, float]

MP3_SR: Final = 24_000
MP3_KBITS: Final = (8, 160)  # of MPEG-2 layer III at 24 kHz (ISO/IEC 13818-3)

# Clicks of a worn disc are impulses "typically less than a few milliseconds in length" (Godsill and
# Rayner, Digital Audio Restoration, Springer 1998, chapter 5, additive bursts at random times).
_CLICK_S: Final = (0.0001, 0.001)


@dataclass(frozen=True)
class RecordingChain:
    """A simulated chain of recording and playback.

    Parameters
    ----------
    name : str
        Name in tables, part of the random seed.
    years : str
        Years of common use, for tables.
    band_hz : (float, float), optional
        Pass band, in Hz; no limit by default.
    hiss_db : (float, float), optional
        Range of the ratio of signal to stationary noise, in dB; no noise by default.
    crackle_db : (float, float), optional
        Range of the ratio of signal to clicks, in dB; no clicks by default.
    clicks_per_s : (float, float), default=(0, 0)
        Range of the mean number of clicks per second.
    wobbles : tuple of (float, float), default=()
        Rate in Hz and relative depth of each periodic speed variation; 0.002 is ±0.2 %.
    mp3_kbits : (float, float), optional
        Range of the bit rate of MP3 coding, in kbit/s, 8 to 160; no coding by default.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.random.default_rng(0).normal(0, 0.1, 24000).astype(np.float32)
    >>> ACOUSTIC.apply(y, 24000, key="clip 1").shape
    (24000,)
    """

    name: str
    years: str
    band_hz: Range | None = None
    hiss_db: Range | None = None
    crackle_db: Range | None = None
    clicks_per_s: Range = (0.0, 0.0)
    wobbles: tuple[tuple[float, float], ...] = ()
    mp3_kbits: Range | None = None

    def apply(self, y: npt.ArrayLike, sr: int, *, key: str, seed: int = 0) -> FloatArray:
        """Return the clip as recorded and played by this chain.

        Parameters
        ----------
        y : array_like, shape (sample,)
            Mono samples.
        sr : int
            Sampling rate, in Hz.
        key : str
            Name of the clip, part of the random seed: equal keys give equal results.
        seed : int, default=0
            Seed of the random numbers.

        Returns
        -------
        ndarray of float32, shape (sample,)
            Of the same length and energy as `y`, so that level says nothing about the era.
        """
        rng = np.random.default_rng((seed, zlib.crc32(f"{self.name}/{key}".encode())))
        given = check_mono(y, key)
        out = given
        if self.wobbles:
            out = wow_and_flutter(out, sr, rng, wobbles=self.wobbles)
        if self.band_hz is not None:
            out = band_limit(out, sr, band_hz=self.band_hz)
        if self.hiss_db is not None:
            out = add_hiss(out, sr, rng, snr_db=rng.uniform(*self.hiss_db))
        if self.crackle_db is not None:
            clicks_per_s = rng.uniform(*self.clicks_per_s)
            snr_db = rng.uniform(*self.crackle_db)
            out = add_crackle(out, sr, rng, clicks_per_s=clicks_per_s, snr_db=snr_db)
        if self.mp3_kbits is not None:
            out = through_mp3(out, sr, kbits=rng.uniform(*self.mp3_kbits))
        return _as_loud(out, given)


# Horn, diaphragm and wax: narrow, noisy, crackling.
ACOUSTIC: Final = RecordingChain(
    "acoustic horn", "until 1925", band_hz=(250.0, 2500.0), hiss_db=(8.0, 18.0),
    crackle_db=(10.0, 20.0), clicks_per_s=(20.0, 60.0), wobbles=((1.3, 0.003), (6.0, 0.001)),
)  # fmt: skip

# Microphone and amplifier, still on shellac.
ELECTRICAL: Final = RecordingChain(
    "electrical 78", "1925 to 1950", band_hz=(50.0, 6000.0), hiss_db=(18.0, 28.0),
    crackle_db=(18.0, 28.0), clicks_per_s=(5.0, 30.0), wobbles=((1.3, 0.003),),
)  # fmt: skip

# Magnetic tape: hiss, wow and flutter of 0.2 % together.
TAPE: Final = RecordingChain(
    "tape", "1950 to 1985", band_hz=(40.0, 12500.0), hiss_db=(36.0, 46.0),
    wobbles=((0.7, 0.001), (9.0, 0.001)),
)  # fmt: skip

LOW_RATE_MP3: Final = RecordingChain("low-rate MP3", "from 1995", mp3_kbits=(16.0, 32.0))

UNTREATED: Final = RecordingChain("untreated", "as it came")

# Oldest first.
RECORDING_CHAINS: Final = (ACOUSTIC, ELECTRICAL, TAPE, LOW_RATE_MP3, UNTREATED)


def _as_loud(y: FloatArray, given: FloatArray) -> FloatArray:
    energy, wanted = float(np.sum(np.square(y))), float(np.sum(np.square(given)))
    gain = np.sqrt(wanted / energy) if energy > 0 else 1.0
    return np.asarray(gain * y, dtype=np.float32)


def add_hiss(
    y: FloatArray, sr: int, rng: np.random.Generator, *, snr_db: float, from_hz: float = 500.0
) -> FloatArray:
    """Add stationary noise, white above `from_hz` and falling by 6 dB per octave below it."""
    sections = signal.butter(1, min(from_hz, 0.45 * sr), "highpass", fs=sr, output="sos")
    noise = signal.sosfilt(sections, rng.standard_normal(len(y)))
    return mix(y, noise.astype(np.float32), snr_db=snr_db)


def add_crackle(
    y: FloatArray, sr: int, rng: np.random.Generator, *, clicks_per_s: float, snr_db: float
) -> FloatArray:
    """Add clicks of 0.1 to 1 ms and log-normal amplitude at random times."""
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
    """Vary the speed periodically; no sample moves by more than ``depth / (pi * rate)`` seconds."""
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
    """Encode as MP3 at 24 kHz, decode, and remove the encoder's delay."""
    lowest, highest = MP3_KBITS
    kbits = number("kbits", kbits, at_least=lowest, at_most=highest)
    if "MP3" not in soundfile.available_formats() or not _takes_a_rate():
        raise InputError("MP3 of a given bit rate needs soundfile 0.13 or newer with MP3 support")
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
