"""Labelled arrays of features."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.labels import text_array
from qtokfeatures.labelled.sequence import CodeSequence
from qtokfeatures.labelled.spec import SPEC_ATTRS


def feature_array(
    values: npt.ArrayLike,
    *,
    ds_or_clips: xr.Dataset | CodeSequence | Sequence[str],
    feature_names: Sequence[str],
    feature_coords: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Build a labelled array from the features of clips.

    Parameters
    ----------
    values : array-like (clip, feature)
        Features; stored as float32.
    ds_or_clips : xarray.Dataset, CodeSequence or sequence of str (clip,)
        The codes of the features, whose labels and codec are copied, or bare clip ids.
    feature_names : sequence of str (feature,)
        Name of each column.
    feature_coords : mapping of str to array-like (feature,), optional
        Origin of each column, such as codebook, bin, token, statistic or latent dimension.

    Returns
    -------
    xarray.DataArray of float32 (clip, feature)

    Raises
    ------
    InputError
        If shapes disagree, or a feature coordinate has the name of a label.

    Examples
    --------
    >>> array = feature_array(
    ...     [[0.5, 0.5], [1.0, 0.0]], ds_or_clips=["a.wav", "b.wav"],
    ...     feature_names=["cb0_bin0", "cb0_bin1"], feature_coords={"bin": [0, 1]},
    ... )
    >>> array.sel(clip="b.wav", feature="cb0_bin0").item()
    1.0
    """
    array = np.asarray(values, dtype=np.float32)
    clips, attrs = _clips(ds_or_clips)
    expected = (clips[schema.CLIP].size, len(feature_names))
    if array.shape != expected:
        raise InputError(
            f"expected features of shape (clip, feature) = {expected}, got {array.shape}"
        )
    features = _feature_coords(feature_names, feature_coords or {}, taken=set(clips))
    coords = {**clips, **features}
    return xr.DataArray(
        array,
        dims=(schema.CLIP, schema.FEATURE),
        coords={name: storable(coord) for name, coord in coords.items()},
        attrs=attrs,
        name="features",
    )


def storable(coord: xr.Variable) -> xr.Variable:
    """Have xarray write text at any width, for which version 3 of Zarr has a specification."""
    if coord.dtype.kind == "U" and sys.version_info >= (3, 11):  # where zarr is version 3
        coord = coord.copy(deep=False)
        coord.encoding = {"dtype": np.dtypes.StringDType()}
    return coord


def _clips(
    ds_or_clips: xr.Dataset | CodeSequence | Sequence[str],
) -> tuple[dict[str, xr.Variable], dict[str, Any]]:
    if isinstance(ds_or_clips, xr.Dataset):
        ds_or_clips = CodeSequence(ds_or_clips)
    if isinstance(ds_or_clips, CodeSequence):
        ds = ds_or_clips.dataset
        attrs = {name: ds.attrs[name] for name in SPEC_ATTRS.values()}
        return schema.clip_coords(ds), attrs
    return {schema.CLIP: xr.Variable((schema.CLIP,), text_array(ds_or_clips))}, {}


def _feature_coords(
    names: Sequence[str], coords: Mapping[str, Any], *, taken: set[str]
) -> dict[str, xr.Variable]:
    found = {schema.FEATURE: xr.Variable((schema.FEATURE,), text_array(names))}
    for name, values in coords.items():
        array = np.asarray(values)
        if array.shape != (len(names),):
            raise InputError(
                f"feature coordinate {name!r} has shape {array.shape} for {len(names)} features"
            )
        if name in taken:
            raise InputError(f"feature coordinate {name!r} has the name of a label of the clips")
        found[name] = xr.Variable((schema.FEATURE,), array)
    return found
