"""Synthetic voices: English with the time of every phone and word, and other languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from qtokfeatures.rendering.lexicon import words
from qtokfeatures.rendering.reel import Rendered, at_level
from qtokfeatures.rendering.sentences import PHRASES, english_text, foreign_sentence
from qtokfeatures.rendering.spoken import Spoken, padded, say_espeak, say_flite
from qtokfeatures.rendering.tools import SAMPLE_RATE

ESPEAK_LICENCE: Final = "output of espeak-ng (program GPL-3.0-or-later; text by this project)"
FLITE_LICENCE: Final = "output of CMU Flite (BSD-like voices; text by this project)"

_MEAN_S: Final = 2.45
_FOREIGN_MEAN_S: Final = 3.3
_FLITE_SHARE: Final = 0.25
_LONGEST_PAUSE_S: Final = 0.15
_FLITE_VOICES: Final = words("slt slt slt rms rms rms awb awb awb kal16 kal16 kal")
_ENGLISH: Final = words(
    "en-us en-us en-us en en en-gb-scotland en-029 en-gb-x-rp en-gb-x-gbclan en-us-nyc"
)
_VARIANTS: Final = words(
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 Alex Alicia Andrea Andy Annie Denis Diogo Gene "
    "Gene2 Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen Storm adam anika antonio "
    "aunty belinda benjamin boris caleb croak david ed edward edward2 grandma grandpa gustave "
    "iven iven2 iven3 iven4 john kaukovalta klatt klatt2 klatt3 klatt4 klatt5 klatt6 linda "
    "marcelo max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby steph "
    "steph2 steph3 travis victor whisper whisperf zac"
)


def render_speech(
    *, minutes: float, seed: int = 0, part: tuple[int, int] = (0, 1)
) -> Iterator[Rendered]:
    """Render English sentences, digits and words, each in another voice, rate and pitch.

    Parameters and yields are those of
    :func:`qtokfeatures.rendering.instruments.render_instruments`, with kind "speech", phones
    and words.
    """
    n_clips = max(1, round(minutes * 60 / _MEAN_S))
    for number in range(part[0], n_clips, part[1]):
        rng = np.random.default_rng((seed, 4, number))
        by_flite = rng.random() < _FLITE_SHARE
        yield _flite(f"{number:05d}", rng) if by_flite else _espeak(f"{number:05d}", "en", rng)


def render_foreign(
    *, minutes: float, seed: int = 0, part: tuple[int, int] = (0, 1)
) -> Iterator[Rendered]:
    """Render sentences in the languages of :data:`~.sentences.PHRASES`, with phones.

    Parameters and yields are those of
    :func:`qtokfeatures.rendering.instruments.render_instruments`, with kind "speech".
    """
    n_clips = max(1, round(minutes * 60 / _FOREIGN_MEAN_S))
    for number in range(part[0], n_clips, part[1]):
        rng = np.random.default_rng((seed, 6, number))
        yield _espeak(f"{number:05d}", str(rng.choice(list(PHRASES))), rng)


def _flite(name: str, rng: np.random.Generator) -> Rendered:
    voice = str(rng.choice(_FLITE_VOICES))
    spoken = say_flite(
        english_text(rng),
        voice=voice,
        stretch=float(rng.uniform(0.7, 1.45)),
        pitch_factor=float(rng.uniform(0.75, 1.4)),
    )
    return _rendered(f"{name}_flite-{voice}", spoken, FLITE_LICENCE, "flite", rng)


def _espeak(name: str, language: str, rng: np.random.Generator) -> Rendered:
    english = language == "en"
    accent = str(rng.choice(_ENGLISH)) if english else language
    voice = f"{accent}+{rng.choice(_VARIANTS)}"
    spoken = say_espeak(
        english_text(rng) if english else foreign_sentence(language, rng),
        voice=voice,
        words_per_minute=int(rng.integers(110, 261)),
        pitch=int(rng.integers(10, 95)),
        pitch_range=int(rng.integers(15, 95)),
        word_gap=int(rng.choice([0, 0, 0, 2, 6, 12])),
    )
    if not english:  # a phrase's words are no aim of training, and some are numerals
        spoken = Spoken(spoken.y, spoken.phones, ())
    name = f"{name}_espeak-{voice.replace('+', '-')}"
    return _rendered(name, spoken, ESPEAK_LICENCE, "espeak-ng", rng)


def _rendered(
    name: str, spoken: Spoken, licence: str, source: str, rng: np.random.Generator
) -> Rendered:
    before, after = (rng.uniform(0, _LONGEST_PAUSE_S, 2) * SAMPLE_RATE).round().astype(int).tolist()
    whole = padded(spoken, before=before, after=after)
    y = at_level(whole.y, rng)
    return Rendered(name, "speech", y, licence, source, phones=whole.phones, words=whole.words)
