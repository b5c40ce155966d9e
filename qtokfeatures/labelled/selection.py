"""Selection of clips by position, id, mask, function or label, with their frames."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.build import frame_coords, frame_number, number_coords
from qtokfeatures.labelled.labels import plain_values, shortest_text, text_array, unique_ids
from qtokfeatures.labelled.spec import CodecSpec

Array = npt.NDArray[Any]

_NAMES_COMPARED = 10_000


def select_clips(
    ds: xr.Dataset, selector: Any, labels: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """Return the clips that `selector` and `labels` choose, with all of their frames."""
    positions = clip_positions(ds, selector)
    if labels:
        positions = positions[label_mask(ds, labels)[positions]]
    return take_clips(ds, positions)


def take_clips(ds: xr.Dataset, positions: Array) -> xr.Dataset:
    """Return the clips at `positions` (not negative) with all of their frames."""
    pandas_arrays = {
        name: xr.Variable(variable.dims, plain_values(str(name), variable), variable.attrs)
        for name, variable in ds.variables.items()
        if not isinstance(variable.dtype, np.dtype)  # xarray indexes not all of them
    }
    ds = with_variables(ds, pandas_arrays) if pandas_arrays else ds
    frames = _frame_indexer(ds[schema.FRAME_COUNT].values, positions)
    # The index of clip ids is set aside, it would be built twice.
    taken = ds.drop_indexes(schema.CLIP, errors="ignore").isel(clip=positions, frame=frames)
    ids = taken[schema.CLIP].values
    if len(positions) != len(np.unique(positions)):
        ids = text_array(unique_ids(map(str, ids)))
    text = {
        name: variable.copy(data=shortest_text(variable.values))
        for name, variable in taken.variables.items()
        if variable.dims == (schema.CLIP,) and variable.dtype.kind == "U"
    }
    text[schema.CLIP] = taken.variables[schema.CLIP].copy(data=shortest_text(ids))
    return with_variables(taken, {**text, **renumbered(taken)})


def take_windows(ds: xr.Dataset, seconds: float, step: float) -> xr.Dataset:
    """Return windows of the clips as clips; see ``CodeSequence.windows``."""
    rate = CodecSpec.from_attrs(ds.attrs).frame_rate
    length, hop = (
        _whole_frames(name, value, rate) for name, value in (("seconds", seconds), ("step", step))
    )
    counts = ds[schema.FRAME_COUNT].values
    per_clip = np.maximum(counts - length, 0) // hop + 1
    clip = np.repeat(np.arange(len(counts)), per_clip)
    first = hop * (np.arange(len(clip)) - np.repeat(np.cumsum(per_clip) - per_clip, per_clip))
    n_frames = np.minimum(length, counts[clip])
    starts = np.cumsum(n_frames) - n_frames
    offset = (np.cumsum(counts) - counts)[clip] + first - starts
    frames = np.arange(int(n_frames.sum())) + np.repeat(offset, n_frames)
    taken = ds.drop_indexes(schema.CLIP, errors="ignore").isel(clip=clip, frame=frames)
    ids = taken[schema.CLIP].values
    names = [f"{name}@{start:.2f}" for name, start in zip(ids, first / rate, strict=True)]
    sr = taken[schema.SAMPLE_RATE].values
    begin, end = (
        np.round(frame / rate * sr).astype(np.int64) for frame in (first, first + n_frames)
    )
    n_samples = np.maximum(np.minimum(end, taken[schema.N_SAMPLES].values) - begin, 1)
    fresh = {
        schema.FRAME_COUNT: n_frames,
        schema.CLIP: text_array(unique_ids(names)),
        schema.N_SAMPLES: n_samples,
        schema.DURATION: n_samples / sr,
        schema.TIME: frame_coords(n_frames, rate)[schema.TIME].values,
    }
    windows = with_variables(
        taken, {name: taken.variables[name].copy(data=values) for name, values in fresh.items()}
    )
    windows = windows.assign_coords(
        window_start=(schema.CLIP, first / rate, {"units": "s"}), window_clip=(schema.CLIP, ids)
    )
    return with_variables(windows, renumbered(windows))


def _whole_frames(name: str, seconds: Any, rate: float) -> int:
    is_number = isinstance(seconds, (int, float, np.number)) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds < math.inf:
        raise InputError(f"{name} must be a finite number of seconds above 0, got {seconds!r}")
    return max(1, round(float(seconds) * rate))


def with_variables(ds: xr.Dataset, variables: Mapping[Any, xr.Variable]) -> xr.Dataset:
    """Return `ds` with some of its variables replaced; coordinates stay coordinates."""
    coords = {name: value for name, value in variables.items() if name in ds.coords}
    data = {name: value for name, value in variables.items() if name not in ds.coords}
    return ds.assign(data).assign_coords(coords)


def renumbered(ds: xr.Dataset) -> dict[str, xr.Variable]:
    """Return ``clip_index``, ``clip_number`` and ``frame_number`` of clips in a new order."""
    fresh = {
        schema.CLIP_INDEX: frame_coords(ds[schema.FRAME_COUNT].values, 1.0)[schema.CLIP_INDEX],
        schema.CLIP_NUMBER: number_coords(ds.sizes[schema.CLIP], 0)[schema.CLIP_NUMBER],
        schema.FRAME_NUMBER: frame_number(ds.sizes[schema.FRAME]),
    }
    for name, variable in fresh.items():
        variable.attrs = dict(ds[name].attrs)
    return fresh


def clip_positions(ds: xr.Dataset, selector: Any) -> Array:
    """Return the positions (selected,) along ``clip`` that `selector` means."""
    n_clips = ds.sizes[schema.CLIP]
    if callable(selector):
        selector = selector(ds)
    if selector is None:
        return np.arange(n_clips)
    if isinstance(selector, slice):
        return _slice_positions(selector, n_clips)
    array = np.atleast_1d(_as_array(selector))
    if array.ndim != 1:
        raise InputError(f"clips are chosen along one dimension, got shape {array.shape}")
    if not array.size and array.dtype.kind != "b":
        return np.empty(0, dtype=np.int64)
    if array.dtype.kind == "b":
        return _mask_positions(array, n_clips)
    if array.dtype.kind in "iu":
        return _checked_positions(array.astype(np.int64), n_clips)
    if array.dtype.kind in "UOT" and all(isinstance(name, str) for name in array.tolist()):
        return _id_positions(ds, array)
    raise InputError(
        f"clips are chosen by position, id, slice, mask or function, got {selector!r:.80}"
    )


def label_mask(ds: xr.Dataset, labels: Mapping[str, Any]) -> Array:
    """Return the mask (clip,) of the clips that have all of the given label values."""
    mask = np.ones(ds.sizes[schema.CLIP], dtype=bool)
    for name, wanted in labels.items():
        mask &= _matches(name, _label_values(ds, name), wanted)
    return mask


def clip_values(ds: xr.Dataset, key: int | str | np.integer[Any]) -> Array:
    """Return a copy of one clip's codes (codebook, frame), by position or id."""
    position = int(clip_positions(ds, key)[0])
    counts = ds.variables[schema.FRAME_COUNT].values
    start = int(counts[:position].sum())
    return np.array(ds.variables[schema.CODES][:, start : start + int(counts[position])].values)


