"""One vector a clip from the vectors of its frames."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError
from qtokfeatures.features.clip_statistics import BY_LEVEL, OF_CLIPS, OF_SEGMENTS, ClipStatistics

FloatArray = npt.NDArray[np.float32]

#: Those that weigh frames by their level: a note counts, the silence behind it does not.
LOUD_POOLINGS = tuple(BY_LEVEL)

#: Statistics that told instruments and environments apart best: ``docs/tasks.md``.
BY_LOUDNESS = ("mean", "std", "delta", *LOUD_POOLINGS)

#: Names that :func:`pool_frames` takes, beside quantiles such as ``"q25"``: ``"q0"`` to ``"q100"``,
#: in per cent.
POOLINGS = ("mean", "std", "min", "max", "median", "delta", *LOUD_POOLINGS)

#: Those that tell where the frames lie, as quantiles do, and that are taken of each segment where
#: there are several. The others tell how the frames spread and move, for which a segment of a short
#: clip has too few.
SEGMENTED = tuple(OF_SEGMENTS)


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
    names = (
        (pooling,)
        if isinstance(pooling, str) or not isinstance(pooling, Iterable)
        else tuple(pooling)
    )
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
    pooled = pool_clips(frames, [len(frames)], pooling, segments=segments, levels=levels)
    return np.asarray(pooled[0])


def pool_clips(
    frames: npt.NDArray[np.floating],
    frame_counts: Sequence[int],
    pooling: str | Sequence[str] = ("mean", "std"),
    *,
    segments: int = 1,
    levels: npt.ArrayLike | None = None,
) -> FloatArray:
    """Summarise the frames of each of several clips, all at once.

    Parameters
    ----------
    frames : ndarray of float, shape (frame, dim)
        Frames of all clips, one clip after another.
    frame_counts : sequence of int
        How many frames each clip has, 1 or more.
    pooling : str or sequence of str, default=("mean", "std")
        Statistics, as for :func:`pool_frames`.
    segments : int, default=1
        As for :func:`pool_frames`.
    levels : array_like of float, shape (frame,), optional
        As for :func:`pool_frames`, of all clips.

    Returns
    -------
    ndarray of float32, shape (clip, block * dim)
        For each clip what :func:`pool_frames` gives.

    Raises
    ------
    InputError
        If a statistic is unknown, `segments` is less than 1, or levels are needed and not there
        for every frame.

    Examples
    --------
    >>> pool_clips(np.array([[1.0], [3.0], [7.0]]), [2, 1], ("mean", "std")).tolist()
    [[2.0, 1.0], [7.0, 0.0]]
    """
    names, n_segments = check_pooling(pooling), check_segments(segments)
    loud = next((name for name in names if name in LOUD_POOLINGS), None)
    known = None if loud is None else _check_levels(levels, len(frames), purpose=loud)
    clips = ClipStatistics(frames, np.asarray(frame_counts, dtype=np.int64), known)
    blocks = [_statistic(clips, name, n_segments) for name in names]
    return np.concatenate(blocks, axis=1, dtype=np.float32, casting="same_kind")


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


def _check_levels(
    levels: npt.ArrayLike | None, n_frames: int, *, purpose: str
) -> npt.NDArray[np.float64]:
    given = np.asarray(np.nan if levels is None else levels, dtype=np.float64)
    if given.shape != (n_frames,) or not np.isfinite(given).all():
        raise InputError(
            f"pooling {purpose!r} needs levels, one finite number for each of {n_frames} frames; "
            f"got {'none' if levels is None else f'an array of shape {given.shape}'}"
        )
    return given


def _percent(name: object) -> int | None:
    """Return the per cent of a quantile, None for what is no name of one."""
    found = re.fullmatch(r"q(0|[1-9]\d?|100)", name) if isinstance(name, str) else None
    return int(found[1]) if found else None


def _is_segmented(name: str) -> bool:
    return name in SEGMENTED or _percent(name) is not None


def _statistic(clips: ClipStatistics, name: str, segments: int) -> npt.NDArray[np.floating]:
    """One statistic, (clip, dim) or, of segments one after another, (clip, segment * dim)."""
    if name in BY_LEVEL:
        return BY_LEVEL[name](clips)
    if name in OF_CLIPS:
        return OF_CLIPS[name](clips)
    percent = _percent(name)
    values = (
        OF_SEGMENTS[name](clips, segments)
        if percent is None
        else clips.percentile(percent, segments)
    )
    return values.reshape(len(values) // segments, -1)
