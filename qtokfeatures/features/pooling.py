"""Pooling: one vector per clip from the vectors of its frames."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from qtokfeatures.exceptions import InputError

FloatArray = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

#: Statistics that weigh frames by their level: a note counts, the silence after it does not.
LOUD_POOLINGS = ("loud_mean", "loud_std", "loudest")

#: Statistics that separated instruments and environments best: ``docs/tasks.md``.
BY_LOUDNESS = ("mean", "std", "delta", *LOUD_POOLINGS)

#: Names that :func:`pool_frames` accepts, beside quantiles in per cent, ``"q0"`` to ``"q100"``.
POOLINGS = ("mean", "std", "min", "max", "median", "delta", *LOUD_POOLINGS)

#: Statistics of location, which are taken of each segment, as quantiles are. The others describe
#: spread and movement, for which a segment of a short clip has too few frames.
SEGMENTED = ("mean", "min", "max", "median")


def check_pooling(pooling: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names in `pooling` as a tuple, after checking them."""
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
    """Return `segments` after checking it."""
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
    """Name the blocks of numbers that :func:`pool_frames` returns, in their order."""
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
        Number of segments of equal duration. Quantiles and the statistics in :data:`SEGMENTED`
        are computed in each of them, so that the order of sounds counts:
        ``("mean", "std")`` with 3 gives the means of beginning, middle and end, and the standard
        deviation of the whole. A frame that lies in two segments counts in both; so a clip may
        have fewer frames than segments.
    levels : array_like of float, shape (frame,), optional
        Natural logarithm of each frame's amplitude; needed by :data:`LOUD_POOLINGS`.

    Returns
    -------
    ndarray of float32, shape (block * dim,)
        All dimensions of the first statistic (of its first segment, then of the next), then all
        of the second, and so on.

    Raises
    ------
    InputError
        If there are no frames, a statistic is unknown, `segments` is less than 1, or levels are
        needed and missing for some frame.

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
    """Summarise the frames of each of several clips, all at once."""
    names, n_segments = check_pooling(pooling), check_segments(segments)
    loud = next((name for name in names if name in LOUD_POOLINGS), None)
    known = None if loud is None else _check_levels(levels, len(frames), purpose=loud)
    clips = ClipStatistics(frames, np.asarray(frame_counts, dtype=np.int64), known)
    blocks = [_statistic(clips, name, n_segments) for name in names]
    return np.concatenate(blocks, axis=1, dtype=np.float32, casting="same_kind")


def needs_levels(pooling: str | Sequence[str]) -> bool:
    """Return whether a statistic of `pooling` weighs frames by their level."""
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
    """Return the per cent of a quantile's name; None for other names."""
    found = re.fullmatch(r"q(0|[1-9]\d?|100)", name) if isinstance(name, str) else None
    return int(found[1]) if found else None


def _is_segmented(name: str) -> bool:
    return name in SEGMENTED or _percent(name) is not None


