"""Merge the codes of a codebook into bins of similar sound.

Neighbouring indices of a codebook mean nothing, so codes are merged by k-means over the vectors
that the codebook holds: codes that stand for similar vectors share a bin.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def merge_codes(
    vectors: npt.ArrayLike, bins: int, *, seed: int = 0, max_iter: int = 50
) -> IntArray:
    """Assign each code of a codebook to one of `bins` bins by k-means.

    Parameters
    ----------
    vectors : array_like of float, shape (code, dim)
        What each code stands for.
    bins : int
        Number of bins, from 1 to the number of codes.
    seed : int, default=0
        Of the k-means++ start; the same seed gives the same bins.
    max_iter : int, default=50
        Upper limit of Lloyd iterations.

    Returns
    -------
    ndarray of int64, shape (code,)
        The bin of each code, ``0 … bins - 1``, numbered in the order in which the codes meet them.
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
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise InputError(f"vectors must be finite and (code, dim), got shape {vectors.shape}")
    if not 1 <= bins <= len(vectors):
        raise InputError(f"bins must be from 1 to {len(vectors)}, the number of codes, got {bins}")
    vectors = vectors - vectors.mean(axis=0)
    centres = _spread_centres(vectors, bins, np.random.default_rng(seed))
    labels = _nearest(vectors, centres)
    for _ in range(max_iter):
        centres = _move_centres(vectors, labels, centres)
        before, labels = labels, _nearest(vectors, centres)
        if np.array_equal(before, labels):
            break
    return _renumber(labels)


def _spread_centres(vectors: FloatArray, bins: int, rng: np.random.Generator) -> FloatArray:
    """Choose starting centres as k-means++ does (Arthur and Vassilvitskii, 2007)."""
    chosen = [int(rng.integers(len(vectors)))]
    nearest = _squared_distance(vectors, vectors[chosen])[:, 0]
    while len(chosen) < bins and nearest.max() > 0:
        index = int(np.searchsorted(np.cumsum(nearest), rng.random() * nearest.sum(), side="right"))
        chosen.append(min(index, len(vectors) - 1))
        nearest = np.minimum(nearest, _squared_distance(vectors, vectors[chosen[-1:]])[:, 0])
        nearest[chosen] = 0.0
    return vectors[chosen]


def _move_centres(vectors: FloatArray, labels: IntArray, centres: FloatArray) -> FloatArray:
    """Move each centre to the mean of its vectors, an empty one to the worst-served vector."""
    sizes = np.bincount(labels, minlength=len(centres))
    moved = np.zeros_like(centres)
    np.add.at(moved, labels, vectors)
    moved /= np.maximum(sizes, 1)[:, None]
    empty = np.flatnonzero(sizes == 0)
    if len(empty):
        error = ((vectors - centres[labels]) ** 2).sum(axis=1)
        moved[empty] = vectors[np.argsort(-error, kind="stable")[: len(empty)]]
    return moved


def _nearest(vectors: FloatArray, centres: FloatArray) -> IntArray:
    return np.asarray(_squared_distance(vectors, centres).argmin(axis=1), dtype=np.int64)


def _squared_distance(vectors: FloatArray, centres: FloatArray) -> FloatArray:
    cross = vectors @ centres.T
    squared = (vectors**2).sum(axis=1)[:, None] - 2 * cross + (centres**2).sum(axis=1)
    return np.asarray(np.maximum(squared, 0.0))


def _renumber(labels: IntArray) -> IntArray:
    """Number the bins in the order in which the codes meet them."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    return np.asarray(order[inverse], dtype=np.int64)
