"""Labelled Datasets built from the codes of many clips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import CodesError, InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.labels import clip_ids_from_sources, label_array, text_array
from qtokfeatures.labelled.spec import CodecSpec

Array = npt.NDArray[Any]


def build_codes(
    codes: Sequence[npt.ArrayLike],
    *,
    spec: CodecSpec,
    n_samples: Sequence[int],
    sample_rates: Sequence[int],
    sources: Sequence[str],
    clip_ids: Sequence[str] | None = None,
    labels: Mapping[str, Any] | None = None,
    skipped: Sequence[Mapping[str, Any]] | None = None,
) -> xr.Dataset:
    """Build a labelled Dataset from the codes of many clips.

    Parameters
    ----------
    codes : sequence of ndarray of int (codebook, frame)
        One array per clip, each of at least one frame; all of the same number of codebooks.
    spec : CodecSpec
        The codec that made them.
    n_samples : sequence of int (clip,)
        Samples of each original recording.
    sample_rates : sequence of int (clip,)
        Rate of each original recording, in Hz.
    sources : sequence of str (clip,)
        Path or URL of each recording, or a description such as ``"<array>"``.
    clip_ids : sequence of str (clip,), optional
        Unique ids. By default the shortest tail of each source that is unique.
    labels : mapping of str to array-like (clip,), optional
        Labels of any name, such as instrument or speaker: text, numbers, booleans or dates.
    skipped : sequence of mapping, optional
        ``{"index", "source", "error"}`` of every item that could not be encoded.

    Returns
    -------
    xarray.Dataset
        int16 ``codes`` (codebook, frame), int64 ``frame_count`` (clip), and the coordinates of
        clips and frames; a CF contiguous ragged array.

    Raises
    ------
    CodesError
        If codes have the wrong shape or dtype, or lie outside ``0 … codebook_size - 1``.
    InputError
        If the number of values differs between arguments, or ids repeat.

    Examples
    --------
    >>> import numpy as np
    >>> spec = CodecSpec("mini", "1", 24000, 12.5, 1920, 16, 2048, "0f3a", 64)
    >>> ds = build_codes(
    ...     [np.zeros((16, 40), int), np.ones((16, 3), int)],
    ...     spec=spec, n_samples=[76800, 10000], sample_rates=[24000, 44100],
    ...     sources=["sounds/guitar.wav", "sounds/click.wav"], labels={"kind": ["tone", "noise"]},
    ... )
    >>> dict(ds.sizes)
    {'codebook': 16, 'frame': 43, 'clip': 2}
    >>> ds["clip"].values.tolist(), ds["frame_count"].values.tolist()
    (['guitar.wav', 'click.wav'], [40, 3])
    >>> float(ds["duration"][0])
    3.2
    """
    n_clips = len(codes)
    source = text_array(_per_clip("sources", sources, n_clips))
    ids = _clip_ids(clip_ids, source.tolist(), n_clips)
    flat, frame_count = _flatten(codes, ids, spec)
    return assemble(
        flat,
        frame_count,
        {
            schema.CLIP: ids,
            schema.SAMPLE_RATE: _positive("sample_rates", sample_rates, n_clips),
            schema.N_SAMPLES: _positive("n_samples", n_samples, n_clips),
            schema.SOURCE: source,
        },
        attrs=codes_attrs(spec, skipped),
        labels={
            name: label_array(name, values, n_clips=n_clips)
            for name, values in (labels or {}).items()
        },
    )


def assemble(
    codes: Array,
    frame_count: Array,
    clips: Mapping[str, Array],
    *,
    attrs: Mapping[str, Any],
    labels: Mapping[str, Array] | None = None,
) -> xr.Dataset:
    """Build the Dataset of checked parts and the coordinates that follow from them."""
    frame_rate = CodecSpec.from_attrs(attrs).frame_rate
    per_clip = {**clips, schema.DURATION: clips[schema.N_SAMPLES] / clips[schema.SAMPLE_RATE]}
    coords = {
        **{name: variable(name, per_clip[name]) for name in schema.DIMS if name in per_clip},
        **{name: xr.Variable((schema.CLIP,), array) for name, array in (labels or {}).items()},
        **frame_coords(frame_count, frame_rate),
        **number_coords(len(frame_count), len(codes)),
    }
    data = {
        schema.CODES: variable(schema.CODES, codes),
        schema.FRAME_COUNT: variable(schema.FRAME_COUNT, frame_count),
        schema.FRAME_NUMBER: frame_number(codes.shape[1]),
    }
    return xr.Dataset(data, coords=coords, attrs=dict(attrs))


def frame_coords(frame_count: Array, frame_rate: float) -> dict[str, xr.Variable]:
    """Return ``time`` and ``clip_index`` (frame,) of clips with the given frame counts."""
    clip_index = np.repeat(np.arange(len(frame_count), dtype=np.int64), frame_count)
    starts = np.cumsum(frame_count) - frame_count
    position = np.arange(len(clip_index)) - starts[clip_index]
    return {
        schema.TIME: variable(schema.TIME, position / frame_rate),
        schema.CLIP_INDEX: variable(schema.CLIP_INDEX, clip_index),
    }


def number_coords(n_clips: int, n_codebooks: int) -> dict[str, xr.Variable]:
    """Return ``clip_number`` (clip,) and ``codebook`` (codebook,)."""
    return {
        schema.CLIP_NUMBER: variable(schema.CLIP_NUMBER, np.arange(n_clips, dtype=np.int64)),
        schema.CODEBOOK: variable(schema.CODEBOOK, np.arange(n_codebooks, dtype=np.int64)),
    }


def frame_number(n_frames: int) -> xr.Variable:
    """Return ``frame_number`` (frame,)."""
    return variable(schema.FRAME_NUMBER, np.arange(n_frames, dtype=np.int64))


def variable(name: str, values: Any) -> xr.Variable:
    """Return a variable of the schema with its dimensions and attributes."""
    return xr.Variable(schema.DIMS[name], values, attrs=dict(schema.ATTRS[name]))


def codes_attrs(
    spec: CodecSpec, skipped: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, str | int | float]:
    """Return the attributes of a new Dataset: plain values that every store keeps."""
    return {
        "Conventions": "CF-1.11",
        "featureType": "timeSeries",
        schema.SCHEMA_VERSION_ATTR: schema.SCHEMA_VERSION,
        **spec.to_attrs(),
        schema.SKIPPED_ATTR: json.dumps([dict(item) for item in skipped or []]),
        schema.VERSIONS_ATTR: _versions(),
    }


@lru_cache(maxsize=1)
def _versions() -> str:
    packages = ("qtokfeatures", "numpy", "xarray", "torch")
    return json.dumps({package: _version(package) for package in packages})


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _clip_ids(clip_ids: Sequence[str] | None, sources: list[str], n_clips: int) -> Array:
    if clip_ids is None:
        return text_array(clip_ids_from_sources(sources))
    ids = text_array(_per_clip("clip_ids", clip_ids, n_clips))
    unique, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"clip ids must be unique, {str(unique[counts.argmax()])!r} repeats")
    return ids


def _flatten(codes: Sequence[npt.ArrayLike], ids: Array, spec: CodecSpec) -> tuple[Array, Array]:
    arrays = [_clip_codes(clip, ids[index]) for index, clip in enumerate(codes)]
    n_codebooks = len(arrays[0]) if arrays else spec.n_codebooks
    for index, array in enumerate(arrays):
        if len(array) != n_codebooks or len(array) > spec.n_codebooks:
            raise CodesError(
                f"clip {str(ids[index])!r} has {len(array)} codebooks: expected "
                f"{min(n_codebooks, spec.n_codebooks)}, one row each"
            )
    frame_count = np.array([array.shape[1] for array in arrays], dtype=np.int64)
    flat = np.concatenate(arrays, axis=1) if arrays else np.empty((n_codebooks, 0), np.int16)
    schema.check_code_range(flat, spec.codebook_size, clip_ids=ids, frame_count=frame_count)
    return flat.astype(np.int16, copy=False), frame_count


def _clip_codes(codes: npt.ArrayLike, clip: str) -> Array:
    array = np.asarray(codes)
    if array.dtype.kind not in "iu":
        raise CodesError(f"clip {str(clip)!r}: codes must be integers, got {array.dtype}")
    if array.ndim != 2 or 0 in array.shape:
        raise CodesError(
            f"clip {str(clip)!r}: codes must be (codebook, frame) with at least one of each, "
            f"got shape {array.shape}"
        )
    return array


def _positive(name: str, values: Sequence[int], n_clips: int) -> Array:
    array = np.asarray(_per_clip(name, values, n_clips))
    whole = array.astype(np.int64)
    if n_clips and (not np.array_equal(whole, array) or whole.min() < 1):
        raise InputError(f"{name} must be whole numbers above 0, got {array.tolist()[:5]}")
    return whole


def _per_clip(name: str, values: Sequence[Any], n_clips: int) -> Sequence[Any]:
    if isinstance(values, str) or len(values) != n_clips:
        raise InputError(f"{name} must hold one value for each of the {n_clips} clips")
    return values
