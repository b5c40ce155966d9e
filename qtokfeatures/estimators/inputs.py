"""The shapes that scikit-learn's users give X in, beyond what ``load_many`` reads itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import CodeSequence


def are_codes(X: Any) -> bool:
    """Tell whether X is encoded already.

    Parameters
    ----------
    X : object
        What an estimator was given.

    Returns
    -------
    bool
    """
    return isinstance(X, (CodeSequence, xr.Dataset))


def clip_items(X: Any) -> Any:
    """Return the clips of X as ``load_many`` takes them, one item a row.

    Parameters
    ----------
    X : object
        A list of paths, URLs, bytes, ``(y, sr)`` pairs, arrays or AudioClips, which may be mixed;
        a pandas Series or one-column DataFrame, or an array of one column, of paths; an array,
        tensor or nested list of numbers of shape (clip, sample).

    Returns
    -------
    iterable

    Raises
    ------
    InputError
        If X is a table of several columns or a sparse matrix.

    Examples
    --------
    >>> import numpy as np
    >>> list(clip_items(np.array([["a.wav"], ["b.wav"]], dtype=object)))
    ['a.wav', 'b.wav']
    """
    if scipy.sparse.issparse(X):
        raise InputError("X is a sparse matrix; clips are dense: (clip, sample), X.toarray()")
    if isinstance(X, pd.DataFrame):
        return _only_column(X)
    if isinstance(X, (np.ndarray, xr.DataArray, pd.Index)):
        return _flat_column(np.asarray(X))
    if isinstance(X, list):
        return [_as_row(item) for item in X]
    return X


def _only_column(table: pd.DataFrame) -> list[Any]:
    if table.shape[1] == 1:
        return list(table.iloc[:, 0])
    columns = ", ".join(map(str, table.columns))
    raise InputError(
        f"X is a table of {table.shape[1]} columns ({columns}); select the one that holds the "
        f"audio, such as X[{table.columns[0]!r}]"
        if table.shape[1]
        else "X is a table without columns"
    )


def _flat_column(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Take the column out of an array (clip, 1), which is what ColumnTransformer passes on."""
    is_text = array.dtype.kind in "UOT"
    return array[:, 0] if is_text and array.ndim == 2 and array.shape[1] == 1 else array


def _as_row(item: Any) -> Any:
    """Turn a list of plain numbers into an array."""
    if not (isinstance(item, list) and item and isinstance(item[0], (int, float, np.number))):
        return item
    return np.asarray(item, dtype=np.float64)
