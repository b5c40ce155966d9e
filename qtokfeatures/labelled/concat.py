"""Concatenation of codes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import InputError, SchemaError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.labels import (
    joined_label,
    missing_like,
    plain_values,
    text_array,
    unique_ids,
)
from qtokfeatures.labelled.selection import renumbered, with_variables
from qtokfeatures.labelled.sequence import CodeSequence, as_code_sequence
from qtokfeatures.labelled.spec import SPEC_ATTRS, CodecSpec

Array = npt.NDArray[Any]
OnDuplicate = Literal["rename", "raise"]

_FROM_FIRST = {*SPEC_ATTRS.values(), schema.VERSIONS_ATTR}


def concat_codes(
    datasets: Iterable[xr.Dataset | CodeSequence], *, on_duplicate: OnDuplicate = "rename"
) -> xr.Dataset:
    """Concatenate the clips of several Datasets.

    Parameters
    ----------
    datasets : iterable of xarray.Dataset or CodeSequence
        At least one, all of the same codec and the same number of codebooks.
    on_duplicate : {"rename", "raise"}
        Whether clip ids that occur again get ``#2``, ``#3``, … appended, or raise.

    Returns
    -------
    xarray.Dataset
        All clips in the order given. Clips of a Dataset that lacks a label of the others get an
        empty string, NaN or NaT.

    Raises
    ------
    CodecMismatchError
        If the fingerprints differ. Names both codecs.
    InputError
        If there is no Dataset, the numbers of codebooks differ, a label is text in one Dataset and
        numbers in another, or an id repeats and ``on_duplicate="raise"``.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.labelled import CodecSpec, build_codes
    >>> spec = CodecSpec("mini", "1", 24000, 12.5, 1920, 16, 2048, "0f3a", 64)
    >>> ds = build_codes(
    ...     [np.zeros((16, 4), int)], spec=spec, n_samples=[7680], sample_rates=[24000],
    ...     sources=["a.wav"],
    ... )
    >>> concat_codes([ds, ds])["clip"].values.tolist()
    ['a.wav', 'a.wav#2']
    """
    if isinstance(datasets, (xr.Dataset, CodeSequence)):
        raise InputError("expected a list of Datasets to concatenate, got a single one")
    parts = [as_code_sequence(codes).dataset for codes in datasets]
    if on_duplicate not in ("rename", "raise"):
        raise InputError(f"on_duplicate must be 'rename' or 'raise', got {on_duplicate!r}")
    if not parts:
        raise InputError("there is nothing to concatenate: expected at least one Dataset")
    check_compatible(parts)
    per_clip = join_clips(parts, on_duplicate=on_duplicate)
    variables = {
        name: per_clip[name] if name in per_clip else _joined(parts, name) for name in _names(parts)
    }
    coords = {str(name) for part in parts for name in part.coords}
    joined = xr.Dataset(
        {name: value for name, value in variables.items() if name not in coords},
        coords={name: value for name, value in variables.items() if name in coords},
        attrs=merged_attrs(parts),
    )
    return with_variables(joined, renumbered(joined))


def check_compatible(parts: Sequence[xr.Dataset]) -> None:
    """Raise CodecMismatchError or InputError unless the codes fit into one array."""
    spec = CodecSpec.from_attrs(parts[0].attrs)
    for part in parts[1:]:
        spec.check_matches(part.attrs)
    n_codebooks = [part.sizes[schema.CODEBOOK] for part in parts]
    if len(set(n_codebooks)) > 1:
        raise InputError(
            f"the Datasets have {n_codebooks} codebooks: keep the same number in all of them, "
            f"for example with ds.isel({schema.CODEBOOK}=slice({min(n_codebooks)}))"
        )


def join_clips(parts: Sequence[xr.Dataset], *, on_duplicate: OnDuplicate) -> dict[str, xr.Variable]:
    """Return every variable (clip,) of the Datasets concatenated; frames are not read."""
    names = [n for n in _names(parts) if any(_is_per_clip(part, n) for part in parts)]
    joined = {name: _joined_label(parts, name) for name in names}
    joined[schema.CLIP] = joined[schema.CLIP].copy(data=_ids(parts, on_duplicate))
    return joined


def merged_attrs(parts: Sequence[xr.Dataset]) -> dict[str, Any]:
    """Return the attributes of concatenated codes: those of the codec and the common ones."""
    first = parts[0].attrs
    kept = {
        name: value
        for name, value in first.items()
        if name in _FROM_FIRST or all(_same(part.attrs.get(name), value) for part in parts)
    }
    skipped = [item for part in parts for item in skipped_items(part)]
    order = [*first, *({schema.SKIPPED_ATTR} - set(first))]
    kept[schema.SKIPPED_ATTR] = json.dumps(skipped)
    return {name: kept[name] for name in order if name in kept}


def skipped_items(ds: xr.Dataset) -> list[dict[str, Any]]:
    """Return ``{"index", "source", "error"}`` of every item left out by the encoder."""
    text = ds.attrs.get(schema.SKIPPED_ATTR, "[]")
    try:
        items: list[dict[str, Any]] = json.loads(text)
        is_valid = isinstance(items, list) and all(isinstance(item, dict) for item in items)
    except (TypeError, ValueError, RecursionError):
        is_valid = False
    if not is_valid:
        raise SchemaError(
            f"attribute {schema.SKIPPED_ATTR!r} must be a JSON list of objects, got {text!r:.80}"
        )
    return items


def _same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(np.asarray(one), np.asarray(other)))


def _names(parts: Sequence[xr.Dataset]) -> list[str]:
    return list(dict.fromkeys(str(name) for part in parts for name in part.variables))


def _is_per_clip(part: xr.Dataset, name: str) -> bool:
    return name in part.variables and part.variables[name].dims == (schema.CLIP,)


def _joined(parts: Sequence[xr.Dataset], name: str) -> xr.Variable:
    """Join a variable that is not (clip,): along its frames or clips, if it has any."""
    found: list[Any] = [part.variables[name] for part in parts if name in part.variables]
    if len({variable.dims for variable in found}) > 1 or len(found) < len(parts):
        raise InputError(f"variable {name!r} must have the same dimensions in all Datasets")
    along = next((dim for dim in (schema.FRAME, schema.CLIP) if dim in found[0].dims), None)
    if along is None and not all(variable.equals(found[0]) for variable in found):
        raise InputError(f"variable {name!r} differs between the Datasets and is not per clip")
    whole: xr.Variable = found[0] if along is None else type(found[0]).concat(found, dim=along)
    return whole


def _joined_label(parts: Sequence[xr.Dataset], name: str) -> xr.Variable:
    arrays = {
        index: plain_values(name, part.variables[name])
        for index, part in enumerate(parts)
        if _is_per_clip(part, name)
    }
    attrs = next(part[name].attrs for part in parts if _is_per_clip(part, name))
    families = {_family(array) for array in arrays.values()} - {"missing"}
    if len(families) > 1:
        kinds = " and ".join(sorted(families))
        raise InputError(f"label {name!r} is {kinds} in different Datasets: make it one of them")
    known = [array for array in arrays.values() if _family(array) in families]
    like = known[0] if known else next(iter(arrays.values()))
    filled = [
        arrays[index]
        if index in arrays and (not known or _family(arrays[index]) in families)
        else missing_like(like, part.sizes[schema.CLIP])
        for index, part in enumerate(parts)
    ]
    nonempty = [array for array in filled if len(array)] or [like]
    return xr.Variable((schema.CLIP,), joined_label(name, nonempty), attrs=attrs)


def _family(array: Array) -> str:
    if not len(array) or (array.dtype.kind in "fM" and (array != array).all()):
        return "missing"
    if array.dtype.kind in "UOT":
        return "text"
    return "dates" if array.dtype.kind == "M" else "numbers"


def _ids(parts: Sequence[xr.Dataset], on_duplicate: OnDuplicate) -> Array:
    ids = [str(name) for part in parts for name in part[schema.CLIP].values]
    unique = unique_ids(ids)
    if on_duplicate == "raise" and unique != ids:
        repeated = next(old for old, new in zip(ids, unique, strict=True) if old != new)
        raise InputError(f"clip {repeated!r} occurs more than once: clip ids must be unique")
    return text_array(unique)
