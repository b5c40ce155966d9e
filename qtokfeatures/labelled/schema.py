"""Names of a codes Dataset, and the checks that a Dataset follows them.

A codes Dataset is a CF *contiguous ragged array*: the frames of all clips lie one after another
along ``frame``, and ``frame_count`` says how many belong to each clip
(CF Conventions 1.11, section 9.3.3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtokfeatures.exceptions import CodesError, SchemaError
from qtokfeatures.labelled.spec import CodecSpec

SCHEMA_VERSION = 1

CLIP = "clip"
FRAME = "frame"
CODEBOOK = "codebook"
FEATURE = "feature"

CODES = "codes"
FRAME_COUNT = "frame_count"
DURATION = "duration"
SAMPLE_RATE = "sample_rate"
N_SAMPLES = "n_samples"
SOURCE = "source"
TIME = "time"
CLIP_INDEX = "clip_index"

SCHEMA_VERSION_ATTR = "schema_version"
SKIPPED_ATTR = "skipped"
VERSIONS_ATTR = "_versions"
SAMPLE_DIMENSION_ATTR = "sample_dimension"

PADDING = -1  # where a padded clip has no frame

# Dimensions of every variable that the schema requires.
DIMS: dict[str, tuple[str, ...]] = {
    CODES: (CODEBOOK, FRAME),
    FRAME_COUNT: (CLIP,),
    CLIP: (CLIP,),
    DURATION: (CLIP,),
    SAMPLE_RATE: (CLIP,),
    N_SAMPLES: (CLIP,),
    SOURCE: (CLIP,),
    TIME: (FRAME,),
    CLIP_INDEX: (FRAME,),
}

_KINDS = {
    CODES: ("i", "int16"),
    FRAME_COUNT: ("iu", "int64"),
    CLIP: ("UOT", "str"),
    DURATION: ("f", "float64"),
    SAMPLE_RATE: ("iu", "int64"),
    N_SAMPLES: ("iu", "int64"),
    SOURCE: ("UOT", "str"),
    TIME: ("f", "float64"),
    CLIP_INDEX: ("iu", "int64"),
}

# Attributes of the variables that build_codes makes.
ATTRS: dict[str, dict[str, str]] = {
    CODES: {"long_name": "codebook indices", "units": "1"},
    FRAME_COUNT: {"long_name": "frames of the clip", SAMPLE_DIMENSION_ATTR: FRAME},
    CLIP: {"long_name": "clip id", "cf_role": "timeseries_id"},
    DURATION: {"long_name": "duration of the original recording", "units": "s"},
    SAMPLE_RATE: {"long_name": "sample rate of the original recording", "units": "Hz"},
    N_SAMPLES: {"long_name": "samples of the original recording", "units": "1"},
    SOURCE: {"long_name": "path or URL of the recording"},
    TIME: {"long_name": "start of the frame after the start of its clip", "units": "s"},
    CLIP_INDEX: {"long_name": "position of the clip along clip", "units": "1"},
}

RESERVED = frozenset(DIMS) | {FRAME, CODEBOOK, FEATURE}  # no label can have these names


def label_names(ds: xr.Dataset) -> list[str]:
    """Return the names of the labels: all variables per clip outside the schema."""
    return [
        str(name)
        for name, variable in ds.variables.items()
        if variable.dims == (CLIP,) and name not in RESERVED
    ]


def check_codes(ds: Any) -> None:
    """Raise SchemaError unless the structure is valid; the values of ``codes`` are not read."""
    if not isinstance(ds, xr.Dataset):
        raise SchemaError(f"expected an xarray.Dataset of codes, got {type(ds).__name__}")
    _check_version(ds)
    for name in DIMS:
        _check_variable(ds, name)
    _check_frame_counts(ds)
    _check_codebooks(ds, CodecSpec.from_attrs(ds.attrs))


def validate_codes(ds: Any) -> None:
    """Raise SchemaError or CodesError unless everything is valid, ids and codes included."""
    check_codes(ds)
    check_unique_ids(ds)
    counts = ds[FRAME_COUNT].values
    expected = np.repeat(np.arange(len(counts)), counts)
    if not np.array_equal(ds[CLIP_INDEX].values, expected):
        raise SchemaError(
            f"variable {CLIP_INDEX!r} disagrees with {FRAME_COUNT!r}: expected the position of "
            "each frame's clip; subset with ds.qtok.sel_clips(...), not with isel"
        )
    size = CodecSpec.from_attrs(ds.attrs).codebook_size
    check_code_range(ds[CODES].values, size, clip_ids=ds[CLIP].values, frame_count=counts)


def check_unique_ids(ds: xr.Dataset) -> None:
    """Raise SchemaError if a clip id repeats."""
    index = ds.indexes.get(CLIP)
    if index is not None and index.is_unique:
        return
    ids, counts = np.unique(np.array(ds[CLIP].values.tolist(), dtype=str), return_counts=True)
    if (counts > 1).any():
        raise SchemaError(
            f"variable {CLIP!r} must hold unique ids, {str(ids[counts.argmax()])!r} occurs "
            f"{counts.max()} times"
        )


def check_code_range(
    codes: np.ndarray[Any, Any],
    codebook_size: int,
    *,
    clip_ids: Any,
    frame_count: np.ndarray[Any, Any],
) -> None:
    """Raise CodesError for codes (codebook, frame) outside ``0 … codebook_size - 1``."""
    if not codes.size or (codes.min() >= 0 and codes.max() < codebook_size):
        return
    wrong = (codes < 0) | (codes >= codebook_size)
    frame = int(np.flatnonzero(wrong.any(axis=0))[0])
    codebook = int(np.flatnonzero(wrong[:, frame])[0])
    ends = np.cumsum(frame_count)
    clip = int(np.searchsorted(ends, frame, side="right"))
    first = int(ends[clip] - frame_count[clip])
    raise CodesError(
        f"clip {str(clip_ids[clip])!r}: code {int(codes[codebook, frame])} in codebook {codebook}, "
        f"frame {frame - first} is outside 0 … {codebook_size - 1}"
    )


def _check_version(ds: xr.Dataset) -> None:
    version = ds.attrs.get(SCHEMA_VERSION_ATTR)
    if version is None:
        raise SchemaError(
            f"attribute {SCHEMA_VERSION_ATTR!r} is missing: expected a codes Dataset, as "
            "codec.encode_many, build_codes and load_codes return"
        )
    if version != SCHEMA_VERSION:
        raise SchemaError(
            f"attribute {SCHEMA_VERSION_ATTR!r} is {version!r}, this qtokfeatures reads "
            f"{SCHEMA_VERSION}: install the version that wrote the codes, or encode again"
        )


def _check_variable(ds: xr.Dataset, name: str) -> None:
    kinds, dtype = _KINDS[name]
    expected = f"expected {dtype} with dimensions ({', '.join(DIMS[name])})"
    if name not in ds.variables:
        raise SchemaError(f"variable {name!r} is missing: {expected}")
    variable = ds.variables[name]
    if variable.dims != DIMS[name]:
        found = ", ".join(map(str, variable.dims))
        raise SchemaError(f"variable {name!r} has dimensions ({found}): {expected}")
    if variable.dtype.kind not in kinds or (name == CODES and variable.dtype != np.int16):
        raise SchemaError(f"variable {name!r} is {variable.dtype}: {expected}")


def _check_frame_counts(ds: xr.Dataset) -> None:
    counts = ds[FRAME_COUNT].values
    if counts.size and counts.min() < 1:
        clip = str(ds[CLIP].values[int(np.argmin(counts))])
        raise SchemaError(
            f"variable {FRAME_COUNT!r} of clip {clip!r} is {counts.min()}: expected at least 1"
        )
    if (total := int(counts.sum())) != ds.sizes[FRAME]:
        raise SchemaError(
            f"variable {FRAME_COUNT!r} adds up to {total} frames, but dimension {FRAME!r} has "
            f"{ds.sizes[FRAME]}: isel and sel on {CLIP!r} leave frames behind, "
            "subset with ds.qtok.sel_clips(...)"
        )


def _check_codebooks(ds: xr.Dataset, spec: CodecSpec) -> None:
    if not 1 <= ds.sizes[CODEBOOK] <= spec.n_codebooks:
        raise SchemaError(
            f"variable {CODES!r} has {ds.sizes[CODEBOOK]} codebooks: expected 1 to "
            f"{spec.n_codebooks}, as codec {spec.name!r} has"
        )
