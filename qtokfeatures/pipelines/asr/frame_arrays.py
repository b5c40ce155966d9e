"""Frames of clips as labelled arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.labelled import schema
from qtokfeatures.pipelines.asr.frame_batch import FRAME_RATE

Frames = npt.NDArray[Any]


def padded_frames(
    frames: Sequence[Frames],
    coords: dict[str, xr.Variable],
    names: npt.ArrayLike,
    attrs: dict[str, Any],
) -> xr.DataArray:
    """Put clips below each other, shorter ones filled up with NaN, or −1 where frames are tokens.

    Parameters
    ----------
    frames : sequence of ndarray (frame, feature)
        Of each clip.
    coords : dict of str to Variable
        Coordinates of the clips.
    names : array_like of str (feature,)
        Names of the features.
    attrs : dict
        Attributes; the frame rate is one.

    Returns
    -------
    xarray.DataArray (clip, frame, feature)
        With ``frame_count`` (clip) and ``time`` (frame) in seconds.
    """
    counts = np.array([len(each) for each in frames], dtype=np.int64)
    there = np.arange(counts.max()) < counts[:, None]
    are_tokens = np.issubdtype(frames[0].dtype, np.integer)
    fill = schema.PADDING if are_tokens else np.nan
    values = np.full((*there.shape, frames[0].shape[1]), fill, dtype=frames[0].dtype)
    values[there] = np.concatenate(frames)
    return xr.DataArray(
        values,
        dims=(schema.CLIP, schema.FRAME, schema.FEATURE),
        coords={
            **coords,
            schema.FRAME_COUNT: (schema.CLIP, counts),
            schema.TIME: (schema.FRAME, _times(int(counts.max()), attrs), {"units": "s"}),
            schema.FEATURE: np.asarray(names).astype(str),
        },
        attrs=attrs,
    )


def ragged_frames(
    frames: Sequence[Frames],
    coords: dict[str, xr.Variable],
    names: npt.ArrayLike,
    attrs: dict[str, Any],
) -> xr.DataArray:
    """Put the frames of clips one after another; parameters as of :func:`padded_frames`.

    Parameters
    ----------
    frames : sequence of ndarray (frame, feature)
        Of each clip.
    coords : dict of str to Variable
        Coordinates of the clips.
    names : array_like of str (feature,)
        Names of the features.
    attrs : dict
        Attributes; the frame rate is one.

    Returns
    -------
    xarray.DataArray (frame, feature)
        With ``clip_index``, ``clip`` and ``time`` (frame), in seconds from the clip's start.
    """
    counts = [len(each) for each in frames]
    index = np.repeat(np.arange(len(frames)), counts)
    return xr.DataArray(
        np.concatenate(frames),
        dims=(schema.FRAME, schema.FEATURE),
        coords={
            schema.CLIP_INDEX: (schema.FRAME, index),
            schema.CLIP: (schema.FRAME, coords[schema.CLIP].values[index]),
            schema.TIME: (
                schema.FRAME,
                np.concatenate([_times(count, attrs) for count in counts]),
                {"units": "s"},
            ),
            schema.FEATURE: np.asarray(names).astype(str),
        },
        attrs=attrs,
    )


def _times(count: int, attrs: dict[str, Any]) -> npt.NDArray[np.float64]:
    return np.arange(count) / float(attrs[FRAME_RATE])
