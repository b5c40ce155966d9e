"""Single notes of General MIDI instruments, for classification across soundfonts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from qtokfeatures.rendering import midi
from qtokfeatures.rendering.clips import FloatArray, ScoreBatch, at_level
from qtokfeatures.rendering.instruments import pitch_range
from qtokfeatures.rendering.midi import Score
from qtokfeatures.rendering.tools import Soundfont

# General MIDI programs, counted from 0, by family.
INSTRUMENTS: Final[dict[str, dict[str, int]]] = {
    "keyboard": {"grand piano": 0, "harpsichord": 6, "celesta": 8},
    "mallets": {"glockenspiel": 9, "vibraphone": 11, "marimba": 12, "tubular bells": 14},
    "organ": {"drawbar organ": 16, "church organ": 19, "accordion": 21},
    "guitar": {"nylon guitar": 24, "steel guitar": 25, "distortion guitar": 30},
    "bass": {"acoustic bass": 32, "finger bass": 33},
    "bowed": {"violin": 40, "cello": 42, "contrabass": 43},
    "plucked": {"pizzicato": 45, "harp": 46, "sitar": 104},
    "brass": {"trumpet": 56, "trombone": 57, "tuba": 58, "french horn": 60},
    "reed": {"alto saxophone": 65, "oboe": 68, "bassoon": 70, "clarinet": 71},
    "pipe": {"flute": 73, "recorder": 74, "pan flute": 75},
}

_TAKE_S: Final = 2.0
_SILENT: Final = 1e-4


@dataclass(frozen=True)
class Note:
    """One rendered note."""

    name: str
    y: FloatArray
    instrument: str
    family: str
    soundfont: str


def render_notes(
    soundfont: Soundfont, *, per_instrument: int = 16, seed: int = 0
) -> Iterator[Note]:
    """Render notes of every instrument, spread over its register."""
    batch, kept = ScoreBatch(soundfont=soundfont), {}
    for family, programs in INSTRUMENTS.items():
        for instrument, program in programs.items():
            rng = np.random.default_rng((seed, program, *soundfont.name.encode()))
            for i, pitch in enumerate(_pitches(program, per_instrument, rng)):
                name = f"{soundfont.name}/{instrument}/{i:02d}"
                batch.add(name, partial(_played, program=program, pitch=pitch, rng=rng))
                kept[name] = (instrument, family, rng)
    for name, y in batch.clips():
        instrument, family, rng = kept[name]
        if np.abs(y).max() > _SILENT:  # some soundfonts lack the end of a register
            yield Note(name, at_level(y, rng), instrument, family, soundfont.name)


def _pitches(program: int, count: int, rng: np.random.Generator) -> list[int]:
    low, high = pitch_range(program)
    return [round(low + (high - low) * (i + rng.uniform()) / count) for i in range(count)]


def _played(
    score: Score, start_s: float, *, program: int, pitch: int, rng: np.random.Generator
) -> float:
    score.program(start_s - 0.05, channel=0, program=program)
    score.control(start_s - 0.05, channel=0, controller=midi.REVERB_SEND, value=0)
    onset_s = start_s + rng.uniform(0.0, 0.1)
    duration_s = rng.uniform(0.4, 1.5)
    score.note(onset_s, duration_s, channel=0, pitch=pitch, velocity=int(rng.integers(40, 121)))
    return _TAKE_S
