"""Simulated recordings of four eras. SYNTHETIC: what comes out never was on a disc or a tape.

They show how an era classifier is made and measured where labelled historical recordings cannot
be had. What it then knows is these simulations. Where the figures come from:

- Acoustic recorders took 250 to 2,500 Hz, Western Electric's of 1925 took 50 to 6,000 Hz: AES
  Historical Committee, "Electrical Recording"
  (https://www.aes-media.org/historical/html/recording.technology.history/ortho.html), after
  J. P. Maxfield and H. C. Harrison, "Methods of high quality recording and reproducing of music
  and speech based on telephone research", Bell System Technical Journal 5(3), 1926. For acoustic
  ones the Library of Congress says "approximately 100 to 2500 Hz"
  (https://www.loc.gov/collections/national-jukebox/articles-and-essays/acoustical-recording/).
- A disc of 78 turns a minute turns 1.3 times a second: the rate of its wow. A hole 0.3 mm off the
  centre of a groove of 100 mm radius makes the speed go up and down by 0.3 %.
- A tape machine worth the name high fidelity kept 40 to 12,500 Hz, wow and flutter within 0.2 %,
  and noise at least 46 dB below full level: DIN 45 500 part 4
  (http://tonbandmuseum.info/die-din-45500-fuer-bandgeraete.html).
- MP3 at 24 kHz: 8 to 160 kbit/s, ISO/IEC 13818-3.

How loud surface noise and crackle are differs from disc to disc, and no figure is cited for it:
those ranges are chosen, and each clip draws from them. The effects themselves are those of
V. Välimäki, S. González, O. Kimmelma and J. Parviainen, "Digital Audio Antiquing", Journal of the
Audio Engineering Society 56(3), 2008.
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
from qtokfeatures.evaluation.perturbations import mix
from qtokfeatures.evaluation.signals import FloatArray, check_mono
from qtokfeatures.exceptions import InputError

Range = tuple[float, float]

MP3_SR: Final = 24_000
MP3_KBITS: Final = (8, 160)

_ORDER: Final = 4
_CLICK_S: Final = (0.0001, 0.001)


@dataclass(frozen=True)
class RecordingChain:
    """A simulated way to record and play sound.

    Parameters
    ----------
    name : str
        What to call it.
    years : str
        When it was common, for tables.
    band_hz : (float, float), optional
        What it lets through, in Hz; all by default.
    hiss_db : (float, float), optional
        Range of the ratio of signal to steady noise, in dB; none by default.
    crackle_db : (float, float), optional
        Range of the ratio of signal to clicks, in dB; none by default.
    clicks_per_s : (float, float), default=(0, 0)
        Range of the number of clicks.
    wobbles : tuple of (float, float), default=()
        Rate in Hz and depth of wow and flutter.
    mp3_kbits : (float, float), optional
        Range of the rate of an MP3, in kbit/s; none by default.

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
        """Send a clip through it.

        Parameters
        ----------
        y : array_like, shape (sample,)
            Mono samples.
        sr : int
            Their rate, in Hz.
        key : str
            The clip's name: it decides what is drawn, so that it comes out the same each time.
        seed : int, default=0
            Another seed draws anew.

        Returns
        -------
        ndarray of float32, shape (sample,)
            As long and, over the whole clip, as loud as it went in: level tells nothing.
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


ACOUSTIC: Final = RecordingChain(
    "acoustic horn", "until 1925", band_hz=(250.0, 2500.0), hiss_db=(8.0, 18.0),
    crackle_db=(10.0, 20.0), clicks_per_s=(20.0, 60.0), wobbles=((1.3, 0.003), (6.0, 0.001)),
)  # fmt: skip
"""A horn, a diaphragm and wax: narrow, noisy, crackling."""

ELECTRICAL: Final = RecordingChain(
    "electrical 78", "1925 to 1950", band_hz=(50.0, 6000.0), hiss_db=(18.0, 28.0),
    crackle_db=(18.0, 28.0), clicks_per_s=(5.0, 30.0), wobbles=((1.3, 0.003),),
)  # fmt: skip
"""Microphone and amplifier, shellac still."""

TAPE: Final = RecordingChain(
    "tape", "1950 to 1985", band_hz=(40.0, 12500.0), hiss_db=(36.0, 46.0),
    wobbles=((0.7, 0.001), (9.0, 0.001)),
)  # fmt: skip
"""Magnetic tape: hiss, and wow and flutter of 0.2 % together."""

LOW_RATE_MP3: Final = RecordingChain("low-rate MP3", "from 1995", mp3_kbits=(16.0, 32.0))
"""What a modem could carry."""

UNTREATED: Final = RecordingChain("untreated", "as it came")
"""Nothing: the clip as it is."""

RECORDING_CHAINS: Final = (ACOUSTIC, ELECTRICAL, TAPE, LOW_RATE_MP3, UNTREATED)
"""All of them, oldest first."""


def _as_loud(y: FloatArray, given: FloatArray) -> FloatArray:
    energy, wanted = float(np.sum(np.square(y))), float(np.sum(np.square(given)))
    gain = np.sqrt(wanted / energy) if energy > 0 else 1.0
    return np.asarray(gain * y, dtype=np.float32)


"""Lowest and highest rate of MPEG-2 layer III at 24 kHz (ISO/IEC 13818-3), in kbit/s."""


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
