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

import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.degradations import (
    add_crackle,
    add_hiss,
    band_limit,
    through_mp3,
    wow_and_flutter,
)
from qtokfeatures.evaluation.pairs import FloatArray, check_mono

Range = tuple[float, float]


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
