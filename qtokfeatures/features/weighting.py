"""From counts to the numbers a learner sees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

#: Names that :func:`weight_counts` takes. Each looks at one clip alone.
WEIGHTINGS = ("count", "relative", "hellinger")


def weight_counts(
    counts: npt.ArrayLike, totals: npt.ArrayLike, weighting: str
) -> npt.NDArray[np.float32]:
    """Weight counts, element by element.

    Parameters
    ----------
    counts : array_like of int, any shape
        Counts of tokens, 0 or more.
    totals : array_like of int
        The clip's total for each count, of a shape that broadcasts against `counts`.
    weighting : {"count", "relative", "hellinger"}
        ``"count"`` leaves the count, so that longer clips have larger features. ``"relative"`` is
        the share of the clip's tokens. ``"hellinger"`` is its square root: the Euclidean distance
        of two such rows is √2 times the Hellinger distance of the two distributions, which
        suits k-means, PCA and linear models better than raw shares, where the few most frequent
        tokens decide everything.

    Returns
    -------
    ndarray of float32, shape of `counts`
        0 where the total is 0.

    Raises
    ------
    InputError
        If `weighting` is none of the three.

    Examples
    --------
    >>> weight_counts([[1, 0, 3]], [[4]], "relative").tolist()
    [[0.25, 0.0, 0.75]]
    >>> weight_counts([[1, 0, 3]], [[4]], "hellinger").round(3).tolist()
    [[0.5, 0.0, 0.8659999966621399]]
    """
    counts = np.asarray(counts)
    if weighting == "count":
        return counts.astype(np.float32)
    if weighting == "relative":
        return _shares(counts, totals).astype(np.float32)
    if weighting == "hellinger":
        return np.sqrt(_shares(counts, totals)).astype(np.float32)
    raise InputError(f"weighting must be one of {', '.join(WEIGHTINGS)}; got {weighting!r}")


def _shares(counts: npt.NDArray[np.int64], totals: npt.ArrayLike) -> npt.NDArray[np.float64]:
    totals = np.asarray(totals)
    return np.asarray(counts / np.where(totals > 0, totals, 1), dtype=np.float64)
