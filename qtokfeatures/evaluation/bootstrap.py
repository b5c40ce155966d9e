"""Percentile bootstrap: intervals of a mean, of a ratio, and of any statistic of drawn clips.

Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from qtokfeatures.parameters import share, whole

N_RESAMPLES: Final = 2000

Interval = tuple[float, float]
Indices = npt.NDArray[np.int64]

_UNDEFINED: Final = (math.nan, math.nan)
_Drawn = TypeVar("_Drawn")


def bootstrap_interval(
    values: Sequence[float],
    *,
    statistic: Callable[..., Any] = np.mean,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean or median over clips.

    Parameters
    ----------
    values : sequence of float
        One number per clip; NaN, where a metric is undefined, is left out.
    statistic : callable, default numpy.mean
        Mean or median; called with ``axis=1``.
    level : float, default 0.95
        Share of resamples inside the interval, 0 to 1. A higher level widens the interval.
    n_resamples : int, default 2000
        Number of resamples. More of them reduce the interval's own random error.
    seed : int, default 0
        Seed of the draws.

    Returns
    -------
    low : float
        Lower end; NaN with fewer than two defined values.
    high : float
        Upper end; NaN with fewer than two defined values.

    Raises
    ------
    InputError
        If `level` or `n_resamples` is out of range.

    References
    ----------
    Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13.

    Examples
    --------
    >>> from qtokfeatures.evaluation import bootstrap_interval
    >>> bootstrap_interval([2.0, 2.0, 2.0])
    (2.0, 2.0)
    """
    level = share("level", level, above=0, below=1)
    n_resamples = whole("n_resamples", n_resamples, at_least=1)
    defined = without_nan(values)
    if defined.size < 2:
        return _UNDEFINED
    resampled = statistic(defined[_draws(defined.size, n_resamples, seed)], axis=1)
    # Interpolation between infinite values of SI-SDR would give NaN.
    return _ends(resampled, level, method="inverted_cdf")


def ratio_of_means(
    above: Sequence[float],
    below: Sequence[float],
    *,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[float, Interval]:
    """Ratio of two means over the same clips without NaN, and its interval over clips.

    Examples
    --------
    >>> ratio_of_means([2.0, 4.0], [1.0, 2.0])
    (2.0, (2.0, 2.0))
    """
    pairs = np.array([above, below], dtype=np.float64)
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    n_clips = pairs.shape[1]
    if not n_clips or not pairs[1].any():
        return math.nan, _UNDEFINED
    ratio = float(pairs[0].mean() / pairs[1].mean())
    if n_clips < 2:
        return ratio, _UNDEFINED
    resampled = pairs[:, _draws(n_clips, n_resamples, seed)].mean(axis=2)
    return ratio, _ends(resampled[0] / resampled[1], level)


def resampled_interval(
    statistic: Callable[[_Drawn], float],
    draw: Callable[[np.random.Generator], _Drawn],
    *,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Interval of ``statistic(draw(rng))``, for draws that are more than single clips."""
    rng = np.random.default_rng(seed)
    return _ends([statistic(draw(rng)) for _ in range(n_resamples)], level)


def grouped_interval(
    groups: npt.NDArray[Any], statistic: Callable[[Indices], float], **settings: Any
) -> Interval:
    """Interval of a statistic of clips' indices, where each group is drawn with all its clips.

    Examples
    --------
    >>> import numpy as np
    >>> better = np.array([1.0, 1.0, 0.0, 1.0])
    >>> grouped_interval(np.array(list("aabb")), lambda drawn: float(better[drawn].mean()))
    (0.5, 1.0)
    """
    rows = rows_by_group(groups)
    return resampled_interval(statistic, lambda rng: draw_groups(rng, rows), **settings)


def rows_by_group(groups: npt.NDArray[Any]) -> list[Indices]:
    """Indices of each group's rows, groups in sorted order."""
    names, own = np.unique(groups, return_inverse=True)
    return [np.flatnonzero(own == group) for group in range(len(names))]


def draw_groups(rng: np.random.Generator, rows: Sequence[Indices]) -> Indices:
    """As many groups as there are, with repetitions, each with all its rows."""
    return np.concatenate([rows[group] for group in rng.integers(len(rows), size=len(rows))])


def without_nan(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """The values for which a metric is defined."""
    array = np.asarray(values, dtype=np.float64)
    return array[~np.isnan(array)]


def _draws(n_clips: int, n_resamples: int, seed: int) -> Indices:
    return np.random.default_rng(seed).integers(n_clips, size=(n_resamples, n_clips))


def _ends(resampled: Any, level: float, *, method: Any = "linear") -> Interval:
    ends = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(resampled, ends, method=method)
    return float(low), float(high)
