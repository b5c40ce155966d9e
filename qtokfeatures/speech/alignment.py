"""When each symbol was said: the most probable path that spells a transcript."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.labelled import schema
from qtokfeatures.speech.network import BLANK

Spans = npt.NDArray[np.int64]


def align_symbols(log_probs: npt.NDArray[np.floating[Any]], symbols: npt.ArrayLike) -> Spans:
    """Find the steps of each symbol on the most probable path (Viterbi) that spells them."""
    wanted = np.asarray(symbols, dtype=np.int64)
    states = np.full(2 * len(wanted) + 1, BLANK)
    states[1::2] = wanted
    emitted = np.asarray(log_probs, dtype=np.float64)[:, states]
    came_from = _best_predecessors(emitted, states)
    state = len(states) - 1
    if len(states) > 1 and came_from.score[-2] > came_from.score[-1]:
        state -= 1
    path = np.empty(len(emitted), dtype=np.int64)
    for step in range(len(emitted) - 1, -1, -1):
        path[step] = state
        state -= int(came_from.jump[step, state])
    steps = [np.flatnonzero(path == 2 * k + 1) for k in range(len(wanted))]
    return np.array([(own[0], own[-1] + 1) for own in steps], dtype=np.int64).reshape(-1, 2)


def label_spans(
    spans: Sequence[Spans],
    symbols: Sequence[Sequence[str]],
    *,
    clips: Sequence[str],
    stride: int = 1,
    frame_rate: float | None = None,
) -> xr.Dataset:
    """Label the steps of symbols with what is said, the clip and the time."""
    index = np.repeat(np.arange(len(symbols)), [len(own) for own in symbols])
    edges = np.concatenate([np.zeros((0, 2)), *spans]) * stride / (frame_rate or 1)
    attrs = {"units": "frame" if frame_rate is None else "s"}
    return xr.Dataset(
        {"start": ("symbol", edges[:, 0], attrs), "end": ("symbol", edges[:, 1], attrs)},
        coords={
            "symbol": np.array([symbol for own in symbols for symbol in own], dtype=str),
            schema.CLIP: ("symbol", np.array(clips, dtype=str)[index]),
            schema.CLIP_INDEX: ("symbol", index.astype(np.int64)),
        },
    )


def steps_needed(symbols: npt.ArrayLike) -> int:
    """Return how many steps symbols need at the least: one each, and a blank between equal ones."""
    array = np.asarray(symbols)
    return len(array) + int(np.sum(array[1:] == array[:-1]))


class _Predecessors:
    """How far back each state came from at each step, and the scores at the end."""

    def __init__(self, jump: Spans, score: npt.NDArray[np.float64]) -> None:
        self.jump, self.score = jump, score


def _best_predecessors(emitted: npt.NDArray[np.float64], states: Spans) -> _Predecessors:
    n_steps, n_states = emitted.shape
    can_skip = np.zeros(n_states, dtype=bool)
    can_skip[2:] = (states[2:] != BLANK) & (states[2:] != states[:-2])
    score = np.full(n_states, -np.inf)
    score[:2] = emitted[0, :2]
    jump = np.zeros((n_steps, n_states), dtype=np.int64)
    for step in range(1, n_steps):
        one = np.concatenate([[-np.inf], score[:-1]])
        two = np.where(
            can_skip, np.concatenate([[-np.inf, -np.inf], score[:-2]])[:n_states], -np.inf
        )
        options = np.stack([score, one, two])
        jump[step] = options.argmax(axis=0)
        score = options.max(axis=0) + emitted[step]
    return _Predecessors(jump, score)
