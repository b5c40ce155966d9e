"""Bins of similar codes, by k-means over the vectors that the codes stand for.

Neighbouring indices of a codebook are unrelated, so codes are never merged by index ranges.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

_MAX_ITERATIONS = 30
_SETTLED = 0.002  # k-means stops when no larger share of the codes changes its bin


def merge_codes(vectors: npt.ArrayLike, bins: int, *, seed: int = 0) -> IntArray:
    """Assign each code of a codebook to one of `bins` bins by k-means.

    Parameters
    ----------
    vectors : array_like of float, shape (code, dim)
        The vector that each code stands for.
    bins : int
        Number of bins, from 1 to the number of codes.
    seed : int, default=0
        Seed of the k-means++ start; the same seed gives the same bins.

    Returns
    -------
    ndarray of int64, shape (code,)
        The bin of each code, ``0 … bins - 1``, numbered in the order of their first codes.
        Every bin is used unless there are fewer different vectors than bins.

    Raises
    ------
    InputError
        If `bins` is not between 1 and the number of codes, or `vectors` is not a finite table.

    Examples
    --------
    >>> merge_codes([[0.0], [9.0], [0.1], [9.1]], 2).tolist()
    [0, 1, 0, 1]
    """
    table = np.asarray(vectors, dtype=np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise InputError(f"vectors must be finite and (code, dim), got shape {table.shape}")
    if not 1 <= bins <= len(table):
        raise InputError(f"bins must be from 1 to {len(table)}, the number of codes, got {bins}")
    centred = (table - table.mean(axis=0)).astype(np.float32)
    centres = _spread_centres(centred, bins, np.random.default_rng(seed))
    return _renumber(_settle(centred, centres))


def _spread_centres(vectors: FloatArray, bins: int, rng: np.random.Generator) -> FloatArray:
    """Choose starting centres as k-means++ does (Arthur and Vassilvitskii, 2007)."""
    chosen = [int(rng.integers(len(vectors)))]
    nearest = _squared_error(vectors, vectors[chosen[0]])
    while len(chosen) < bins and nearest.max() > 0:
        chances = np.cumsum(nearest, dtype=np.float64)
        chosen.append(int(np.searchsorted(chances, rng.random() * chances[-1], side="right")))
        nearest = np.minimum(nearest, _squared_error(vectors, vectors[chosen[-1]]))
    return vectors[chosen]


def _settle(vectors: FloatArray, centres: FloatArray) -> IntArray:
    """Run Lloyd's iterations until hardly any vector changes its centre."""
    labels = _nearest(vectors, centres)
    for _ in range(_MAX_ITERATIONS):
        centres = _move_centres(vectors, labels, centres)
        before, labels = labels, _nearest(vectors, centres)
        is_full = len(np.unique(labels)) == len(centres)
        if is_full and np.mean(before != labels) <= _SETTLED:
            break
    return labels


def _move_centres(vectors: FloatArray, labels: IntArray, centres: FloatArray) -> FloatArray:
    """Move each centre to the mean of its vectors, an empty one to the worst-served vector."""
    order = np.argsort(labels, kind="stable")
    used, first, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    moved = centres.copy()
    moved[used] = np.add.reduceat(vectors[order], first, axis=0) / sizes[:, None]
    empty = np.setdiff1d(np.arange(len(centres)), used)
    if len(empty):
        error = _squared_error(vectors, centres[labels])
        moved[empty] = vectors[np.argsort(-error, kind="stable")[: len(empty)]]
    return moved


def _nearest(vectors: FloatArray, centres: FloatArray) -> IntArray:
    """Return the nearest centre of each vector, by Euclidean distance."""
    closeness = vectors @ centres.T - (centres**2).sum(axis=1) / 2
    return np.asarray(closeness.argmax(axis=1), dtype=np.int64)


def _squared_error(vectors: FloatArray, targets: FloatArray) -> FloatArray:
    return np.asarray(((vectors - targets) ** 2).sum(axis=1))


def _renumber(labels: IntArray) -> IntArray:
    """Number the bins in the order of their first codes."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    return np.asarray(order[inverse], dtype=np.int64)
