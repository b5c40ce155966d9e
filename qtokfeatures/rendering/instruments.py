"""Notes, chords and phrases of every General MIDI instrument over its register."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np

from qtokfeatures.rendering import midi
from qtokfeatures.rendering.clips import Rendered, ScoreBatch, render_programs
from qtokfeatures.rendering.midi import Score

N_PROGRAMS: Final = 128

# Lowest and highest pitch of each family of eight programs, then of those that differ from it.
_FAMILY_RANGES: Final = (
    (28, 103),  # piano
    (53, 103),  # chromatic percussion
    (36, 91),  # organ
    (40, 84),  # guitar
    (26, 55),  # bass
    (40, 88),  # strings
    (36, 86),  # ensemble
    (45, 82),  # brass
    (46, 84),  # reed
    (60, 93),  # pipe
    (36, 93),  # synth lead
    (36, 86),  # synth pad
    (36, 86),  # synth effects
    (45, 84),  # plucked and blown from around the world
    (36, 84),  # percussive
    (36, 84),  # sound effects
)
_RANGES: Final = {
    40: (55, 100),  # violin
    41: (48, 88),  # viola
    42: (36, 76),  # cello
    43: (28, 60),  # contrabass
    47: (36, 60),  # timpani
    56: (54, 84),  # trumpet
    57: (38, 72),  # trombone
    58: (28, 58),  # tuba
    67: (36, 69),  # baritone saxophone
    70: (34, 72),  # bassoon
    71: (50, 91),  # clarinet
    72: (74, 105),  # piccolo
}
_SCALES: Final = (
    (0, 2, 4, 5, 7, 9, 11),
    (0, 2, 3, 5, 7, 8, 10),
    (0, 2, 4, 7, 9),
    (0, 1, 4, 5, 7, 8, 11),
    tuple(range(12)),
)
_CHORDS: Final = (
    (0, 4, 7),
    (0, 3, 7),
    (0, 7, 12),
    (0, 4, 7, 11),
    (0, 3, 7, 10),
    (0, 3, 6, 9),
    (-12, 0, 7, 16),
    (0, 4, 8),
)

Take = Callable[[Score, float, int, np.random.Generator], float]


def render_instruments(
    *, minutes: float, seed: int = 0, part: tuple[int, int] = (0, 1)
) -> Iterator[Rendered]:
    """Render all 128 programs of every soundfont, about equally long each."""
    return render_programs(
        _fill, range(N_PROGRAMS), minutes=minutes, seed=(seed, 1), part=part, largest_room=0.8
    )


def pitch_range(program: int) -> tuple[int, int]:
    """Lowest and highest pitch that a program is played at."""
    return _RANGES.get(program, _FAMILY_RANGES[program // 8])


def _fill(batch: ScoreBatch, program: int, seconds: float, rng: np.random.Generator) -> None:
    sounded = 0.0
    number = 0
    order = rng.permutation(len(_TAKES))
    while sounded < seconds:
        take = _TAKES[order[number % len(_TAKES)]]
        name = f"{program:03d}_{number:02d}_{take.__name__.removeprefix('_')}"
        before = batch.score.end_s
        batch.add(name, partial(_played, take=take, program=program, rng=rng))
        sounded += batch.score.end_s - before
        number += 1


def _played(
    score: Score, start_s: float, *, take: Take, program: int, rng: np.random.Generator
) -> float:
    send = 0 if rng.random() < 0.4 else int(rng.integers(20, 110))
    for controller, value in ((midi.REVERB_SEND, send), (midi.VOLUME, 100)):
        score.control(start_s - 0.05, channel=0, controller=controller, value=value)
    score.program(start_s - 0.05, channel=0, program=program)
    onset_s = start_s + rng.uniform(0.0, 0.15)
    release_s = rng.uniform(0.2, 0.9)
    return onset_s - start_s + take(score, onset_s, program, rng) + release_s


def _note(score: Score, start_s: float, program: int, rng: np.random.Generator) -> float:
    duration_s = rng.uniform(0.4, 2.5)
    pitch = _pitch(program, rng)
    score.note(start_s, duration_s, channel=0, pitch=pitch, velocity=_velocity(rng))
    return duration_s


def _two_notes(score: Score, start_s: float, program: int, rng: np.random.Generator) -> float:
    first_s = _note(score, start_s, program, rng)
    return first_s + _note(score, start_s + first_s, program, rng)


def _chord(score: Score, start_s: float, program: int, rng: np.random.Generator) -> float:
    duration_s = rng.uniform(0.8, 3.0)
    strum_s = rng.choice([0.0, 0.0, 0.02, 0.06])
    low, high = pitch_range(program)
    root = int(rng.integers(low, max(low + 1, high - 14)))
    velocity = _velocity(rng)
    for i, interval in enumerate(_CHORDS[rng.integers(len(_CHORDS))]):
        at_s = i * strum_s
        pitch = root + interval
        score.note(
            start_s + at_s, duration_s - at_s, channel=0, pitch=pitch, velocity=velocity - 2 * i
        )
    return duration_s


def _phrase(score: Score, start_s: float, program: int, rng: np.random.Generator) -> float:
    low, high = pitch_range(program)
    scale = _SCALES[rng.integers(len(_SCALES))]
    step_s = rng.uniform(0.09, 0.35)
    held = rng.choice([0.35, 0.85, 1.1])
    degree, root = 0, int(rng.integers(low + 4, max(low + 5, high - 12)))
    velocity = _velocity(rng)
    now_s = 0.0
    total_s = rng.uniform(2.0, 4.5)
    while now_s < total_s:
        length_s = step_s * rng.choice([1, 1, 1, 2, 2, 3])
        octave, index = divmod(degree, len(scale))
        pitch = min(high, max(low, root + 12 * octave + scale[index]))
        if rng.random() > 0.1:
            accent = int(rng.integers(-12, 13))
            score.note(
                start_s + now_s, length_s * held, channel=0, pitch=pitch, velocity=velocity + accent
            )
        degree = int(np.clip(degree + rng.choice([-3, -2, -1, -1, 1, 1, 2, 4]), -5, 9))
        now_s += length_s
    return now_s


def _arpeggio(score: Score, start_s: float, program: int, rng: np.random.Generator) -> float:
    low, high = pitch_range(program)
    chord = _CHORDS[rng.integers(len(_CHORDS))]
    root = int(rng.integers(low, max(low + 1, high - 24)))
    notes = [root + interval + 12 * octave for octave in (0, 1) for interval in chord]
    notes = notes + notes[-2:0:-1] if rng.random() < 0.5 else notes
    step_s = rng.uniform(0.07, 0.3)
    held_s = step_s * float(rng.choice([0.8, 3.0]))
    velocity = _velocity(rng)
    for i, pitch in enumerate(notes):
        score.note(start_s + i * step_s, held_s, channel=0, pitch=pitch, velocity=velocity)
    return len(notes) * step_s + held_s


def _repeated(score: Score, start_s: float, program: int, rng: np.random.Generator) -> float:
    pitches = [_pitch(program, rng)]
    pitches.append(pitches[0] + int(rng.choice([0, 0, 1, 2, 12])))
    step_s = rng.uniform(0.06, 0.3)
    n_notes = int(rng.uniform(1.0, 2.5) / step_s)
    loudness = np.linspace(_velocity(rng), _velocity(rng), n_notes)
    for i, velocity in enumerate(loudness):
        score.note(
            start_s + i * step_s,
            step_s * 0.7,
            channel=0,
            pitch=pitches[i % 2],
            velocity=round(float(velocity)),
        )
    return n_notes * step_s


def _swell(score: Score, start_s: float, program: int, rng: np.random.Generator) -> float:
    duration_s = rng.uniform(1.5, 3.5)
    levels = np.interp(
        np.linspace(0, 1, 60), [0, rng.uniform(0.2, 0.8), 1], rng.integers(30, 128, 3)
    )
    depth = int(rng.integers(0, 100))
    for i, level in enumerate(levels):
        at_s = start_s + i * duration_s / 60
        score.control(at_s, channel=0, controller=midi.EXPRESSION, value=round(float(level)))
        score.control(at_s, channel=0, controller=midi.VIBRATO, value=depth * i // 60)
    score.note(start_s, duration_s, channel=0, pitch=_pitch(program, rng), velocity=110)
    return duration_s


def _glide(score: Score, start_s: float, program: int, rng: np.random.Generator) -> float:
    duration_s = rng.uniform(1.0, 2.5)
    bends = np.interp(np.linspace(0, 1, 80), np.sort(rng.random(4)), rng.uniform(-2, 2, 4))
    for i, semitones in enumerate(bends):
        score.bend(start_s + i * duration_s / 80, channel=0, semitones=float(semitones))
    pitch = _pitch(program, rng)
    score.note(start_s, duration_s, channel=0, pitch=pitch, velocity=_velocity(rng))
    return duration_s


_TAKES: Final[tuple[Take, ...]] = (
    _note,
    _two_notes,
    _chord,
    _phrase,
    _arpeggio,
    _note,
    _phrase,
    _repeated,
    _two_notes,
    _swell,
    _glide,
)


def _pitch(program: int, rng: np.random.Generator) -> int:
    low, high = pitch_range(program)
    return int(rng.integers(low, high + 1))


def _velocity(rng: np.random.Generator) -> int:
    return int(rng.integers(22, 128))
