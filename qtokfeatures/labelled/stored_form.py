"""The form of codes in a store: text of any length, plain attributes, recorded dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import InputError, SchemaError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.build import frame_number, number_coords
from qtokfeatures.labelled.labels import check_label_name, fitting_text, nanoseconds, plain_values

Array = npt.NDArray[Any]

# The dtype of a variable, where reading the store would give another one.
DTYPE_ATTR = "_qtok_dtype"

# Marks a coordinate with a blank in its name, which CF cannot list as one.
COORDINATE_ATTR = "_qtok_coordinate"

# Text of any length. The metadata is how xarray recognises it where an array is empty.
_TEXT = np.dtype("O", metadata={"element_type": str})

_STRING_DTYPE = "StringDType"

_MOST_PROMISED_BYTES = 2**28  # of text in a recorded width; wider text is restored by its length
_NANOSECONDS = np.dtype("datetime64[ns]")


def to_stored(ds: xr.Dataset) -> xr.Dataset:
    """Return codes in the form of stores, or raise InputError naming what stores do not keep."""
    for name in schema.label_names(ds):
        check_label_name(name)
    stored = ds.drop_encoding().drop_indexes([schema.CLIP, schema.CODEBOOK], errors="ignore")
    variables = {str(name): stored_variable(str(name), v) for name, v in stored.variables.items()}
    hidden = [name for name in variables if name in ds.coords and " " in name]
    for name in hidden:
        variables[name].attrs[COORDINATE_ATTR] = 1
    return _replaced(stored.reset_coords(hidden), variables, plain_attrs(ds.attrs))


def from_stored(ds: xr.Dataset) -> xr.Dataset:
    """Return the codes given to :func:`to_stored`; variables along ``frame`` stay lazy."""
    hidden = [name for name, variable in ds.variables.items() if COORDINATE_ATTR in variable.attrs]
    variables = {str(name): _restored(variable) for name, variable in ds.variables.items()}
    return _upgraded(_replaced(ds.set_coords(hidden), variables, plain_attrs(ds.attrs)))


def _upgraded(ds: xr.Dataset) -> xr.Dataset:
    """Add the numbers of clips, frames and codebooks that version 1 of the schema lacks."""
    is_old = ds.attrs.get(schema.SCHEMA_VERSION_ATTR) == 1
    if not is_old or not {schema.CLIP, schema.CODEBOOK, schema.FRAME} <= set(ds.dims):
        return ds
    numbered = ds.assign_coords(number_coords(ds.sizes[schema.CLIP], ds.sizes[schema.CODEBOOK]))
    numbered = numbered.assign({schema.FRAME_NUMBER: frame_number(ds.sizes[schema.FRAME])})
    return numbered.assign_attrs({schema.SCHEMA_VERSION_ATTR: schema.SCHEMA_VERSION})


def stored_variable(name: str, variable: xr.Variable) -> xr.Variable:
    """Return one variable in the form of stores."""
    attrs = plain_attrs(variable.attrs, of=f"variable {name!r}")
    if not isinstance(variable.dtype, np.dtype):  # an array of pandas, which stores do not keep
        variable = xr.Variable(variable.dims, plain_values(name, variable))
    if variable.dtype.kind in "UOT":
        return _stored_text(name, variable, attrs)
    if variable.dtype.kind not in "biufM" or variable.dtype.itemsize > 8:  # float128
        raise InputError(f"variable {name!r} is {variable.dtype}, which stores do not keep")
    if variable.dtype.kind == "M":
        return _stored_dates(name, variable, attrs)
    return xr.Variable(variable.dims, variable.data, attrs)


def plain_attrs(attrs: Mapping[Any, Any], *, of: str = "the Dataset") -> dict[str, Any]:
    """Return attributes as str, int and float, the types that every store keeps."""
    return {str(name): _plain(str(name), value, of) for name, value in attrs.items()}


def _plain(name: str, value: Any, of: str) -> str | int | float:
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError(
            f"attribute {name!r} of {of} is {type(value).__name__}: stores keep text and numbers, "
            "give it as text, for example with json.dumps"
        )
    return value


def _stored_dates(name: str, variable: xr.Variable, attrs: dict[str, Any]) -> xr.Variable:
    """Count nanoseconds, so that dates of any precision can be appended."""
    if variable.dtype != _NANOSECONDS:
        attrs[DTYPE_ATTR] = variable.dtype.str
    ticks = nanoseconds(name, variable.values).astype(np.int64)
    return xr.Variable(
        variable.dims,
        ticks,
        {**attrs, "units": "nanoseconds since 1970-01-01", "calendar": "proleptic_gregorian"},
        encoding={"_FillValue": np.iinfo(np.int64).min},
    )


def _stored_text(name: str, variable: xr.Variable, attrs: dict[str, Any]) -> xr.Variable:
    values = variable.values
    texts = values.ravel().tolist()
    if not all(isinstance(text, str) for text in texts):
        raise InputError(
            f"variable {name!r} holds objects that are not text: "
            "ds.qtok.with_labels(...) makes a label that can be stored"
        )
    if any("\0" in text for text in texts):
        raise InputError(f"variable {name!r} holds a NUL character, which stores do not keep")
    if values.dtype != fitting_text(texts).dtype:
        attrs[DTYPE_ATTR] = _STRING_DTYPE if values.dtype.kind == "T" else values.dtype.str
    stored = np.empty(values.shape, dtype=_TEXT)
    stored[...] = values.astype(object)
    return xr.Variable(variable.dims, stored, attrs)


def _restored(variable: xr.Variable) -> xr.Variable:
    attrs = plain_attrs(variable.attrs)
    recorded = attrs.pop(DTYPE_ATTR, None)
    attrs.pop(COORDINATE_ATTR, None)
    if variable.dtype.kind in "UOT":
        values = _restored_text(variable.values, recorded)
        return xr.Variable(variable.dims, values, attrs)
    if recorded is not None:
        return xr.Variable(variable.dims, _restored_dates(variable.values, recorded), attrs)
    if schema.FRAME in variable.dims:
        lazy = variable.to_base_variable().copy(deep=False)
        lazy.attrs = attrs
        return lazy
    return xr.Variable(variable.dims, variable.values, attrs)


def _restored_text(values: Array, recorded: Any) -> Array:
    texts = values.ravel().tolist()
    if recorded == _STRING_DTYPE:
        return np.asarray(values.astype(np.dtypes.StringDType()))
    dtype = _dtype("UO", recorded) if recorded is not None else None
    # A width is a promise of the file, and could be of any size.
    if dtype is None or dtype.itemsize * values.size > _MOST_PROMISED_BYTES:
        return fitting_text(texts).reshape(values.shape)
    return values.astype(object).astype(dtype)


def _restored_dates(values: Array, recorded: Any) -> Array:
    dtype = _dtype("M", recorded)
    restored = values.astype(dtype)
    if values.dtype.kind != "M" or not np.array_equal(
        restored.astype(values.dtype), values, equal_nan=True
    ):
        raise SchemaError(f"a label is stored as {values.dtype}, which is not {recorded}")
    return restored


def _dtype(kinds: str, recorded: Any) -> np.dtype[Any]:
    """Return a recorded dtype, which must be of one of some kinds."""
    try:
        dtype = np.dtype(str(recorded))
    except (TypeError, ValueError, SyntaxError) as error:
        raise SchemaError(f"attribute {DTYPE_ATTR!r} is {recorded!r:.80}, no dtype") from error
    if dtype.kind not in kinds:
        raise SchemaError(f"attribute {DTYPE_ATTR!r} is {recorded!r:.80}, which no label has")
    return dtype


def _replaced(
    ds: xr.Dataset, variables: Mapping[str, xr.Variable], attrs: dict[str, Any]
) -> xr.Dataset:
    coords = {name: value for name, value in variables.items() if name in ds.coords}
    data = {name: value for name, value in variables.items() if name not in ds.coords}
    built = xr.Dataset(data, coords=xr.Coordinates(coords, indexes={}), attrs=attrs)
    for name in (schema.CLIP, schema.CODEBOOK):
        built = built.set_xindex(name) if name in ds.indexes else built
    return built
