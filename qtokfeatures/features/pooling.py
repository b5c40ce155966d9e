"""One vector a clip from the vectors of its frames."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

FloatArray = npt.NDArray[np.float32]
Levels = npt.NDArray[np.float64]


def _mean(frames: FloatArray) -> FloatArray:
    return np.asarray(frames.mean(axis=0, dtype=np.float64))


def _std(frames: FloatArray) -> FloatArray:
    return np.asarray(frames.std(axis=0, dtype=np.float64))


def _min(frames: FloatArray) -> FloatArray:
    return np.asarray(frames.min(axis=0))


def _max(frames: FloatArray) -> FloatArray:
    return np.asarray(frames.max(axis=0))


def _median(frames: FloatArray) -> FloatArray:
    return np.asarray(np.median(frames, axis=0))


def _delta(frames: FloatArray) -> FloatArray:
    """Mean absolute step from frame to frame: how fast the sound changes."""
    if len(frames) == 1:
        return np.zeros(frames.shape[1], dtype=frames.dtype)
    return np.asarray(np.abs(np.diff(frames, axis=0)).mean(axis=0, dtype=np.float64))


def _loudness(levels: Levels) -> Levels:
    """Weights of frames, proportional to their amplitude; their sum is 1."""
    weights = np.exp(np.asarray(levels, dtype=np.float64) - np.max(levels))
    return np.asarray(weights / weights.sum())


def _loud_mean(frames: FloatArray, levels: Levels) -> FloatArray:
    return np.asarray(_loudness(levels) @ frames)


def _loud_std(frames: FloatArray, levels: Levels) -> FloatArray:
    weights = _loudness(levels)
    return np.asarray(np.sqrt(weights @ np.square(frames - weights @ frames)))


def _loudest(frames: FloatArray, levels: Levels) -> FloatArray:
    return np.asarray(frames[np.argmax(levels)])


_STATISTICS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "mean": _mean,
    "std": _std,
    "min": _min,
    "max": _max,
    "median": _median,
    "delta": _delta,
}

_LOUD_STATISTICS: dict[str, Callable[[FloatArray, Levels], FloatArray]] = {
    "loud_mean": _loud_mean,
    "loud_std": _loud_std,
    "loudest": _loudest,
}

#: Those that weigh frames by their level: a note counts, the silence behind it does not.
LOUD_POOLINGS = tuple(_LOUD_STATISTICS)

#: Statistics that told instruments and environments apart best: ``docs/tasks.md``.
BY_LOUDNESS = ("mean", "std", "delta", *LOUD_POOLINGS)

#: Names that :func:`pool_frames` takes, beside quantiles such as ``"q25"``: ``"q0"`` to ``"q100"``,
#: in per cent.
POOLINGS = (*_STATISTICS, *LOUD_POOLINGS)

#: Those that tell where the frames lie, as quantiles do, and that are taken of each segment where
#: there are several. The others tell how the frames spread and move, for which a segment of a short
#: clip has too few.
SEGMENTED = ("mean", "min", "max", "median")


def check_pooling(pooling: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names in `pooling` as a tuple, after checking them.

    Parameters
    ----------
    pooling : str or sequence of str
        One or several of :data:`POOLINGS`, or quantiles.

    Returns
    -------
    tuple of str

    Raises
    ------
    InputError
        If there is none, an unknown or a repeated one.

    Examples
    --------
    >>> check_pooling("mean"), check_pooling(["q25", "q75"])
    (('mean',), ('q25', 'q75'))
    """
    names = (pooling,) if isinstance(pooling, str) else tuple(pooling)
    unknown = [name for name in names if name not in POOLINGS and _percent(name) is None]
    if unknown or not names or len(set(names)) < len(names):
        raise InputError(
            f"pooling must be one or several different names of {', '.join(POOLINGS)} "
            f"or a quantile in per cent, q0 to q100; got {pooling!r}"
        )
    return names


def check_segments(segments: int) -> int:
    """Return `segments` after checking it.

    Parameters
    ----------
    segments : int
        Number of segments, 1 or more.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If it is not a whole number of 1 or more.

    Examples
    --------
    >>> check_segments(3)
    3
    """
    try:
        count = operator.index(segments)
    except TypeError:
        count = 0
    if isinstance(segments, bool) or count < 1:
        raise InputError(f"segments must be a whole number, 1 or more; got {segments!r}")
    return count


def pooled_blocks(
    pooling: str | Sequence[str], segments: int = 1
) -> tuple[tuple[str, int | None], ...]:
    """Name the blocks of numbers that :func:`pool_frames` returns, in their order.

    Parameters
    ----------
    pooling : str or sequence of str
        One or several of :data:`POOLINGS`, or quantiles.
    segments : int, default=1
        Segments that a clip is cut into.

    Returns
    -------
    tuple of (str, int or None)
        The statistic of a block, and the segment that it is of; None where it is of all frames.

    Raises
    ------
    InputError
        If a name or the number is not one that can be used.

    Examples
    --------
    >>> pooled_blocks(("mean", "std"), 3)
    (('mean', 0), ('mean', 1), ('mean', 2), ('std', None))
    """
    names, count = check_pooling(pooling), check_segments(segments)
    return tuple(
        (name, segment)
        for name in names
        for segment in (range(count) if count > 1 and _is_segmented(name) else (None,))
    )


