"""Codes padded to one length, and counts of codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import CodesError, SchemaError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.build import frame_coords, frame_number, number_coords, variable
from qtokfeatures.labelled.spec import CodecSpec

Array = npt.NDArray[Any]


def pad_codes(ds: xr.Dataset) -> xr.DataArray:
    """Return int16 codes (clip, codebook, frame), −1 where a clip has no frame."""
    counts = ds[schema.FRAME_COUNT].values
    longest = int(counts.max(initial=0))
    values = np.full((len(counts), ds.sizes[schema.CODEBOOK], longest), schema.PADDING, np.int16)
    inside = np.arange(longest) < counts[:, None]
    values.transpose(0, 2, 1)[inside] = ds[schema.CODES].values.T
    frame_rate = CodecSpec.from_attrs(ds.attrs).frame_rate
    time = xr.Variable(schema.FRAME, np.arange(longest) / frame_rate, dict(ds[schema.TIME].attrs))
    return xr.DataArray(
        values,
        dims=(schema.CLIP, schema.CODEBOOK, schema.FRAME),
        coords={
            **schema.clip_coords(ds),
            schema.CODEBOOK: ds.variables[schema.CODEBOOK].to_base_variable(),
            schema.TIME: time,
        },
        attrs=ds.attrs,
        name=schema.CODES,
    )


def unpad_codes(padded: xr.DataArray) -> xr.Dataset:
    """Return the Dataset of codes that ``ds.qtok.padded()`` was made from.

    Parameters
    ----------
    padded : xarray.DataArray of int (clip, codebook, frame)
        −1 after the last frame of each clip, with the coordinates and attributes of codes.

    Returns
    -------
    xarray.Dataset
        Codes. Labels are coordinates.

    Raises
    ------
    SchemaError
        If dimensions, coordinates or attributes are missing.
    CodesError
        If −1 occurs before a frame, or in some codebooks of a frame only.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.labelled import CodecSpec, build_codes
    >>> spec = CodecSpec("mini", "1", 24000, 12.5, 1920, 16, 2048, "0f3a", 64)
    >>> ds = build_codes(
    ...     [np.zeros((16, 4), int), np.ones((16, 1), int)], spec=spec, n_samples=[7680, 5],
    ...     sample_rates=[24000, 8000], sources=["a.wav", "b.wav"],
    ... )
    >>> ds.qtok.padded().shape
    (2, 16, 4)
    >>> unpad_codes(ds.qtok.padded()).identical(ds)
    True
    """
    if padded.dims != (schema.CLIP, schema.CODEBOOK, schema.FRAME):
        raise SchemaError(
            f"expected padded codes with dimensions (clip, codebook, frame), got {padded.dims}"
        )
    values = padded.values
    counts = _counts_inside(values, padded[schema.CLIP].values)
    inside = np.arange(values.shape[2]) < counts[:, None]
    codes = values.transpose(0, 2, 1)[inside].T.astype(np.int16)
    kept = {n: c.variable for n, c in padded.coords.items() if c.dims == (schema.CLIP,)}
    kept.pop(schema.FRAME_COUNT, None)
    frames = frame_coords(counts, CodecSpec.from_attrs(padded.attrs).frame_rate)
    ds = xr.Dataset(
        {
            schema.CODES: variable(schema.CODES, np.ascontiguousarray(codes)),
            schema.FRAME_COUNT: variable(schema.FRAME_COUNT, counts),
            schema.FRAME_NUMBER: frame_number(codes.shape[1]),
        },
        coords={**kept, **frames, **number_coords(*values.shape[:2])},
        attrs=padded.attrs,
    )
    schema.validate_codes(ds)
    return ds


def count_codes(ds: xr.Dataset) -> xr.DataArray:
    """Return int32 counts (clip, codebook, code)."""
    n_clips, n_codebooks = ds.sizes[schema.CLIP], ds.sizes[schema.CODEBOOK]
    size = CodecSpec.from_attrs(ds.attrs).codebook_size
    counts = np.empty((n_clips, n_codebooks, size), dtype=np.int32)
    first = ds[schema.CLIP_INDEX].values * size
    codes = ds[schema.CODES].values
    for codebook in range(n_codebooks):
        cells = np.bincount(first + codes[codebook], minlength=n_clips * size)
        counts[:, codebook] = cells.reshape(n_clips, size)
    return xr.DataArray(
        counts,
        dims=(schema.CLIP, schema.CODEBOOK, "code"),
        coords=schema.clip_coords(ds),
        attrs=ds.attrs,
        name="counts",
    )


def _counts_inside(values: Array, clip_ids: Array) -> Array:
    present = values != schema.PADDING
    counts: Array = present[:, 0].sum(axis=-1).astype(np.int64)
    whole = np.arange(values.shape[2]) < counts[:, None]
    wrong = (present != whole[:, None, :]).any(axis=(1, 2))
    if wrong.any():
        clip = str(clip_ids[int(np.argmax(wrong))])
        raise CodesError(
            f"clip {clip!r}: {schema.PADDING} must stand after the last frame, in all codebooks"
        )
    return counts
