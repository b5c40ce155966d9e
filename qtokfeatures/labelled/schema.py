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
from qtokfeatures.labelled.spec import SPEC_ATTRS, CodecSpec

SCHEMA_VERSION = 2

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
# Both are re-ordered with what they number, and so show what xarray's own methods did: coordinates
# along ``clip``, such as labels, follow ``sortby``, data variables along ``frame`` follow ``roll``.
CLIP_NUMBER = "clip_number"
FRAME_NUMBER = "frame_number"

SCHEMA_VERSION_ATTR = "schema_version"
SKIPPED_ATTR = "skipped"
VERSIONS_ATTR = "_versions"
SAMPLE_DIMENSION_ATTR = "sample_dimension"

FRAME_ORDER = (FRAME_NUMBER, CLIP_INDEX, TIME)  # what shows the order of the frames
_READABLE_VERSIONS = (1,)  # load_codes adds what version 2 has more
_FRAMES_CHECKED_AT_ONCE = 2**20  # 24 MB of the three variables
_HIGHEST_RATE = 10**7  # Hz; above the 5.6 MHz of DSD, the highest of any recording

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
    CODEBOOK: (CODEBOOK,),
    CLIP_NUMBER: (CLIP,),
    FRAME_NUMBER: (FRAME,),
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
    CODEBOOK: ("iu", "int64"),
    CLIP_NUMBER: ("iu", "int64"),
    FRAME_NUMBER: ("iu", "int64"),
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
    CODEBOOK: {"long_name": "number of the codebook in the codec", "units": "1"},
    CLIP_NUMBER: {"long_name": "position of the clip among the frames", "units": "1"},
    FRAME_NUMBER: {"long_name": "position of the frame among all frames", "units": "1"},
}

RESERVED = frozenset(DIMS) | {FRAME, FEATURE}  # no label can have these names


def label_names(ds: xr.Dataset) -> list[str]:
    """Return the names of the labels: all variables per clip outside the schema."""
    return [
        str(name)
        for name, variable in ds.variables.items()
        if variable.dims == (CLIP,) and name not in RESERVED
    ]


def clip_coords(ds: xr.Dataset) -> dict[str, xr.Variable]:
    """Return every variable (clip,), as coordinates of another array of the same clips."""
    names = [CLIP, *(name for name in ds.variables if name != CLIP)]
    return {
        str(name): ds.variables[name].to_base_variable()
        for name in names
        if ds.variables[name].dims == (CLIP,) and name != CLIP_NUMBER
    }


def check_codes(ds: Any, *, frames_in_order: bool = False) -> None:
    """Raise SchemaError or CodesError unless clips, frames and codes in memory are valid.

    ``frames_in_order=True`` skips the frames and codes, which were checked before.
    """
    if not isinstance(ds, xr.Dataset):
        raise SchemaError(f"expected an xarray.Dataset of codes, got {type(ds).__name__}")
    _check_version(ds)
    for name in DIMS:
        _check_variable(ds, name)
    _check_codebooks(ds, CodecSpec.from_attrs(ds.attrs))
    _check_frame_counts(ds)
    _check_clip_order(ds)
    if not frames_in_order:
        for first in range(0, ds.sizes[FRAME], _FRAMES_CHECKED_AT_ONCE):
            _check_frame_order(ds, first)
        if ds.variables[CODES]._in_memory:  # noqa: SLF001 - lazily opened codes are checked as read
            _check_code_values(ds)


def validate_codes(ds: Any) -> None:
    """Raise SchemaError or CodesError unless everything is valid, ids and codes included."""
    validate_clips(ds)
    counts = ds[FRAME_COUNT].values
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    time = (np.arange(len(starts)) - starts) / float(ds.attrs[SPEC_ATTRS["frame_rate"]])
    if not np.allclose(ds[TIME].values, time, rtol=1e-9, atol=1e-9):
        _refuse_frames(TIME)
    _check_code_values(ds)


def _check_code_values(ds: xr.Dataset) -> None:
    size = CodecSpec.from_attrs(ds.attrs).codebook_size
    counts = ds[FRAME_COUNT].values
    check_code_range(ds[CODES].values, size, clip_ids=ds[CLIP].values, frame_count=counts)


