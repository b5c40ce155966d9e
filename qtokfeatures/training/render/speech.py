"""Synthetic voices: espeak-ng in many languages and variants, flite in English."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from qtokfeatures.training.render.reel import Rendered, at_level
from qtokfeatures.training.render.sentences import (
    PHRASES,
    english_sentence,
    foreign_sentence,
    words,
)
from qtokfeatures.training.render.tools import speak_espeak, speak_flite

ESPEAK_LICENCE: Final = "output of espeak-ng (program GPL-3.0-or-later; text by this project)"
FLITE_LICENCE: Final = "output of CMU Flite (BSD-like voices; text by this project)"

_MEAN_S: Final = 3.55
_FLITE_SHARE: Final = 0.4
_FLITE_VOICES: Final = ("slt", "rms", "awb", "kal16", "slt", "rms", "awb")
_ENGLISH: Final = ("en-us", "en-gb", "en-gb-scotland", "en-029", "en-gb-x-rp", "en-us-nyc")
_VARIANTS: Final = words(
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 Alex Alicia Andrea Andy Annie Denis Diogo Gene Hugo "
    "Jacky Lee Marco Mario Michael Mike Nguyen Storm adam anika antonio aunty belinda benjamin "
    "boris caleb croak david ed edward grandma grandpa gustave iven john kaukovalta klatt klatt2 "
    "klatt3 klatt4 linda marcelo max michel miguel norbert pablo paul pedro quincy rob robert "
    "sandro shelby steph travis victor whisper whisperf zac"
)


def render_speech(
    *, minutes: float, seed: int = 0, part: tuple[int, int] = (0, 1)
) -> Iterator[Rendered]:
    """Render sentences, each in another voice, rate and pitch.

    Parameters and yields are those of
    :func:`qtokfeatures.training.render.instruments.render_instruments`, with kind "speech".
    """
    n_clips = max(1, round(minutes * 60 / _MEAN_S))
    for number in range(part[0], n_clips, part[1]):
        rng = np.random.default_rng((seed, 4, number))
        yield _utterance(f"{number:04d}", rng)


def _utterance(name: str, rng: np.random.Generator) -> Rendered:
    if rng.random() < _FLITE_SHARE:
        voice = str(rng.choice(_FLITE_VOICES))
        y = speak_flite(
            english_sentence(rng),
            voice=voice,
            stretch=rng.uniform(0.75, 1.4),
            pitch_factor=rng.uniform(0.8, 1.3),
        )
        return Rendered(f"{name}_flite-{voice}", "speech", at_level(y, rng), FLITE_LICENCE, "flite")
    voice, text = _voice_and_text(rng)
    y = speak_espeak(
        text,
        voice=voice,
        words_per_minute=int(rng.integers(110, 240)),
        pitch=int(rng.integers(15, 90)),
        pitch_range=int(rng.integers(20, 90)),
    )
    name = f"{name}_espeak-{voice.replace('+', '-')}"
    return Rendered(name, "speech", at_level(y, rng), ESPEAK_LICENCE, "espeak-ng")


def _voice_and_text(rng: np.random.Generator) -> tuple[str, str]:
    variant = str(rng.choice(_VARIANTS))
    if rng.random() < 0.45:
        return f"{rng.choice(_ENGLISH)}+{variant}", english_sentence(rng)
    language = str(rng.choice(list(PHRASES)))
    return f"{language}+{variant}", foreign_sentence(language, rng)
