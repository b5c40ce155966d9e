"""Labels and ids of clips, checked and converted."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.schema import RESERVED

Array = npt.NDArray[Any]

# Fixed-width text takes the width of the longest entry for all. Above 16 MB, and where that is
# more than 4 times the text itself, entries become objects of their own width.
_MOST_PADDED_BYTES, _MOST_PADDING = 2**24, 4

_EXACT_IN_FLOAT = 2**53  # the largest n for which float64 holds all whole numbers up to n

_NUMBERED = re.compile(r"\w+ \d+")  # what load_many calls a clip that has no name
_WINDOWS = re.compile(r"[A-Za-z]:\\|\\\\")  # elsewhere, a backslash may be part of a name


def add_labels(
    ds: xr.Dataset, labels: Mapping[str, Any] | pd.DataFrame, *, on: str | None = None
) -> xr.Dataset:
    """Return the codes with more labels; see ``ds.qtok.with_labels``."""
    table = _as_table(labels)
    if table is not None:
        labels = _columns(ds, table, on)
    elif on is not None:
        raise InputError("on= names a column, it needs a DataFrame")
    elif not isinstance(labels, Mapping):
        raise InputError(
            f"labels must be a mapping of names to values or a DataFrame, got {labels!r:.80}"
        )
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
    by_row: dict[int, str] = {}
    matched = [row for row in found if row is not None]
    for row, source in zip(matched, sources, strict=True):
        if by_row.setdefault(row, source) != source:
            raise InputError(
                f"{names[row]!r} in the table may mean {by_row[row]!r} or {source!r}: name the "
                "clips by their ids or by more of their paths"
            )
    return matched


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
        raise InputError(f"text with a NUL character cannot be stored: {_first_nul(texts)!r:.80}")
    if not joined.isascii() and any("\ud800" <= letter <= "\udfff" for letter in set(joined)):
        texts = [text.encode("utf-8", "backslashreplace").decode() for text in texts]
    return fitting_text(texts)


def fitting_text(texts: list[str]) -> Array:
    """Return text as ``str`` of the shortest width, or as objects if that is mostly padding."""
    padded = 4 * len(texts) * max(map(len, texts), default=0)
    if padded > _MOST_PADDED_BYTES and padded > _MOST_PADDING * 4 * sum(map(len, texts)):
        return _object_array(texts)
    return np.array(texts, dtype=str)


def shortest_text(array: Array) -> Array:
    """Return fixed-width text in the dtype of :func:`fitting_text`; other arrays as they are."""
    return fitting_text(array.tolist()) if array.dtype.kind == "U" else array


def plain_values(name: str, variable: xr.Variable) -> Array:
    """Return the values of a label, converting what xarray keeps as a pandas array."""
    if isinstance(variable.dtype, np.dtype):
        return np.asarray(variable.values)
    return _plain(name, _from_pandas(pd.array(variable.data)))


def missing_like(array: Array, length: int) -> Array:
    """Return missing values (length,) to concatenate with `array`: "", NaT or NaN."""
    if array.dtype.kind in "UOT":
        return np.full(length, "", dtype="<U1")
    if array.dtype.kind == "M":
        return np.full(length, np.datetime64("NaT"), dtype=array.dtype)
    return np.full(length, np.nan)


def joined_label(name: str, arrays: list[Array]) -> Array:
    """Concatenate the values of a label, or raise InputError where that would change some."""
    if all(array.dtype.kind == "M" for array in arrays):
        arrays = [nanoseconds(name, array) for array in arrays]
    if all(array.dtype.kind == "U" for array in arrays):
        return fitting_text([text for array in arrays for text in array.tolist()])
    joined = np.concatenate(arrays)
    if joined.dtype.kind == "f":
        for array in arrays:
            check_exact_in_float(name, array)
    return joined


def check_exact_in_float(name: str, array: Array) -> None:
    """Raise InputError if float64, which missing values and fractions need, changes a number."""
    if array.dtype.kind in "iu" and array.size:
        least, most = int(array.min()), int(array.max())
        if least < -_EXACT_IN_FLOAT or most > _EXACT_IN_FLOAT:
            raise InputError(
                f"label {name!r} holds whole numbers beyond 2^53 beside missing values or "
                "fractions, which need float64 and would change them: give them as text"
            )


def nanoseconds(name: str, dates: Array) -> Array:
    """Return dates as datetime64[ns], or raise InputError for years before 1678 or after 2261."""
    converted = dates.astype("datetime64[ns]")
    if not np.array_equal(converted.astype(dates.dtype), dates, equal_nan=True):
        wrong = dates[(converted.astype(dates.dtype) != dates) & ~np.isnat(dates)]
        if np.datetime_data(dates.dtype)[0] in ("ps", "fs", "as"):
            raise InputError(
                f"label {name!r} holds the date {wrong[0]}, finer than the nanoseconds that stores "
                "keep: round it, or give the dates as text"
            )
        raise InputError(
            f"label {name!r} holds the date {wrong[0]}, outside 1677-09-22 … 2262-04-11, which "
            "nanoseconds count: give the dates as text, or the years as numbers"
        )
    return converted


def _first_nul(texts: list[str]) -> str:
    return next(text for text in texts if "\0" in text)


def _as_table(labels: Any) -> pd.DataFrame | None:
    """Return a table as pandas has it: one of pandas or polars, or a Series with a name."""
    if isinstance(labels, pd.DataFrame):
        return labels
    if isinstance(labels, pd.Series):
        if not isinstance(labels.name, str):
            raise InputError("a Series of labels needs a name, as in series.rename('instrument')")
        return labels.to_frame()
    if _is_polars(labels) and hasattr(labels, "collect"):
        labels = labels.collect()
    if _is_polars(labels) and hasattr(labels, "columns"):
        columns = {name: labels[name].to_list() for name in labels.columns}
        return pd.DataFrame({name: _object_array(values) for name, values in columns.items()})
    return None


def _is_polars(values: Any) -> bool:
    return type(values).__module__.partition(".")[0] == "polars"


def _one_dimensional(name: str, values: Any) -> Array:
    if isinstance(values, (str, bytes)) or not np.iterable(values):
        raise InputError(f"label {name!r} must hold one value per clip, got {values!r}")
    for converter in ("to_list", "to_pylist"):  # polars and Arrow: whole numbers stay whole
        if not hasattr(values, "index") and hasattr(values, converter):
            values = _object_array(list(getattr(values, converter)()))
    if hasattr(values, "to_numpy") and not isinstance(values, xr.DataArray):
        values = _from_pandas(values)
    elif not hasattr(values, "__array__"):
        values = _object_array(list(values))
    if np.ma.is_masked(values):
        values = _object_array([None if item is np.ma.masked else item for item in values])
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # tensors with gradients, of bfloat16
        raise InputError(
            f"label {name!r} is a {type(values).__name__} that NumPy cannot read ({error}): give "
            "it as a NumPy array or a list"
        ) from error
    if array.ndim != 1:
        raise InputError(f"label {name!r} must be one-dimensional, got shape {array.shape}")
    return array


def _from_pandas(values: Any) -> Array:
    """Return a Series or array of pandas; numbers with missing values as objects."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return np.asarray(values.to_numpy())
    if getattr(dtype, "type", None) is str:
        values = values.fillna("")
    return _object_array(list(values))


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
        return nanoseconds(name, array)
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
        return _dates(name, values)
    if "date with a time zone" in kinds:
        raise InputError(
            f"label {name!r} holds dates with a time zone, which stores do not keep: convert them "
            "to UTC and drop the zone, as series.dt.tz_convert(None) does, or give them as text"
        )
    raise InputError(
        f"label {name!r} mixes or holds unsupported values ({', '.join(sorted(kinds))}): "
        "expected text only, numbers only, truth values only or dates only"
    )


