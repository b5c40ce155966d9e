"""Labels of clips, converted to arrays that every store keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.naming import path_parts
from qtokfeatures.labelled.schema import RESERVED

Array = npt.NDArray[Any]


def add_labels(
    ds: xr.Dataset, labels: Mapping[str, Any] | pd.DataFrame, *, on: str | None = None
) -> xr.Dataset:
    """Return the codes with more labels; see ``ds.qtok.with_labels``."""
    if isinstance(labels, pd.DataFrame):
        labels = _columns(ds, labels, on)
    elif on is not None:
        raise InputError("on= names a column, it needs a DataFrame")
    n_clips = ds.sizes[schema.CLIP]
    arrays = {
        name: label_array(name, _in_order(ds, name, values), n_clips=n_clips)
        for name, values in labels.items()
    }
    replaced = ds.drop_vars([name for name in arrays if name in ds.variables])
    return replaced.assign_coords({name: (schema.CLIP, array) for name, array in arrays.items()})


def match_clips(ds: xr.Dataset, keys: Iterable[Any]) -> list[int]:
    """Return the position in `keys` (ids, sources or tails of sources) of each clip."""
    names = [str(key) for key in keys]
    rows = {path_parts(name): row for row, name in enumerate(names)}
    if len(rows) != len(names):
        parts = pd.Series([path_parts(name) for name in names])
        repeated = names[int(parts.duplicated().to_numpy().argmax())]
        raise InputError(f"the table names clip {repeated!r} more than once")
    for row, name in enumerate(names):  # a table may come from Windows
        rows.setdefault(path_parts(name.replace("\\", "/")), row)
    ids, sources = ds[schema.CLIP].values.tolist(), ds[schema.SOURCE].values.tolist()
    found = [_row(rows, name, source) for name, source in zip(ids, sources, strict=True)]
    lacking = [name for name, row in zip(ids, found, strict=True) if row is None]
    if lacking:
        raise InputError(f"{len(lacking)} clips have no row in the table, among them {lacking[:3]}")
    return [row for row in found if row is not None]


def label_array(name: str, values: Any, *, n_clips: int) -> Array:
    """Return the values of a label (clip,) as str, bool, int, float or datetime64[ns]."""
    check_label_name(name)
    array = _one_dimensional(name, values)
    if len(array) != n_clips:
        raise InputError(f"label {name!r} has {len(array)} values for {n_clips} clips")
    return _plain(name, array)


def check_label_name(name: Any) -> None:
    """Raise InputError for a name of the schema or one that a store cannot hold."""
    if not isinstance(name, str) or not name or name != name.strip() or set(name) & set("/\0"):
        raise InputError(f"a label's name must be text without '/' or outer blanks, got {name!r}")
    if name.startswith((".", "__")):
        raise InputError(f"a label's name cannot start as that of a hidden file, got {name!r}")
    if name in RESERVED:
        raise InputError(f"{name!r} is a name of the codes schema: give the label another one")


def text_array(values: Iterable[Any]) -> Array:
    """Return text as a ``str`` array of the shortest width, ready for UTF-8."""
    texts = [str(value) for value in values]
    joined = "".join(texts)
    if "\0" in joined:
        raise InputError(f"text with a NUL character cannot be stored: {_first_nul(texts)!r}")
    if not joined.isascii() and any("\ud800" <= letter <= "\udfff" for letter in set(joined)):
        texts = [text.encode("utf-8", "backslashreplace").decode() for text in texts]
    return np.array(texts, dtype=str)


def shortest_text(array: Array) -> Array:
    """Return a ``str`` array at the shortest width that holds it; other arrays as they are."""
    if array.dtype.kind != "U":
        return array
    width = max(1, int(np.char.str_len(array).max(initial=1)))
    return array.astype(f"<U{width}", copy=False)


def missing_like(array: Array, length: int) -> Array:
    """Return missing values (length,) to concatenate with `array`: "", NaT or NaN."""
    if array.dtype.kind in "UOT":
        return np.full(length, "", dtype="<U1")
    if array.dtype.kind == "M":
        return np.full(length, np.datetime64("NaT"), dtype=array.dtype)
    return np.full(length, np.nan)


def _first_nul(texts: list[str]) -> str:
    return next(text for text in texts if "\0" in text)


def _one_dimensional(name: str, values: Any) -> Array:
    if isinstance(values, (str, bytes)) or not np.iterable(values):
        raise InputError(f"label {name!r} must hold one value per clip, got {values!r}")
    if hasattr(values, "to_numpy"):  # pandas: Categorical, nullable and text dtypes included
        values = _from_pandas(values)
    elif not hasattr(values, "__array__"):
        values = _object_array(list(values))
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"label {name!r} must be one-dimensional, got shape {array.shape}")
    return array


def _from_pandas(values: Any) -> Array:
    is_text = getattr(values.dtype, "type", None) is str
    array: Array = (values.fillna("") if is_text else values).to_numpy()
    return array


def _object_array(values: list[Any]) -> Array:
    """Return an object array, because NumPy would turn a list of 1 and "a" into text."""
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array


def _plain(name: str, array: Array) -> Array:
    kind = array.dtype.kind
    if kind == "U":
        return text_array(array.tolist())
    if kind == "M":
        return array.astype("datetime64[ns]")
    if kind in "biuf":
        return _native(array)
    if kind in "OT":
        return _from_objects(name, array.tolist())
    raise InputError(
        f"label {name!r} is {array.dtype}: expected text, numbers, truth values or dates"
    )


def _native(array: Array) -> Array:
    """Return the dtypes that netCDF has: native byte order, no float16 or longdouble."""
    if array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        return array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _from_objects(name: str, values: list[Any]) -> Array:
    values = [None if _is_missing(value) else value for value in values]
    kinds = {_kind(value) for value in values if value is not None}
    if kinds == {"text"} or not values:
        return text_array("" if value is None else value for value in values)
    if kinds <= {"integer", "real"} or kinds == {"truth"}:
        return _numbers(name, values)
    if kinds == {"date"}:
        return np.array(values, dtype="datetime64[ns]")
    raise InputError(
        f"label {name!r} mixes or holds unsupported values ({', '.join(sorted(kinds))}): "
        "expected text only, numbers only, truth values only or dates only"
    )


def _numbers(name: str, values: list[Any]) -> Array:
    if None in values:
        filled = (np.nan if value is None else float(value) for value in values)
        return np.fromiter(filled, dtype=np.float64, count=len(values))
    array = np.array(values)
    if array.dtype.kind not in "biuf":
        raise InputError(f"label {name!r} holds a number that does not fit in 64 bits")
    return _native(array)


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, (str, bytes)):
        return False
    try:
        return bool(value != value)  # NaN and NaT differ from themselves
    except TypeError:  # pandas.NA has no truth value
        return True
    except ValueError:  # an array; _kind refuses it
        return False


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "truth"
    if isinstance(value, (int, np.integer)):
        return "integer"
    if isinstance(value, (float, np.floating)):
        return "real"
    if isinstance(value, np.datetime64) or hasattr(value, "isoformat"):
        return "date"
    return type(value).__name__


def _columns(ds: xr.Dataset, table: pd.DataFrame, on: str | None) -> dict[str, Any]:
    if on is not None and on not in table.columns:
        raise InputError(f"the table has no column {on!r}, but {list(table.columns)}")
    rows: list[int] | slice = slice(None)
    if on is not None:
        rows = match_clips(ds, table[on])
    elif not isinstance(table.index, pd.RangeIndex):
        rows = match_clips(ds, table.index)
    # Whole columns are converted, so that all parts of a collection get labels of one dtype.
    return {
        str(name): label_array(str(name), table[name], n_clips=len(table))[rows]
        for name in table.columns
        if name != on
    }


def _in_order(ds: xr.Dataset, name: str, values: Any) -> Any:
    if not isinstance(values, Mapping):
        return values
    ids = ds[schema.CLIP].values.tolist()
    if unknown := set(values) - set(ids):
        raise InputError(f"label {name!r} names clips that are not there: {sorted(unknown)[:3]}")
    return [values.get(clip) for clip in ids]


def _row(rows: Mapping[tuple[str, ...], int], clip: str, source: str) -> int | None:
    if (row := rows.get(path_parts(clip))) is not None:
        return row
    parts = path_parts(source)
    tails = (parts[start:] for start in range(len(parts)))
    return next((rows[tail] for tail in tails if tail in rows), None)