def validate_clips(ds: Any) -> None:
    """Raise SchemaError unless everything but the codes is valid."""
    check_codes(ds)
    check_unique_ids(ds)
    _check_durations(ds)


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
    if version in _READABLE_VERSIONS:
        raise SchemaError(
            f"the codes follow version {version} of the schema: load_codes(...) reads them as "
            f"version {SCHEMA_VERSION}, plain xarray does not"
        )
    if version is None:
        raise SchemaError(
            f"attribute {SCHEMA_VERSION_ATTR!r} is missing: expected a codes Dataset, as "
            "codec.encode_many, build_codes and load_codes return"
        )
    if version != SCHEMA_VERSION:
        raise SchemaError(
            f"attribute {SCHEMA_VERSION_ATTR!r} is {version!r}, this qtokfeatures reads "
            f"up to {SCHEMA_VERSION}: install the version that wrote the codes, or encode again"
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
    is_unsigned = variable.dtype == np.uint64  # which NumPy does not repeat or index by
    is_other = is_unsigned or (name == CODES and variable.dtype != np.int16)
    if variable.dtype.kind not in kinds or is_other:
        raise SchemaError(f"variable {name!r} is {variable.dtype}: {expected}")


def _check_frame_counts(ds: xr.Dataset) -> None:
    counts, n_frames = ds[FRAME_COUNT].values, ds.sizes[FRAME]
    if counts.size and counts.min() < 1:
        clip = str(ds[CLIP].values[int(np.argmin(counts))])
        raise SchemaError(
            f"variable {FRAME_COUNT!r} of clip {clip!r} is {counts.min()}: expected at least 1"
        )
    # Python's integers, because a sum of int64 can wrap round to the number expected.
    if (total := sum(counts.tolist())) != n_frames:
        raise SchemaError(
            f"variable {FRAME_COUNT!r} adds up to {total} frames, but dimension {FRAME!r} has "
            f"{n_frames}: isel and sel on {CLIP!r} leave frames behind, "
            "subset with ds.qtok.sel_clips(...)"
        )


def _check_clip_order(ds: xr.Dataset) -> None:
    number = ds[CLIP_NUMBER].values
    if not np.array_equal(number, np.arange(len(number))):
        raise SchemaError(
            f"variable {CLIP_NUMBER!r} is {_shortened(number)}, expected 0, 1, 2, …: the clips "
            "were re-ordered without their frames, as sortby, isel, sel and reindex do. Order "
            "the original with ds.qtok.sel_clips(order), for example "
            f"ds.qtok.sel_clips(ds[{DURATION!r}].argsort())"
        )


def _check_frame_order(ds: xr.Dataset, first: int) -> None:
    """Check the frames from `first` on in one piece, because a lazy store may be of any size."""
    last = min(first + _FRAMES_CHECKED_AT_ONCE, ds.sizes[FRAME])
    index, time, number = (
        ds.variables[name][first:last].values for name in (CLIP_INDEX, TIME, FRAME_NUMBER)
    )
    ends = np.cumsum(ds[FRAME_COUNT].values, dtype=np.int64)
    # The clips in this piece and how many frames each has in it.
    first_clip, last_clip = np.searchsorted(ends, [first, last - 1], side="right")
    clips = np.arange(first_clip, last_clip + 1)
    counts: Any = np.diff(np.clip(ends[clips], first, last), prepend=first)
    for name, found, expected in (
        (FRAME_NUMBER, number, np.arange(first, last)),
        (CLIP_INDEX, index, np.repeat(clips, counts)),
    ):
        if not np.array_equal(found, expected):
            _refuse_frames(name)
    edges = np.cumsum(counts)
    begins = ends[clips] - ds[FRAME_COUNT].values[clips]
    rises = np.diff(time) > 0
    rises[edges[:-1] - 1] = True
    found_at_edges = np.concatenate([time[edges - counts], time[edges - 1]])
    at_edges = np.concatenate([np.maximum(begins, first), np.minimum(ends[clips], last) - 1])
    at_edges = (at_edges - np.tile(begins, 2)) / float(ds.attrs[SPEC_ATTRS["frame_rate"]])
    if not (rises.all() and np.allclose(found_at_edges, at_edges, rtol=1e-9, atol=1e-9)):
        _refuse_frames(TIME)


def _refuse_frames(name: str) -> None:
    raise SchemaError(
        f"variable {name!r} disagrees with {FRAME_COUNT!r}: the frames are not those of the clips "
        f"in their order. roll, shift, sortby and isel on {FRAME!r} do that; edit the codes of one "
        "clip with ds.qtok.clip(...) and build_codes, and subset with ds.qtok.sel_clips(...)"
    )


def _check_durations(ds: xr.Dataset) -> None:
    """Raise SchemaError for more samples than frames hold: decoding would allocate them."""
    rates, samples = ds[SAMPLE_RATE].values, ds[N_SAMPLES].values
    frame_rate = float(ds.attrs[SPEC_ATTRS["frame_rate"]])
    longest = (
        ds[FRAME_COUNT].values + 1
    ) / frame_rate  # encoders may drop the last part of a frame
    for name, values, least, most in (
        (SAMPLE_RATE, rates, 1, _HIGHEST_RATE),
        (N_SAMPLES, samples, 1, longest * rates),
        (DURATION, ds[DURATION].values, 0, longest),
    ):
        wrong = ~((values >= least) & (values <= most))
        if wrong.any():
            clip = int(np.argmax(wrong))
            raise SchemaError(
                f"variable {name!r} of clip {str(ds[CLIP].values[clip])!r} is {values[clip]}: "
                f"expected {least} to {np.broadcast_to(most, values.shape)[clip]:.0f}, as its "
                "frames allow"
            )


def _check_codebooks(ds: xr.Dataset, spec: CodecSpec) -> None:
    numbers = ds[CODEBOOK].values
    if not 1 <= len(numbers) <= spec.n_codebooks:
        raise SchemaError(
            f"variable {CODES!r} has {len(numbers)} codebooks: expected 1 to "
            f"{spec.n_codebooks}, as codec {spec.name!r} has"
        )
    if not np.array_equal(numbers, np.arange(len(numbers))):
        raise SchemaError(
            f"variable {CODEBOOK!r} is {_shortened(numbers)}: codes need the codebooks from the "
            f"first on, in order, as ds.isel({CODEBOOK}=slice(4)) keeps them. Estimators take "
            "others with the parameter codebooks, as in TokenHistogram(codebooks=[2, 3])"
        )


def _shortened(values: np.ndarray[Any, Any]) -> str:
    return ", ".join(map(str, values[:4].tolist())) + (", …" if len(values) > 4 else "")