def _numbers(name: str, values: list[Any]) -> Array:
    known = [value for value in values if value is not None]
    needs_float = len(known) < len(values) or any(map(_is_real, known))
    if needs_float:
        whole = [int(value) for value in known if not _is_real(value)]
        if any(abs(value) > _EXACT_IN_FLOAT for value in whole):
            check_exact_in_float(name, np.array([_EXACT_IN_FLOAT + 1]))
        filled = (np.nan if value is None else float(value) for value in values)
        return np.fromiter(filled, dtype=np.float64, count=len(values))
    is_unsigned = min(known) >= 0 and max(known) >= 2**63  # NumPy would make float64 of them
    try:
        array = np.array(values, dtype=np.uint64 if is_unsigned else None)
    except OverflowError:
        array = np.array(values, dtype=object)
    if array.dtype.kind not in "biu":
        raise InputError(f"label {name!r} holds a number that does not fit in 64 bits")
    return _native(array)


def _dates(name: str, values: list[Any]) -> Array:
    """Convert one by one: each has a unit of its own, in which it may lie outside of another."""
    dates = []
    date: np.datetime64[Any]
    for value in values:
        if value is None:
            date = np.datetime64("NaT", "ns")
        elif isinstance(value, pd.Timestamp):
            date = value.to_datetime64()
        else:
            date = np.datetime64(value)
        dates.append(nanoseconds(name, np.array([date])))
    return np.concatenate(dates)


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


