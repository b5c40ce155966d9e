"""Forms of X that scikit-learn users pass, beyond those that ``load_many`` reads."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse
import xarray as xr

from qtokfeatures.exceptions import InputError, InputTypeError
from qtokfeatures.labelled import CodeSequence, schema

Array = npt.NDArray[Any]

_MOST_NAMED = 10


def are_codes(X: Any) -> bool:
    """Return True for codes, False for audio."""
    return isinstance(X, (CodeSequence, xr.Dataset))


def check_labels(y: Any, n_clips: int, *, name: str = "y") -> Array:
    """Return labels as an array, one for each clip."""
    labels = np.asarray(y)
    if labels.ndim == 0 or len(labels) != n_clips:
        found = "a single value" if labels.ndim == 0 else f"{len(labels)}"
        raise InputError(f"{name} must have an entry for each of {n_clips} clips, got {found}")
    return labels


def clip_items(X: Any) -> Any:
    """Return the clips of X as ``load_many`` reads them, one item per row.

    A one-column table or array becomes its values, a list of numbers an array. Tables of several
    columns, sparse matrices and single clips are refused.
    """
    if scipy.sparse.issparse(X):
        raise InputError("X is a sparse matrix; clips are dense: (clip, sample), X.toarray()")
    if _is_frame(X):
        return _only_column(X)
    if isinstance(X, (np.ndarray, xr.DataArray, pd.Index)):
        return _checked_numbers(_flat_column(np.asarray(X)))
    if isinstance(X, list):
        if X and all(isinstance(item, (float, np.number)) for item in X):
            _checked_numbers(np.asarray(X))
        return [_as_row(item) for item in X]
    return X


def clip_count(X: Any) -> int | None:
    """Return the number of clips of X, or None if that is unknown without reading them."""
    clips = CodeSequence(X) if isinstance(X, xr.Dataset) else X
    clips = clips if isinstance(clips, CodeSequence) else clip_items(clips)
    is_sized = isinstance(clips, Sized) and not isinstance(clips, (str, bytes))
    return len(clips) if is_sized else None


def clip_labels(X: Any) -> dict[str, Array]:
    """Return the coordinates of a DataArray along its first dimension, by name.

    ``"clip"`` holds ids, where that dimension, or a pandas Series or DataFrame, has text for an
    index. Names that the schema of codes reserves are left out.
    """
    if isinstance(X, (pd.Series, pd.DataFrame)):
        is_text = pd.api.types.infer_dtype(X.index) == "string"
        return {schema.CLIP: np.asarray(X.index, dtype=object)} if is_text else {}
    if not isinstance(X, xr.DataArray) or not X.dims:
        return {}
    rows = X.dims[0]
    along = {str(name): coord.values for name, coord in X.coords.items() if coord.dims == (rows,)}
    index = along.pop(str(rows), None)
    labels = {name: values for name, values in along.items() if name not in schema.RESERVED}
    if index is not None and index.dtype.kind in "UOT":
        labels[schema.CLIP] = index
    elif index is not None and rows not in schema.RESERVED:
        labels[str(rows)] = index
    return labels


def table_width(X: Any) -> int | None:
    """Return the number of samples of each clip in a table of numbers, None for other X."""
    if isinstance(X, list):
        return _width_of_lists(X)
    is_table = len(getattr(X, "shape", ())) == 2 and not _is_frame(X)
    is_text = getattr(getattr(X, "dtype", None), "kind", "") in "UT"
    return int(X.shape[1]) if is_table and not is_text else None


def note_table_width(estimator: Any, X: Any) -> None:
    """Set `n_features_in_` of an estimator fitted on a table of numbers, and only then."""
    vars(estimator).pop("n_features_in_", None)
    width = table_width(X)
    if width is not None:
        estimator.n_features_in_ = width


def _width_of_lists(rows: list[Any]) -> int | None:
    widths = {len(row) if isinstance(row, list) else None for row in rows}
    width = widths.pop() if len(widths) == 1 else None
    is_numbers = width and isinstance(rows[0][0], (int, float, np.number))
    return width if is_numbers else None


def _is_frame(X: Any) -> bool:
    is_polars = hasattr(X, "iter_columns") and hasattr(X, "columns")
    return isinstance(X, pd.DataFrame) or is_polars


def _only_column(table: Any) -> list[Any]:
    names = list(table.columns)
    if len(names) == 1:
        return list(table[names[0]])
    columns = ", ".join(map(str, names[:_MOST_NAMED])) + (", …" * (len(names) > _MOST_NAMED))
    raise InputError(
        f"X is a table of {len(names)} columns ({columns}); select the one that holds the "
        f"audio, such as X[{names[0]!r}]"
        if names
        else "X is a table without columns"
    )


def _flat_column(array: Array) -> Array:
    """Flatten text of shape (clip, 1), which is what ColumnTransformer passes on."""
    is_text = array.dtype.kind in "UOT"
    return array[:, 0] if is_text and array.ndim == 2 and array.shape[1] == 1 else array


def _checked_numbers(array: Array) -> Array:
    """Refuse numbers that are not clips, with the wording of scikit-learn beside our own."""
    if array.dtype == object and array.ndim == 2:
        array = _numbers_of_objects(array)
    if array.dtype.kind == "c":
        raise InputError("Complex data not supported: X holds audio, and samples are real")
    if array.dtype.kind in "biuf" and array.ndim == 1 and len(array):
        raise InputError(
            f"X is a 1-D array of {len(array)} numbers, which is one clip: pass [X]. Reshape your "
            "data, X.reshape(1, -1), if it is a table of one clip"
        )
    if array.ndim == 2 and array.shape[1] == 0:
        raise InputError(
            f"Found array with 0 feature(s) (shape={array.shape}) while a minimum of 1 is "
            "required: each row is a clip, and a clip has one sample at least"
        )
    return array


def _numbers_of_objects(table: Array) -> Array:
    """Return a table of Python objects as floats; a table with text is returned as it is."""
    if any(isinstance(cell, str) for cell in table[:1].flat):
        return table
    try:
        return table.astype(np.float64)
    except TypeError as error:
        row, column = next(cell for cell in np.ndindex(table.shape) if not _is_number(table[cell]))
        raise InputTypeError(
            f"X is a table of samples, and X[{row}, {column}] is a "
            f"{type(table[row, column]).__name__}: {error}"
        ) from error
    except ValueError:
        return table


def _is_number(cell: Any) -> bool:
    """Return True for a cell that NumPy converts to float; None becomes NaN."""
    return cell is None or isinstance(cell, (int, float, np.number))


def _as_row(item: Any) -> Any:
    """Convert a list of plain numbers to an array."""
    if not (isinstance(item, list) and item and isinstance(item[0], (int, float, np.number))):
        return item
    return np.asarray(item, dtype=np.float64)
