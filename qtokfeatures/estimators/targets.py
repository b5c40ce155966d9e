"""Vectors of features that a sound is wanted for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from qtokfeatures.exceptions import InputError

FloatArray = npt.NDArray[np.float64]


def target_rows(X: Any, n_features: int) -> FloatArray:
    """Check vectors of features.

    Parameters
    ----------
    X : array_like, DataArray, DataFrame or sparse, shape (row, feature)
        Vectors; a single one may be 1-D.
    n_features : int
        Features that there must be.

    Returns
    -------
    ndarray of float64, shape (row, feature)

    Raises
    ------
    InputError
        If the shape is another, or a value is not a finite number. Names the row.

    Examples
    --------
    >>> target_rows([[0.5, 0.25]], 2)
    array([[0.5 , 0.25]])
    """
    try:
        rows = np.asarray(X.toarray() if scipy.sparse.issparse(X) else X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            "inverse_transform takes codes, a Dataset or CodeSequence such as encode(X) returns, "
            f"or features (clip, feature) such as transform(X) returns; got {type(X).__name__}"
        ) from error
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] != n_features:
        raise InputError(
            f"inverse_transform takes codes, or features of shape (clip, {n_features}) as "
            f"transform(X) returns them; got an array of shape {rows.shape}"
        )
    wrong = ~np.isfinite(rows).all(axis=1)
    if wrong.any():
        raise InputError(f"row {int(np.argmax(wrong))} has features that are not finite numbers")
    return rows


def distances_to(features: Any, target: FloatArray) -> FloatArray:
    """Return the Euclidean distance of each row to a vector.

    Parameters
    ----------
    features : ndarray or sparse, shape (row, feature)
        Rows.
    target : ndarray of float64, shape (feature,)
        The vector.

    Returns
    -------
    ndarray of float64, shape (row,)

    Examples
    --------
    >>> distances_to(np.array([[3.0, 4.0], [0.0, 1.0]]), np.zeros(2))
    array([5., 1.])
    """
    if not scipy.sparse.issparse(features):
        return np.asarray(np.linalg.norm(features - target, axis=1))
    rows = features.astype(np.float64)
    squares = np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    squared = squares - 2 * (rows @ target) + target @ target
    return np.asarray(np.sqrt(np.maximum(squared, 0)), dtype=np.float64)


def dense_row(features: Any, row: int) -> FloatArray:
    """Return one row of features, which may be sparse.

    Parameters
    ----------
    features : ndarray or sparse, shape (row, feature)
        Rows.
    row : int
        Which.

    Returns
    -------
    ndarray, shape (feature,)
    """
    found = features[[row]]
    dense = np.asarray(found.toarray() if scipy.sparse.issparse(found) else found)
    return np.asarray(dense[0], dtype=np.float64)
