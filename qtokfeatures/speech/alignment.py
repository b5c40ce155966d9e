"""Alignment of transcripts with frames by the most probable CTC path."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.features import storable
from qtokfeatures.speech.frame_batch import FrameBatch
from qtokfeatures.speech.network import BLANK, SpeechNetwork

Spans = npt.NDArray[np.int64]
Targets = Sequence[npt.NDArray[np.int64]]
LogProbs = npt.NDArray[np.floating[Any]]

# Weight before the start and up to the end of a symbol. Chosen on synthesised digits with known
# times (docs/robustness.md).
_EDGES: Final = (0.02, 0.97)
_REACH: Final = 100  # steps of context around a spike: 2 to 4 s


def align_symbols(log_probs: LogProbs, symbols: npt.ArrayLike) -> Spans:
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


def symbol_spans(
    network: SpeechNetwork, batch: FrameBatch, log_probs: Sequence[LogProbs], targets: Targets
) -> list[Spans]:
    """Return first frame and end of each symbol, (symbol, 2), for each clip."""
    return [
        _extents(_contributions(network, frames, align_symbols(probs, symbols), symbols))
        for frames, probs, symbols in zip(batch.frames, log_probs, targets, strict=True)
    ]


def _contributions(
    network: SpeechNetwork, frames: npt.NDArray[Any], spikes: Spans, symbols: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return how much the log-probability of each symbol depends on each frame, (symbol, frame)."""
    # CTC emits a symbol in one or two steps, which may even lie outside the symbol. Gradient times
    # input (Shrikumar et al., 2017) shows the frames that it is recognised by. An excerpt around
    # each spike keeps the cost linear in the length of a clip.
    stride, weights = network.config.stride, np.zeros((len(symbols), len(frames)))
    first = np.maximum(spikes[:, 0] - _REACH, 0)
    starts, ends = first * stride, np.minimum((spikes[:, 1] + _REACH) * stride, len(frames))
    excerpts = FrameBatch([frames[a:z] for a, z in zip(starts, ends, strict=True)], [])
    for rows in excerpts.groups() if len(symbols) else ():
        counts = torch.from_numpy(excerpts.counts[rows])
        x = network.inputs(torch.from_numpy(excerpts.padded(rows))).detach().requires_grad_()
        out, own = network.log_probs(x, counts), spikes[rows] - first[rows, None]
        scores = [
            torch.logsumexp(out[i, own[i, 0] : own[i, 1], symbols[k]], 0)
            for i, k in enumerate(rows)
        ]
        (gradient,) = torch.autograd.grad(torch.stack(scores).sum(), x)
        share = (gradient * x.detach()).sum(dim=2).abs().double().numpy()
        for i, k in enumerate(rows):
            weights[k, starts[k] : ends[k]] = share[i, : int(counts[i])]
    return weights


def _extents(weights: npt.NDArray[np.float64]) -> Spans:
    """Return the frames with most of the weight of each symbol, in order and apart, (symbol, 2)."""
    mass = np.cumsum(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-30), axis=1)
    cuts = _cuts(mass)
    spans = np.empty((len(mass), 2), dtype=np.int64)
    for k, (start, end) in enumerate(itertools.pairwise(cuts)):
        own = mass[k, start:end] - (mass[k, start - 1] if start else 0.0)
        edges = np.searchsorted(own, np.array(_EDGES) * own[-1]).clip(0, len(own) - 1)
        spans[k] = start + edges + (0, 1)
    return spans


def _cuts(mass: npt.NDArray[np.float64]) -> list[int]:
    """Cut a clip into one part per symbol, so that most of the cumulated mass is in its part."""
    n_symbols, n_frames = mass.shape
    padded = np.concatenate([np.zeros((n_symbols, 1)), mass], axis=1)  # mass before a cut
    best, origin = np.full(n_frames + 1, -np.inf), np.zeros((n_symbols, n_frames + 1), dtype=int)
    best[0] = 0.0
    for k, before in enumerate(padded):
        # best[t] = max over s < t of best[s] + before[t] - before[s]
        gain = best - before
        at = np.maximum.accumulate(
            np.where(gain == np.maximum.accumulate(gain), range(len(gain)), 0)
        )
        origin[k, 1:] = at[:-1]
        best = np.concatenate([[-np.inf], gain[at[:-1]] + before[1:]])
    cuts = [n_frames]
    for k in range(n_symbols - 1, -1, -1):
        cuts.append(int(origin[k, cuts[-1]]))
    return cuts[::-1]


def label_spans(
    spans: Sequence[Spans],
    symbols: Sequence[Sequence[str]],
    *,
    clips: Sequence[str],
    frame_rate: float | None = None,
) -> xr.Dataset:
    """Label the frames of symbols, (symbol, 2) per clip, with symbol, clip and time."""
    index = np.repeat(np.arange(len(symbols)), [len(own) for own in symbols])
    edges = np.concatenate([np.zeros((0, 2)), *spans]) / (frame_rate or 1)
    every = np.array([symbol for own in symbols for symbol in own], dtype=str)
    attrs = {"units": "frame" if frame_rate is None else "s"}
    return xr.Dataset(
        {"start": ("symbol", edges[:, 0], attrs), "end": ("symbol", edges[:, 1], attrs)},
        coords={
            "symbol": storable(xr.Variable("symbol", every)),
            schema.CLIP: storable(xr.Variable("symbol", np.array(clips, dtype=str)[index])),
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