def _statistic(clips: ClipStatistics, name: str, segments: int) -> npt.NDArray[np.floating]:
    """One statistic, (clip, dim) or, of segments one after another, (clip, segment * dim)."""
    percent = 50 if name == "median" else _percent(name)
    if percent is not None:
        values = clips.percentile(percent, segments)
    elif name in ("min", "max"):
        values = clips.reduced(np.minimum if name == "min" else np.maximum, segments)
    elif name == "mean":
        values = clips.mean(segments)
    else:
        whole: npt.NDArray[np.floating] = getattr(clips, name)()
        return whole
    return values.reshape(len(values) // segments, -1)


class ClipStatistics:
    """Statistics of each clip, or of each of its segments, over frames of all clips in a row."""

    # Means are products with a sparse matrix: thousands of short clips cost little more than one
    # long clip of as many frames.

    def __init__(
        self, frames: npt.NDArray[np.floating], counts: Rows, levels: Values | None = None
    ) -> None:
        self._frames, self._counts = frames, counts
        self._levels = np.empty(0) if levels is None else levels
        self._starts = np.cumsum(counts) - counts
        self._rows = np.arange(len(frames))

    def mean(self, segments: int = 1) -> Values:
        """Mean of each segment, shape (clip * segment, dim)."""
        rows, sizes = self._parts(segments)
        return self._weighted(rows, sizes, np.repeat(1 / sizes, sizes))

    def std(self) -> Values:
        """Population standard deviation, shape (clip, dim)."""
        return self._spread(np.repeat(1 / self._counts, self._counts))

    def delta(self) -> Values:
        """Mean absolute step from frame to frame, 0 for one frame, shape (clip, dim)."""
        sizes = self._counts - 1
        rows = np.delete(self._rows, self._starts)
        steps = np.abs(np.diff(self._frames, axis=0, prepend=self._frames[:1]))
        return self._weighted(rows, sizes, np.repeat(1 / np.maximum(sizes, 1), sizes), of=steps)

    def reduced(self, ufunc: np.ufunc, segments: int = 1) -> Values:
        """Minimum or maximum of each segment, shape (clip * segment, dim)."""
        rows, sizes = self._parts(segments)
        return np.asarray(ufunc.reduceat(self._frames[rows], np.cumsum(sizes) - sizes, axis=0))

    def percentile(self, percent: float, segments: int = 1) -> Values:
        """Quantile of each segment, shape (clip * segment, dim)."""
        rows, sizes = self._parts(segments)
        parts = np.split(self._frames[rows], np.cumsum(sizes)[:-1])
        return np.stack([np.percentile(part, percent, axis=0) for part in parts])

    def loud_mean(self) -> Values:
        """Mean by amplitude, shape (clip, dim)."""
        return self._weighted(self._rows, self._counts, self._loudness)

    def loud_std(self) -> Values:
        """Standard deviation by amplitude, shape (clip, dim)."""
        return self._spread(self._loudness)

    def loudest(self) -> Values:
        """The first of the loudest frames, shape (clip, dim)."""
        at_peak = np.flatnonzero(self._levels == self._peaks)
        first = at_peak[np.searchsorted(at_peak, self._starts)]
        return np.asarray(self._frames[first])

    @cached_property
    def _peaks(self) -> Values:
        """The level of the loudest frame of a clip, at each of its frames."""
        return np.repeat(np.maximum.reduceat(self._levels, self._starts), self._counts)

    @cached_property
    def _loudness(self) -> Values:
        """Weights of frames, proportional to their amplitude; their sum is 1 in each clip."""
        with np.errstate(under="ignore"):  # of silence beside a loud frame
            weights = np.exp(self._levels - self._peaks)
        totals = np.add.reduceat(weights, self._starts)
        return np.asarray(weights / np.repeat(totals, self._counts))

    def _spread(self, weights: Values) -> Values:
        means = self._weighted(self._rows, self._counts, weights)
        apart = np.square(self._frames - np.repeat(means, self._counts, axis=0))
        return np.sqrt(self._weighted(self._rows, self._counts, weights, of=apart))

    def _weighted(
        self,
        rows: Rows,
        sizes: Rows,
        weights: Values,
        *,
        of: npt.NDArray[np.floating] | None = None,
    ) -> Values:
        """Add up weighted rows, the first ``sizes[0]`` of those named, then the next."""
        values = self._frames if of is None else of
        ends = np.concatenate([[0], np.cumsum(sizes)])
        matrix = csr_array((weights, rows, ends), shape=(len(sizes), len(values)))
        return np.asarray(matrix @ values)

    def _parts(self, segments: int) -> tuple[Rows, Rows]:
        """Rows of the segments of each clip, and how many each has; neighbours may share one."""
        if segments == 1:
            return self._rows, self._counts
        edges = np.arange(segments + 1) * self._counts[:, None]
        firsts, behinds = edges[:, :-1] // segments, -(-edges[:, 1:] // segments)
        sizes = (behinds - firsts).ravel()
        starts = (self._starts[:, None] + firsts).ravel()
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.repeat(starts, sizes) + within, sizes
