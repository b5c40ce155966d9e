"""Which runs of frames, one after another, have features close to given ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

Cost = Callable[[IntArray], FloatArray]
"""Called with sequences of frames, shape (candidate, frame); returns a cost for each."""


def run_starts(lengths: npt.ArrayLike, run_length: int, *, step: int = 1) -> IntArray:
    """Find where runs of successive frames can start, without leaving their segment.

    Parameters
    ----------
    lengths : array_like of int, shape (segment,)
        Frames of each segment; segments lie one after another.
    run_length : int
        Frames of a run.
    step : int, default=1
        Take only every so many starts of a segment.

    Returns
    -------
    ndarray of int64, shape (start,)
        Empty if no segment is long enough.

    Examples
    --------
    >>> run_starts([3, 1, 2], 2).tolist()
    [0, 1, 4]
    """
    lengths = np.asarray(lengths, dtype=np.int64)
    firsts = np.cumsum(lengths) - lengths
    starts = [
        np.arange(first, first + length - run_length + 1, step)
        for first, length in zip(firsts, lengths, strict=True)
    ]
    return np.concatenate([*starts, np.empty(0, np.int64)]).astype(np.int64)


def choose_runs(
    lengths: npt.ArrayLike,
    cost: Cost,
    *,
    n_frames: int,
    run_length: int,
    step: int = 1,
) -> IntArray:
    """Put runs of successive frames together so that the whole costs little.

    Greedy: each run is the one after which all frames so far cost least; then each run in turn is
    replaced by the one that makes the whole cheapest.

    Parameters
    ----------
    lengths : array_like of int, shape (segment,)
        Frames of each segment; segments lie one after another. No run leaves its segment.
    cost : callable
        ``cost(sequences)``, given int64 (candidate, frame), returns float (candidate,).
    n_frames : int
        Frames wanted. The last run is cut.
    run_length : int
        Frames of a run.
    step : int, default=1
        Try only every so many starts of a segment, and the frame after the last run.

    Returns
    -------
    ndarray of int64, shape (n_frames,)

    Raises
    ------
    InputError
        If no segment is as long as a run, or a number is below 1.

    Examples
    --------
    >>> pitch = np.array([1, 1, 5, 5, 9, 9])
    >>> near_7 = lambda sequences: abs(pitch[sequences].mean(axis=1) - 7)
    >>> pitch[choose_runs([2, 2, 2], near_7, n_frames=4, run_length=2)].tolist()
    [5, 5, 9, 9]
    """
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
    """Return a sequence with one run replaced, for each place and each run that could stand there.

    Parameters
    ----------
    sequence : array_like of int, shape (frame,)
        Frames.
    starts : array_like of int, shape (start,)
        Frames that a run may start with.
    run_length : int
        Frames of a run; what would stand over the end is cut.
    firsts : array_like of int, shape (place,)
        Where the runs to be replaced begin in the sequence.

    Returns
    -------
    sequences : ndarray of int64, shape (place * start, frame)
        The sequences, place by place.
    replaced : ndarray of bool, shape (place * start, frame)
        Which frames are others' now.

    Examples
    --------
    >>> replacing_runs([0, 1, 2], [7], run_length=2, firsts=[0, 2])[0].tolist()
    [[7, 8, 2], [0, 1, 7]]
    """
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
        goes_on = [chosen[-1] + 1] if len(chosen) and chosen[-1] + 1 in anywhere else []
        runs = _runs(np.append(starts, np.array(goes_on, np.int64)), run_length)
        chosen = _cheapest(_appended(chosen, runs, n_frames), cost)
    return chosen


def _runs(starts: IntArray, run_length: int) -> IntArray:
    return np.asarray(starts[:, None] + np.arange(run_length))


def _appended(chosen: IntArray, runs: IntArray, n_frames: int) -> IntArray:
    before = np.broadcast_to(chosen, (len(runs), len(chosen)))
    return np.concatenate([before, runs], axis=1)[:, :n_frames]


def _reconsidered(chosen: IntArray, starts: IntArray, cost: Cost, run_length: int) -> IntArray:
    """Replace each run by what is best beside all others; what is there may stay."""
    for first in range(0, len(chosen), run_length):
        others, _ = replacing_runs(chosen, starts, run_length=run_length, firsts=[first])
        chosen = _cheapest(np.concatenate([chosen[None], others]), cost)
    return chosen


def _cheapest(candidates: IntArray, cost: Cost) -> IntArray:
    return np.asarray(candidates[int(np.argmin(cost(candidates)))])
