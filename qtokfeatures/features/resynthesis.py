"""Choice of runs of frames whose features come close to given ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

Cost = Callable[[IntArray], FloatArray]  # sequences (candidate, frame) -> costs (candidate,)


def run_starts(lengths: npt.ArrayLike, run_length: int, *, step: int = 1) -> IntArray:
    """Return the frames (start,) from which a run stays inside its segment."""
    lengths = np.asarray(lengths, dtype=np.int64)
    firsts = np.cumsum(lengths) - lengths
    starts = [
        np.arange(first, first + length - run_length + 1, step)
        for first, length in zip(firsts, lengths, strict=True)
    ]
    return np.concatenate([*starts, np.empty(0, np.int64)]).astype(np.int64)


def choose_runs(
    lengths: npt.ArrayLike, cost: Cost, *, n_frames: int, run_length: int, step: int = 1
) -> IntArray:
    """Return frames (n_frames,): runs joined greedily, each then exchanged for the cheapest."""
    if n_frames < 1 or run_length < 1:
        raise InputError(
            f"n_frames and run_length must be 1 or more, got {n_frames} and {run_length}"
        )
    starts = run_starts(lengths, run_length, step=step)
    if not len(starts):
        raise InputError(f"no segment has {run_length} frames; give shorter runs")
    chosen = _greedy(starts, run_starts(lengths, run_length), cost, n_frames, run_length)
    return _reconsidered(chosen, starts, cost, run_length)


def replacing_runs(
    sequence: npt.ArrayLike, starts: npt.ArrayLike, *, run_length: int, firsts: npt.ArrayLike
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Return sequences and masks (place * start, frame), one run replaced at one place in each."""
    sequence, firsts = np.asarray(sequence, np.int64), np.asarray(firsts, np.int64)
    starts = np.asarray(starts, np.int64)
    place = np.repeat(firsts, len(starts))[:, None]
    position = np.arange(len(sequence))
    replaced = (position >= place) & (position < place + run_length)
    run = np.tile(starts, len(firsts))[:, None] + position - place
    return np.where(replaced, run, sequence), replaced


def _greedy(
    starts: IntArray, all_starts: IntArray, cost: Cost, n_frames: int, run_length: int
) -> IntArray:
    chosen, anywhere = np.empty(0, np.int64), set(all_starts.tolist())
    while len(chosen) < n_frames:
        next_frame = [chosen[-1] + 1] if len(chosen) and chosen[-1] + 1 in anywhere else []
        runs = _runs(np.append(starts, np.array(next_frame, np.int64)), run_length)
        chosen = _cheapest(_appended(chosen, runs, n_frames), cost)
    return chosen


def _runs(starts: IntArray, run_length: int) -> IntArray:
    return np.asarray(starts[:, None] + np.arange(run_length))


def _appended(chosen: IntArray, runs: IntArray, n_frames: int) -> IntArray:
    before = np.broadcast_to(chosen, (len(runs), len(chosen)))
    return np.concatenate([before, runs], axis=1)[:, :n_frames]


def _reconsidered(chosen: IntArray, starts: IntArray, cost: Cost, run_length: int) -> IntArray:
    """Replace each run by the one that makes the whole cheapest, or keep it."""
    for first in range(0, len(chosen), run_length):
        others, _ = replacing_runs(chosen, starts, run_length=run_length, firsts=[first])
        chosen = _cheapest(np.concatenate([chosen[None], others]), cost)
    return chosen


def _cheapest(candidates: IntArray, cost: Cost) -> IntArray:
    return np.asarray(candidates[int(np.argmin(cost(candidates)))])