def _as_array(selector: Any) -> Array:
    return np.asarray(selector if hasattr(selector, "__array__") else np.array(selector))


def _slice_positions(selector: slice, n_clips: int) -> Array:
    try:
        return np.arange(n_clips)[selector]
    except TypeError:
        raise InputError(
            f"a slice of clips goes by position, got {selector}: give a list of ids instead"
        ) from None


def _mask_positions(mask: Array, n_clips: int) -> Array:
    if len(mask) != n_clips:
        raise InputError(f"the mask has {len(mask)} values for {n_clips} clips")
    return np.flatnonzero(mask)


def _checked_positions(positions: Array, n_clips: int) -> Array:
    wrong = (positions < -n_clips) | (positions >= n_clips)
    if wrong.any():
        raise IndexError(f"clip {positions[wrong][0]} is out of range for {n_clips} clips")
    return np.where(positions < 0, positions + n_clips, positions)


def _id_positions(ds: xr.Dataset, names: Array) -> Array:
    schema.check_unique_ids(ds)
    index = ds.indexes.get(schema.CLIP)
    if index is None:
        index = pd.Index(ds[schema.CLIP].values.tolist(), dtype=object)
    positions: Array = index.get_indexer(pd.Index(names.tolist(), dtype=index.dtype))
    if (positions < 0).any():
        name = str(names[int(np.argmin(positions))])
        raise InputError(f"there is no clip {name!r}{_suggestion(name, index.tolist())}")
    return positions.astype(np.int64)


def _label_values(ds: xr.Dataset, name: str) -> Array:
    if name not in ds.variables or ds.variables[name].dims != (schema.CLIP,):
        known = schema.label_names(ds)
        listed = f"; the labels are {', '.join(known)}" if known else "; there are no labels"
        raise InputError(f"there is no label {name!r}{_suggestion(name, known)}{listed}")
    return plain_values(name, ds.variables[name])


def _matches(name: str, values: Array, wanted: Any) -> Array:
    if callable(wanted):
        mask = np.asarray(wanted(values))
        if mask.dtype != bool or mask.shape != values.shape:
            raise InputError(f"the function for label {name!r} must return one bool per clip")
        return mask
    wanted = np.atleast_1d(np.asarray(list(wanted) if isinstance(wanted, Set) else wanted))
    if values.dtype.kind in "fM":  # compared in the label's own precision
        return np.isin(values, _converted(name, wanted, values.dtype))
    chosen = set(wanted.tolist())
    return np.fromiter((value in chosen for value in values.tolist()), bool, len(values))


def _converted(name: str, wanted: Array, dtype: np.dtype[Any]) -> Array:
    try:
        return wanted.astype(dtype)
    except (TypeError, ValueError) as error:
        raise InputError(f"label {name!r} is {dtype}, it cannot be {wanted.tolist()}") from error


def _frame_indexer(counts: Array, positions: Array) -> slice | Array:
    """Return the frames of clips: a slice where they are adjacent, which stores read faster."""
    starts = np.cumsum(counts) - counts
    if not len(positions):
        return slice(0, 0)
    if np.array_equal(positions, np.arange(positions[0], positions[0] + len(positions))):
        last = positions[-1]
        return slice(int(starts[positions[0]]), int(starts[last] + counts[last]))
    lengths = counts[positions]
    shift = starts[positions] - (np.cumsum(lengths) - lengths)
    return np.asarray(np.arange(int(lengths.sum())) + np.repeat(shift, lengths))


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known[:_NAMES_COMPARED], n=1)
    return f": did you mean {close[0]!r}?" if close else ""
