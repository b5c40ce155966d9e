"""Alignment of transcripts with frames by the most probable CTC path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.speech.frame_batch import FrameBatch
from qtokfeatures.speech.network import BLANK

Spans = npt.NDArray[np.int64]
Targets = Sequence[npt.NDArray[np.int64]]


def align_symbols(log_probs: npt.NDArray[np.floating[Any]], symbols: npt.ArrayLike) -> Spans:
    """Return first step and end of each symbol, (symbol, 2), on the best path (Viterbi)."""
    wanted = np.asarray(symbols, dtype=np.int64)
    # CTC's graph: a blank before, between and after the symbols. A state may repeat, follow its
    # predecessor, or skip a blank between two different symbols.
    states = np.full(2 * len(wanted) + 1, BLANK)
    states[1::2] = wanted
    emitted = np.asarray(log_probs, dtype=np.float64)[:, states]
    jump, score = _best_predecessors(emitted, states)
    state = len(states) - 1
    if len(states) > 1 and score[-2] > score[-1]:
        state -= 1
    path = np.empty(len(emitted), dtype=np.int64)
    for step in range(len(emitted) - 1, -1, -1):
        path[step] = state
        state -= int(jump[step, state])
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
    """Label the steps of symbols, (symbol, 2) per clip, with symbol, clip and time."""
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
    """Return the least number of steps: one per symbol, and a blank between equal symbols."""
    array = np.asarray(symbols)
    return len(array) + int(np.sum(array[1:] == array[:-1]))


def check_lengths(batch: FrameBatch, targets: Targets, *, unit: str, stride: int) -> None:
    """Raise an error that names the first clip which is too short for its transcript."""
    for frames, target, name in zip(batch.frames, targets, batch.names, strict=True):
        steps, needed = (len(frames) - 1) // stride + 1, steps_needed(target)
        if steps < needed:
            raise InputError(
                f"{name}: its transcript of {len(target)} {unit}s needs {needed} steps, "
                f"but its {len(frames)} frames have {steps}; use a smaller stride, a larger "
                "upsample of ASRFrontEnd, or remove the clip"
            )


def _best_predecessors(
    emitted: npt.NDArray[np.float64], states: Spans
) -> tuple[Spans, npt.NDArray[np.float64]]:
    """Return how many states each step jumps from its predecessor, and the final scores."""
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
    return jump, score