def _is_real(value: Any) -> bool:
    return isinstance(value, (float, np.floating))


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "truth"
    if isinstance(value, (int, np.integer)):
        return "integer"
    if _is_real(value):
        return "real"
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return "date with a time zone"
    if isinstance(value, (np.datetime64, dt.date)):
        return "date"
    return type(value).__name__


def _columns(ds: xr.Dataset, table: pd.DataFrame, on: str | None) -> dict[str, Any]:
    names = [str(name) for name in table.columns]
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the table has two columns {repeated!r}: rename or drop one of them")
    if on is not None and on not in table.columns:
        raise InputError(f"the table has no column {on!r}, but {list(table.columns)}")
    rows: list[int] | slice = slice(None)
    if on is not None:
        rows = match_clips(ds, table[on])
    elif not _is_counted(table.index):
        rows = match_clips(ds, table.index)
    # Whole columns are converted, so that all parts of a collection get labels of one dtype.
    return {
        str(name): label_array(str(name), table[name], n_clips=len(table))[rows]
        for name in table.columns
        if name != on
    }


def _is_counted(index: pd.Index) -> bool:
    """Return whether an index is 0, 1, 2, …, the default of pandas, which names no clips."""
    return isinstance(index, pd.RangeIndex) and index.equals(pd.RangeIndex(len(index)))


def _in_order(ds: xr.Dataset, name: str, values: Any) -> Any:
    """Return the values in the order of the clips, if they say which clips they are of."""
    ids = ds[schema.CLIP].values.tolist()
    if isinstance(values, Mapping):
        if unknown := set(values) - set(ids):
            listed = sorted(map(str, unknown))[:3]
            raise InputError(f"label {name!r} names clips that are not there: {listed}")
        return [values.get(clip) for clip in ids]
    if isinstance(values, pd.Series) and not _is_counted(values.index):
        return label_array(name, values, n_clips=len(values))[match_clips(ds, values.index)]
    if isinstance(values, xr.DataArray) and schema.CLIP in values.coords and values.ndim == 1:
        index = pd.Index(values[schema.CLIP].values.tolist(), dtype=object)
        if index.tolist() != ids:
            return label_array(name, values, n_clips=len(index))[match_clips(ds, index)]
    return values


def _row(rows: Mapping[tuple[str, ...], int], clip: str, source: str) -> int | None:
    if (row := rows.get(path_parts(clip))) is not None:
        return row
    parts = path_parts(source)
    tails = (parts[start:] for start in range(len(parts)))
    return next((rows[tail] for tail in tails if tail in rows), None)


def clip_ids_from_sources(sources: Sequence[str]) -> list[str]:
    """Return for each path or URL its shortest tail that no other source ends in, made unique."""
    names = [_placeholder(source, index) for index, source in enumerate(sources)]
    tails = _shortest_tails(set(names))
    return unique_ids(tails[name] for name in names)


def unique_ids(ids: Iterable[str]) -> list[str]:
    """Append ``#2``, ``#3``, … to repeated ids; the first of each stays as it is."""
    wanted = list(ids)
    taken = set(wanted)
    seen: set[str] = set()
    repeats: defaultdict[str, int] = defaultdict(lambda: 1)
    named = []
    for name in wanted:
        fresh = name
        while fresh in seen or (fresh != name and fresh in taken):
            repeats[name] += 1
            fresh = f"{name}#{repeats[name]}"
        seen.add(fresh)
        named.append(fresh)
    return named


def _placeholder(source: str, index: int) -> str:
    bare = source.strip("<>").strip()
    if source.startswith("<") and _NUMBERED.fullmatch(bare):
        return bare.replace(" ", "-")
    if source.startswith("<") or not bare:
        return f"{bare or 'clip'}-{index}"
    return source


def _shortest_tails(sources: set[str]) -> dict[str, str]:
    """Lengthen the tails of those sources that still share one, until none does."""
    parts = {source: path_parts(source) for source in sources}
    tails: dict[str, str] = {}
    shared, depth = list(sources), 1
    while shared:
        candidates = ["/".join(parts[source][-depth:]) or source for source in shared]
        counts = Counter(candidates)
        still_shared = []
        for source, tail in zip(shared, candidates, strict=True):
            if counts[tail] > 1 and len(parts[source]) > depth:
                still_shared.append(source)
            else:
                tails[source] = tail
        shared, depth = still_shared, depth + 1
    return tails


def path_parts(source: str) -> tuple[str, ...]:
    """Return the names that a path or URL consists of; backslashes separate those of Windows."""
    is_windows = os.name == "nt" or _WINDOWS.match(source) is not None
    return tuple(filter(None, (source.replace("\\", "/") if is_windows else source).split("/")))
