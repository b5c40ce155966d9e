"""Drum kits: single hits of every drum, and grooves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np

from qtokfeatures.rendering import midi
from qtokfeatures.rendering.clips import Rendered, ScoreBatch, render_programs
from qtokfeatures.rendering.midi import DRUM_CHANNEL, Score

# Kits of the soundfonts, by program number on the drum channel.
KITS: Final = {
    0: "standard",
    8: "room",
    16: "power",
    24: "electronic",
    25: "tr808",
    32: "jazz",
    40: "brush",
    48: "orchestra",
}

_LOWEST, _HIGHEST = 35, 81
_KICKS, _SNARES, _HATS = (35, 36), (38, 40, 37, 39), (42, 44, 46, 51, 53, 54, 69, 70, 82)
_TOMS, _CRASHES = (41, 43, 45, 47, 48, 50), (49, 57, 52, 55)
# Sixteenths of a bar on which kick and snare fall.
_KICK_PATTERNS: Final = (
    (0, 8),
    (0, 4, 8, 12),
    (0, 6, 8),
    (0, 3, 8, 10),
    (0, 10),
    (0, 7, 10, 14),
    (0, 2, 5, 10, 13),
)
_SNARE_PATTERNS: Final = ((4, 12), (4, 12), (8,), (4, 12, 15), (4, 7, 12), (3, 6, 12), ())
_HAT_STEPS: Final = (1, 2, 2, 2, 4)


def render_drums(
    *, minutes: float, seed: int = 0, part: tuple[int, int] = (0, 1)
) -> Iterator[Rendered]:
    """Render hits and grooves of every kit of every soundfont, about equally long each."""
    return render_programs(
        _fill, list(KITS), minutes=minutes, seed=(seed, 2), part=part, largest_room=0.7
    )


def write_groove(
    score: Score,
    start_s: float,
    *,
    n_bars: int,
    sixteenth_s: float,
    steps_per_bar: int = 16,
    loudness: float = 1.0,
    rng: np.random.Generator,
) -> float:
    """Write a groove of one random pattern and a final fill; return its duration in s."""
    voices = _pattern(steps_per_bar, rng)
    swing_s = sixteenth_s * rng.choice([0.0, 0.0, 0.33])
    fill_from = steps_per_bar - 4 if rng.random() < 0.7 else steps_per_bar
    for bar in range(n_bars):
        filling = bar == n_bars - 1
        for step in range(steps_per_bar):
            at_s = start_s + (bar * steps_per_bar + step) * sixteenth_s + swing_s * (step % 2)
            hits = _fill_hits(rng) if filling and step >= fill_from else voices[step]
            for pitch, velocity in hits:
                _hit(score, at_s, pitch, velocity * loudness, rng)
    _hit(score, start_s, int(rng.choice(_CRASHES)), 80 * loudness, rng)
    return n_bars * steps_per_bar * sixteenth_s


def _fill(batch: ScoreBatch, kit: int, seconds: float, rng: np.random.Generator) -> None:
    end_s = batch.score.end_s + seconds
    pitches = rng.permutation(np.arange(_LOWEST, _HIGHEST + 1))
    number = 0
    while batch.score.end_s < end_s:
        if number % 2:
            play = partial(_groove_take, kit=kit, rng=rng)
            name = f"{KITS[kit]}_{number:03d}_groove"
        else:
            chosen = np.roll(pitches, -3 * number)[:3]
            play = partial(_hits_take, kit=kit, pitches=chosen, rng=rng)
            name = f"{KITS[kit]}_{number:03d}_hits"
        batch.add(name, play)
        number += 1


def _prepare(score: Score, start_s: float, kit: int, rng: np.random.Generator) -> None:
    send = 0 if rng.random() < 0.4 else int(rng.integers(20, 100))
    score.program(start_s - 0.05, channel=DRUM_CHANNEL, program=kit)
    for controller, value in ((midi.REVERB_SEND, send), (midi.VOLUME, 100)):
        score.control(start_s - 0.05, channel=DRUM_CHANNEL, controller=controller, value=value)


def _groove_take(score: Score, start_s: float, *, kit: int, rng: np.random.Generator) -> float:
    _prepare(score, start_s, kit, rng)
    sixteenth_s = 15 / rng.uniform(65, 180)
    n_bars = max(1, round(rng.uniform(3.5, 7.0) / (16 * sixteenth_s)))
    return 0.3 + write_groove(score, start_s, n_bars=n_bars, sixteenth_s=sixteenth_s, rng=rng)


def _hits_take(
    score: Score, start_s: float, *, kit: int, pitches: np.ndarray, rng: np.random.Generator
) -> float:
    _prepare(score, start_s, kit, rng)
    now_s = 0.03
    for pitch in pitches:
        gap_s = rng.uniform(0.15, 0.9)
        for _ in range(rng.integers(1, 4)):
            _hit(score, start_s + now_s, int(pitch), rng.uniform(40, 127), rng)
            now_s += gap_s
    return now_s + 0.4


def _pattern(steps_per_bar: int, rng: np.random.Generator) -> list[list[tuple[int, float]]]:
    kick, snare = int(rng.choice(_KICKS)), int(rng.choice(_SNARES))
    hat, hat_step = int(rng.choice(_HATS)), int(rng.choice(_HAT_STEPS))
    kicks = _KICK_PATTERNS[rng.integers(len(_KICK_PATTERNS))]
    snares = _SNARE_PATTERNS[rng.integers(len(_SNARE_PATTERNS))]
    voices: list[list[tuple[int, float]]] = [[] for _ in range(steps_per_bar)]
    for step, voice in enumerate(voices):
        if step in kicks:
            voice.append((kick, 105.0))
        if step in snares:
            voice.append((snare, 100.0))
        if step % hat_step == 0:
            voice.append((hat, 85.0 if step % 4 == 0 else 62.0))
    return voices


def _fill_hits(rng: np.random.Generator) -> list[tuple[int, float]]:
    return [(int(rng.choice(_TOMS + _SNARES[:2])), rng.uniform(70, 115))]


def _hit(score: Score, at_s: float, pitch: int, velocity: float, rng: np.random.Generator) -> None:
    score.note(
        max(0.0, at_s + rng.normal(0, 0.004)),
        0.12,
        channel=DRUM_CHANNEL,
        pitch=pitch,
        velocity=round(velocity + rng.normal(0, 6)),
    )