def pool_frames(
    frames: npt.ArrayLike,
    pooling: str | Sequence[str] = ("mean", "std"),
    *,
    segments: int = 1,
    levels: npt.ArrayLike | None = None,
) -> FloatArray:
    """Summarise the frames of one clip.

    Parameters
    ----------
    frames : array_like of float, shape (frame, dim)
        At least one frame.
    pooling : str or sequence of str, default=("mean", "std")
        Statistics over the frames: ``"mean"``, ``"std"`` (population, 0 for one frame), ``"min"``,
        ``"max"``, ``"median"``, ``"delta"`` (mean absolute step from frame to frame), and
        quantiles in per cent, ``"q0"`` to ``"q100"``, interpolated linearly. ``"loud_mean"`` and
        ``"loud_std"`` weigh each frame by its amplitude, ``"loudest"`` is the loudest frame.
    segments : int, default=1
        Cut the frames into so many segments of equal duration and take quantiles and those
        statistics that are in :data:`SEGMENTED` of each, so that the order of sounds counts:
        ``("mean", "std")`` with 3 gives the means of beginning, middle and end, and the standard
        deviation of the whole. A frame that lies in two segments counts in both; so a clip may
        have fewer frames than segments.
    levels : array_like of float, shape (frame,), optional
        Natural logarithm of each frame's amplitude; what is in :data:`LOUD_POOLINGS` needs it.

    Returns
    -------
    ndarray of float32, shape (block * dim,)
        All dimensions of the first statistic (of its first segment, then of the next), then all
        of the second, and so on; :func:`pooled_blocks` names them.

    Raises
    ------
    InputError
        If there are no frames, a statistic is unknown, `segments` is less than 1, or levels are
        needed and not there for every frame.

    Examples
    --------
    >>> pool_frames([[0.0, 1.0], [2.0, 1.0]], ("mean", "std")).tolist()
    [1.0, 1.0, 1.0, 0.0]
    >>> pool_frames([[5.0], [1.0]], ("mean", "loudest"), levels=[-9.0, -1.0]).tolist()
    [3.0, 1.0]
    >>> pool_frames([[0.0], [2.0], [4.0], [8.0]], ("mean", "max"), segments=2).tolist()
    [1.0, 6.0, 2.0, 8.0]
    """
    frames = np.asarray(frames)
    if frames.ndim != 2 or len(frames) == 0:
        raise InputError(f"frames must be (frame, dim) with a frame at least, got {frames.shape}")
    pooled = [
        _loud_statistic(name, frames, levels)
        if name in LOUD_POOLINGS
        else _statistic(name)(frames if segment is None else _segment(frames, segment, segments))
        for name, segment in pooled_blocks(pooling, segments)
    ]
    return np.concatenate(pooled).astype(np.float32)


def needs_levels(pooling: str | Sequence[str]) -> bool:
    """Tell whether a statistic of `pooling` weighs frames by their level.

    Parameters
    ----------
    pooling : str or sequence of str
        One or several of :data:`POOLINGS`, or quantiles.

    Returns
    -------
    bool

    Examples
    --------
    >>> needs_levels("loudest"), needs_levels(("mean", "std"))
    (True, False)
    """
    return any(name in LOUD_POOLINGS for name in check_pooling(pooling))


def _loud_statistic(name: str, frames: FloatArray, levels: npt.ArrayLike | None) -> FloatArray:
    given = np.asarray(np.nan if levels is None else levels, dtype=np.float64)
    if given.shape != (len(frames),) or not np.isfinite(given).all():
        raise InputError(
            f"pooling {name!r} needs levels, one finite number for each of {len(frames)} frames; "
            f"got {'none' if levels is None else f'an array of shape {given.shape}'}"
        )
    return _LOUD_STATISTICS[name](frames, given)


def _percent(name: object) -> int | None:
    """Return the per cent of a quantile, None for what is no name of one."""
    found = re.fullmatch(r"q(0|[1-9]\d?|100)", name) if isinstance(name, str) else None
    return int(found[1]) if found else None


def _is_segmented(name: str) -> bool:
    return name in SEGMENTED or _percent(name) is not None


def _statistic(name: str) -> Callable[[FloatArray], FloatArray]:
    percent = _percent(name)
    if percent is None:
        return _STATISTICS[name]
    return lambda frames: np.asarray(np.percentile(frames, percent, axis=0))


def _segment(frames: FloatArray, segment: int, segments: int) -> FloatArray:
    first = segment * len(frames) // segments
    behind = -(-(segment + 1) * len(frames) // segments)
    return frames[first:behind]
