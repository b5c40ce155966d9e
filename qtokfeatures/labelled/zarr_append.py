"""Clips appended to a Zarr store, of which readers see all or none."""

# Readers take the sizes of arrays from the consolidated metadata, which is one file. Arrays are
# enlarged and written first; replacing that file makes the new clips visible. The next append
# overwrites what an interrupted one left behind the old end.

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.concat import OnDuplicate, check_compatible, join_clips, merged_attrs
from qtokfeatures.labelled.labels import check_exact_in_float
from qtokfeatures.labelled.stored_form import DTYPE_ATTR, plain_attrs, stored_variable

Array = npt.NDArray[Any]

_NUMBERED = {schema.CLIP_INDEX: schema.CLIP, schema.FRAME_NUMBER: schema.FRAME}


def append_to_zarr(
    there: xr.Dataset, ds: xr.Dataset, path: Path, *, on_duplicate: OnDuplicate
) -> None:
    """Add the clips of `ds` to the store at `path`, which `there` was lazily opened from."""
    import zarr

    check_compatible([there, ds])
    per_clip = {
        name: stored_variable(name, variable)
        for name, variable in join_clips([there, ds], on_duplicate=on_duplicate).items()
    }
    group: Any = zarr.open_group(str(path), mode="r+")
    added = {
        **{name: _added_frames(there, ds, name) for name in _frame_names(there, ds)},
        **{name: v[there.sizes[schema.CLIP] :] for name, v in per_clip.items()},
    }
    added[schema.CLIP_NUMBER] = added[schema.CLIP_NUMBER] + there.sizes[schema.CLIP]
    values = {name: _as_stored(group, name, variable) for name, variable in added.items()}
    with _all_chunks_written():
        for name, variable in added.items():
            array = group[name]  # once: asked again, the group gives the sizes it was opened with
            along = _growing_dim(variable)
            axis, old_size = variable.dims.index(along), there.sizes[along]
            _extend(array, values[name], axis=axis, start=old_size)
            _record_dtype(array, variable)
    group.attrs.update(plain_attrs(merged_attrs([there, ds])))
    zarr.consolidate_metadata(str(path))


def can_append(there: xr.Dataset, ds: xr.Dataset, path: Path) -> bool:
    """Return whether `ds` fits the arrays that are stored, which else are all rewritten."""
    import zarr

    missing = set(schema.label_names(there)) - set(schema.label_names(ds))
    kinds = {there[name].dtype.kind for name in missing}
    # Booleans and integers have no missing value; version 1 lacks the numbers of clips and frames.
    return not kinds & set("biu") and schema.CLIP_NUMBER in zarr.open_group(str(path), mode="r")


@contextlib.contextmanager
def _all_chunks_written() -> Iterator[None]:
    """Write chunks of zeros, which version 3 of zarr leaves out and load_codes takes for damage."""
    import zarr

    if hasattr(zarr, "config"):
        with zarr.config.set({"array.write_empty_chunks": True}):
            yield
    else:
        yield


def _frame_names(*parts: xr.Dataset) -> list[str]:
    names = [str(n) for part in parts for n, v in part.variables.items() if schema.FRAME in v.dims]
    return list(dict.fromkeys(names))


def _added_frames(there: xr.Dataset, ds: xr.Dataset, name: str) -> xr.Variable:
    both = name in ds.variables and name in there.variables
    if not both or ds.variables[name].dims != there.variables[name].dims:
        raise InputError(f"variable {name!r} must have the same dimensions as in the store")
    variable = ds.variables[name]
    if name in _NUMBERED:
        variable = variable.copy(data=variable.values + there.sizes[_NUMBERED[name]])
    return stored_variable(name, variable)


def _as_stored(group: Any, name: str, variable: xr.Variable) -> Array:
    """Return the values in the dtype of the stored array, if that changes none of them."""
    if name not in group:
        raise InputError(
            f"label {name!r} is not in the store: drop it, or save all clips again with it"
        )
    values, dtype = variable.values, group[name].dtype
    if dtype.kind in "OT":
        return values
    if dtype.kind == "f":
        check_exact_in_float(name, values)
    with np.errstate(all="ignore"):
        cast = values.astype(dtype)
    if not np.array_equal(cast, values, equal_nan=dtype.kind == "f"):
        raise InputError(
            f"label {name!r} is {dtype} in the store, which does not hold all of the new values"
        )
    return cast


def _growing_dim(variable: xr.Variable) -> str:
    return schema.FRAME if schema.FRAME in variable.dims else schema.CLIP


def _extend(array: Any, values: Array, *, axis: int, start: int) -> None:
    """Write `values` after the first `start` entries, over what an interrupted append left."""
    shape = list(array.shape)
    shape[axis] = start + values.shape[axis]
    array.resize(tuple(shape))
    region = [slice(None)] * len(shape)
    region[axis] = slice(start, None)
    array[tuple(region)] = values


def _record_dtype(array: Any, variable: xr.Variable) -> None:
    if DTYPE_ATTR in variable.attrs:
        array.attrs[DTYPE_ATTR] = variable.attrs[DTYPE_ATTR]
    elif DTYPE_ATTR in array.attrs:
        del array.attrs[DTYPE_ATTR]
