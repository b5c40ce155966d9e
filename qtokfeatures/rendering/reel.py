"""Many takes on one score: played in one call, cut apart afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.rendering import midi
from qtokfeatures.rendering.midi import Score
from qtokfeatures.rendering.soundfonts import FLUID, Soundfont
from qtokfeatures.rendering.spoken import Span
from qtokfeatures.rendering.tools import SAMPLE_RATE, synthesise

FloatArray = npt.NDArray[np.float32]

Play = Callable[[Score, float], float]
"""Writes a take at a time onto a score and returns how long it sounds, s."""

_GAP_S: Final = 0.5


@dataclass(frozen=True)
class Rendered:
    """One rendered clip.

    Attributes
    ----------
    name : str
        Unique within its renderer; a file name without suffix.
    kind : str
        One of :data:`qtokfeatures.rendering.listing.KINDS`.
    y : numpy.ndarray
        float32 (sample,), 24 kHz, peak at most 1.
    licence, source : str
        For the listing.
    phones, words : tuple of Span, default ()
        When each sounds, of speech of which it is known.
    """

    name: str
    kind: str
    y: FloatArray
    licence: str
    source: str
    phones: tuple[Span, ...] = ()
    words: tuple[Span, ...] = ()


class Reel:
    """Takes one after another on one score.

    Parameters
    ----------
    reverb_room : float, default 0.0
        Size of the room all takes share; how much each hears of it is its reverb send.
    soundfont : Soundfont, default FLUID
        What it is played with.
    """

    def __init__(self, *, reverb_room: float = 0.0, soundfont: Soundfont = FLUID) -> None:
        self.reverb_room = reverb_room
        self.soundfont = soundfont
        self.score = Score()
        self._cuts: list[tuple[str, float, float]] = []
        self._now_s = 0.1

    def add(self, name: str, play: Play) -> None:
        """Write a take behind the ones already there."""
        start_s = self._now_s
        end_s = start_s + play(self.score, start_s)
        for channel in range(16):
            for controller in (midi.ALL_SOUND_OFF, midi.RESET_CONTROLLERS):
                self.score.control(end_s, channel=channel, controller=controller, value=0)
        self._cuts.append((name, start_s, end_s))
        self._now_s = end_s + _GAP_S
        self.score.extend(self._now_s)

    def clips(self) -> Iterator[tuple[str, FloatArray]]:
        """Play everything in one call; yield each take's name and samples."""
        y = synthesise(self.score, soundfont=self.soundfont.path, reverb_room=self.reverb_room)
        for name, start_s, end_s in self._cuts:
            start, end = (round(time_s * SAMPLE_RATE) for time_s in (start_s, end_s))
            yield name, _faded(y[start:end])


def at_level(y: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Scale a clip to a random peak between −20 and −1 dB; silence stays silence."""
    peak = float(np.abs(y).max(initial=0.0))
    if peak == 0.0:
        return y
    return y * np.float32(10 ** (rng.uniform(-20.0, -1.0) / 20) / peak)


def _faded(y: FloatArray) -> FloatArray:
    n = min(y.size, round(0.02 * SAMPLE_RATE))
    out = y.copy()
    out[y.size - n :] *= np.linspace(1.0, 0.0, n, dtype=np.float32)
    return out
