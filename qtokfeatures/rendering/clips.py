"""Rendered clips, many of them played on one score and cut apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from qtokfeatures.rendering import midi
from qtokfeatures.rendering.midi import Score
from qtokfeatures.rendering.tools import (
    FLUID,
    SAMPLE_RATE,
    Soundfont,
    installed_soundfonts,
    synthesise,
)

FloatArray = npt.NDArray[np.float32]

# Writes a take onto a score from a time in s; returns its duration in s.
Play = Callable[[Score, float], float]

_GAP_S: Final = 0.5  # between takes, for reverberation to decay


class Span(NamedTuple):
    """A phone or word from sample ``start`` up to ``end``."""

    label: str
    start: int
    end: int


@dataclass(frozen=True)
class Rendered:
    """One rendered clip.

    Parameters
    ----------
    name : str
        Name within its renderer; a file name without suffix.
    kind : str
        Kind of sound: "speech", "instrument", "music", "environment" or "noise".
    y : ndarray of float32, shape (sample,)
        Samples at 24 kHz, peak at most 1.
    licence : str
        Licence of the clip.
    source : str
        Program and soundfont or voice.
    phones : tuple of Span, default=()
        Timed phones of speech.
    words : tuple of Span, default=()
        Timed words of English speech.
    """

    name: str
    kind: str
    y: FloatArray
    licence: str
    source: str
    phones: tuple[Span, ...] = ()
    words: tuple[Span, ...] = ()


class ScoreBatch:
    """Takes on one score, played in one call and cut apart.

    All takes share the room; the reverb send of each sets its share of reverberation.
    """

    def __init__(self, *, reverb_room: float = 0.0, soundfont: Soundfont = FLUID) -> None:
        self.reverb_room = reverb_room
        self.soundfont = soundfont
        self.score = Score()
        self._cuts: list[tuple[str, float, float]] = []
        self._now_s = 0.1

    def add(self, name: str, play: Play) -> None:
        """Append a take to the score."""
        start_s = self._now_s
        end_s = start_s + play(self.score, start_s)
        for channel in range(16):
            for controller in (midi.ALL_SOUND_OFF, midi.RESET_CONTROLLERS):
                self.score.control(end_s, channel=channel, controller=controller, value=0)
        self._cuts.append((name, start_s, end_s))
        self._now_s = end_s + _GAP_S
        self.score.extend(self._now_s)

    def clips(self) -> Iterator[tuple[str, FloatArray]]:
        """Play the score; yield the name and samples of each take."""
        y = synthesise(self.score, soundfont=self.soundfont.path, reverb_room=self.reverb_room)
        for name, start_s, end_s in self._cuts:
            start, end = (round(time_s * SAMPLE_RATE) for time_s in (start_s, end_s))
            yield name, _faded(y[start:end])


def render_programs(
    fill: Callable[[ScoreBatch, int, float, np.random.Generator], None],
    programs: Sequence[int],
    *,
    minutes: float,
    seed: tuple[int, int],
    part: tuple[int, int],
    largest_room: float,
) -> Iterator[Rendered]:
    """Render each program of every soundfont, about equally long, as `fill` writes it.

    ``part=(i, n)`` renders every n-th of them from the i-th on, for n processes.
    """
    plan = list(product(enumerate(installed_soundfonts()), programs))
    for (number, soundfont), program in plan[part[0] :: part[1]]:
        rng = np.random.default_rng((*seed, program, number))
        room = float(rng.uniform(0.1, largest_room))
        batch = ScoreBatch(reverb_room=room, soundfont=soundfont)
        fill(batch, program, minutes * 60 / len(plan), rng)
        for name, y in batch.clips():
            name, y = f"{soundfont.name}_{name}", at_level(y, rng)
            yield Rendered(name, "instrument", y, soundfont.licence, soundfont.source)


def at_level(y: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The clip at a random peak between −20 and −1 dB; silence unchanged."""
    peak = float(np.abs(y).max(initial=0.0))
    if peak == 0.0:
        return y
    return y * np.float32(10 ** (rng.uniform(-20.0, -1.0) / 20) / peak)


def _faded(y: FloatArray) -> FloatArray:
    n = min(y.size, round(0.02 * SAMPLE_RATE))
    out = y.copy()
    out[y.size - n :] *= np.linspace(1.0, 0.0, n, dtype=np.float32)
    return out
