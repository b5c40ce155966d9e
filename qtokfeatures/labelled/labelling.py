"""Labels added to codes, from mappings and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.labels import label_array
from qtokfeatures.labelled.naming import path_parts


def add_labels(
    ds: xr.Dataset, labels: Mapping[str, Any] | pd.DataFrame, *, on: str | None = None
) -> xr.Dataset:
    """Return the codes with more labels.

    Parameters
    ----------
    ds : xarray.Dataset
        Codes that follow the schema.
    labels : mapping of str to (array-like (clip,) or mapping) or pandas.DataFrame
        Values in the order of the clips, or by clip id; or a table with one column per label.
        A table whose index is 0, 1, 2, … is in the order of the clips, otherwise its index names
        the clips.
    on : str, optional
        Column of the table that names the clips. Clips are named by id, by source, or by a tail
        of the source such as ``"train/a.wav"``.

    Returns
    -------
    xarray.Dataset
        A new Dataset. Labels that were there are replaced.

    Raises
    ------
    InputError
        If a length is wrong, a name is taken by the schema, or a clip has no row in the table.
    """
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
    """Return which of `keys` names each clip.

    Parameters
    ----------
    ds : xarray.Dataset
        Codes.
    keys : iterable of str
        Ids, sources, or tails of sources.

    Returns
    -------
    list of int (clip,)
        Positions in `keys`.

    Raises
    ------
    InputError
        If a key repeats, or a clip is named by none. Names the first such clips.
    """
    names = [str(key) for key in keys]
    rows = {path_parts(name): row for row, name in enumerate(names)}
    if len(rows) != len(names):
        parts = pd.Series([path_parts(name) for name in names])
        repeated = names[int(parts.duplicated().to_numpy().argmax())]
        raise InputError(f"the table names clip {repeated!r} more than once")
    ids, sources = ds[schema.CLIP].values.tolist(), ds[schema.SOURCE].values.tolist()
    found = [_row(rows, name, source) for name, source in zip(ids, sources, strict=True)]
    lacking = [name for name, row in zip(ids, found, strict=True) if row is None]
    if lacking:
        raise InputError(f"{len(lacking)} clips have no row in the table, among them {lacking[:3]}")
    return [row for row in found if row is not None]


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
