"""Counts of tokens weighted by how few clips have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from qtokfeatures.exceptions import InputError


def inverse_document_frequency(
    document_count: npt.ArrayLike, n_documents: int
) -> npt.NDArray[np.float64]:
    """Weigh tokens by how rare they are, as scikit-learn's ``TfidfTransformer`` does by default.

    Parameters
    ----------
    document_count : array_like of int, shape (token,)
        In how many clips each token occurs.
    n_documents : int
        How many clips there are.

    Returns
    -------
    ndarray of float64, shape (token,)
        ``log((1 + n) / (1 + d)) + 1``: 1 for a token that all clips have, more for a rare one.

    Raises
    ------
    InputError
        If a token occurs in fewer than 0 or more than `n_documents` clips.

    Examples
    --------
    >>> inverse_document_frequency([3, 1, 0], 3).round(3).tolist()
    [1.0, 1.693, 2.386]
    """
    found = np.asarray(document_count)
    if found.size and (found.min() < 0 or found.max() > n_documents):
        raise InputError(
            f"document_count must be 0 … {n_documents}, got {found.min()} … {found.max()}"
        )
    return np.asarray(np.log((1 + n_documents) / (1 + found)) + 1, dtype=np.float64)


def unit_rows(values: Any) -> Any:
    """Scale each row to Euclidean length 1.

    Parameters
    ----------
    values : ndarray of float or SciPy CSR array, shape (clip, token)
        Weighted counts.

    Returns
    -------
    ndarray of float32 or SciPy CSR array
        Of the kind of `values`. A row of zeros stays one.

    Examples
    --------
    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).round(2).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    lengths = np.sqrt(np.asarray((values * values).sum(axis=1), dtype=np.float64)).ravel()
    scale = 1 / np.where(lengths > 0, lengths, 1)
    if scipy.sparse.issparse(values):
        return scipy.sparse.csr_array(scipy.sparse.diags_array(scale) @ values, dtype=np.float32)
    return (values * scale[:, None]).astype(np.float32)
