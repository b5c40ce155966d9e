"""Statistics over the frames of many clips at once, which lie one after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


class ClipStatistics:
    """Statistics of each clip, or of each of its segments.

    Means are products with a sparse matrix: thousands of short clips cost little more than one
    long clip of as many frames.

    Parameters
    ----------
    frames : ndarray of float, shape (frame, dim)
        Frames of all clips.
    counts : ndarray of int, shape (clip,)
        How many of them each clip has, 1 or more.
    levels : ndarray of float, shape (frame,), optional
        Natural logarithm of each frame's amplitude, which the statistics by loudness need.
    """

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


#: Statistics of segments: where the frames lie.
OF_SEGMENTS: dict[str, Callable[[ClipStatistics, int], Values]] = {
    "mean": ClipStatistics.mean,
    "min": lambda clips, segments: clips.reduced(np.minimum, segments),
    "max": lambda clips, segments: clips.reduced(np.maximum, segments),
    "median": lambda clips, segments: clips.percentile(50, segments),
}

#: Statistics of all frames: how they spread and move.
OF_CLIPS: dict[str, Callable[[ClipStatistics], Values]] = {
    "std": ClipStatistics.std,
    "delta": ClipStatistics.delta,
}

#: Statistics of all frames that weigh them by their level.
BY_LEVEL: dict[str, Callable[[ClipStatistics], Values]] = {
    "loud_mean": ClipStatistics.loud_mean,
    "loud_std": ClipStatistics.loud_std,
    "loudest": ClipStatistics.loudest,
}
