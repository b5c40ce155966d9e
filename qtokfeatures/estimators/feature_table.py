"""Labelled features that can be joined side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema


class FeatureTable(xr.DataArray):  # type: ignore[no-untyped-call]
    """A DataArray (clip, feature) with ``columns``, which the unions of scikit-learn ask for."""

    __slots__ = ()

    @property
    def columns(self) -> list[str]:
        """Names of the features, or their numbers where they have no names."""
        if self.ndim != 2:
            raise AttributeError(f"columns are those of a table, and this has {self.ndim} dims")
        return [str(name) for name in self[str(self.dims[1])].values]

    @property
    def feature_names_in_(self) -> list[str]:
        """The same, for a FunctionTransformer, which looks for them on its X."""
        return self.columns

    @classmethod
    def of(cls, array: xr.DataArray) -> FeatureTable:
        """Wrap an array without copying its numbers."""
        return cls(array.variable, coords=array.coords, name=array.name)


def side_by_side(parts: Sequence[xr.DataArray]) -> FeatureTable:
    """Join features of the same clips along the features.

    Labels of clips that differ are those of the first part. A coordinate of the features that a
    part lacks is -1, NaN or "" there.
    """
    rows = {(str(part.dims[0]), part.shape[0]) for part in parts}
    if len(rows) > 1:
        found = ", ".join(f"{size} along {dim!r}" for dim, size in sorted(rows))
        raise InputError(f"features to be set side by side must have the same rows, got {found}")
    values = np.concatenate([part.values for part in parts], axis=1)
    table = FeatureTable(
        values,
        coords=row_coords(parts[0]),
        dims=(parts[0].dims[0], schema.FEATURE),
        name=parts[0].name,
        attrs=_common_attrs(parts),
    )
    return table.assign_coords(_joined_feature_coords(parts) | _further_row_coords(parts))


def row_coords(array: xr.DataArray) -> Any:
    """Return the coordinates of the rows, and the scalar ones."""
    return array.coords.to_dataset().drop_dims([array.dims[1]], errors="ignore").coords


def column_coords(array: xr.DataArray) -> dict[str, np.ndarray[Any, Any]]:
    """Return the coordinates of the features as arrays (feature,), without their names."""
    dim = array.dims[1]
    return {
        str(name): coord.values
        for name, coord in array.coords.variables.items()
        if coord.dims == (dim,) and name != dim
    }


def join_columns(
    parts: Sequence[Mapping[str, np.ndarray[Any, Any]]], widths: Sequence[int]
) -> dict[str, np.ndarray[Any, Any]]:
    """Join coordinates of features, (feature,) each; -1, NaN or "" where a part has none."""
    joined = {}
    for name in dict.fromkeys(name for found in parts for name in found):
        values = next(found[name] for found in parts if name in found)
        pieces = [
            found[name] if name in found else _absent(values, width)
            for found, width in zip(parts, widths, strict=True)
        ]
        joined[name] = np.concatenate(pieces)
    return joined


def _further_row_coords(parts: Sequence[xr.DataArray]) -> dict[str, Any]:
    """Return the labels of the rows that the first part lacks."""
    rows, known = parts[0].dims[0], set(parts[0].coords)
    found: dict[str, Any] = {}
    for part in parts[1:]:
        for name, coord in part.coords.variables.items():
            if coord.dims == (rows,) and name not in known:
                found.setdefault(str(name), coord.to_base_variable())
    return found


def _joined_feature_coords(parts: Sequence[xr.DataArray]) -> dict[str, Any]:
    names = np.concatenate([part[str(part.dims[1])].values.astype(str) for part in parts])
    joined = join_columns(
        [column_coords(part) for part in parts], [part.shape[1] for part in parts]
    )
    coords = {name: (schema.FEATURE, values) for name, values in joined.items()}
    return {schema.FEATURE: (schema.FEATURE, names), **coords}


def _absent(like: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
    """Return the value of a coordinate where features have none."""
    if like.dtype.kind in "UOT":
        return np.full(length, "")
    return np.full(length, -1 if like.dtype.kind in "iub" else np.nan)


def _common_attrs(parts: Sequence[xr.DataArray]) -> dict[str, Any]:
    """Return the attributes on which all parts that have any agree."""
    described = [part.attrs for part in parts if part.attrs]
    if not described:
        return {}
    return {
        name: value
        for name, value in described[0].items()
        if all(name in attrs and _equal(attrs[name], value) for attrs in described[1:])
    }


def _equal(one: Any, other: Any) -> bool:
    return bool(np.array_equal(np.asarray(one), np.asarray(other)))
