"""Frames of clips as padded, ragged or listed arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import CodecMismatchError, InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.features import storable

Frames = npt.NDArray[Any]

# Attributes of frames. A recogniser requires equal IDENTITY in training and use.
FRAME_RATE = "frame_rate"  # frames per second
KIND = "features"
IDENTITY = (KIND, FRAME_RATE, "fingerprint")

_FRAMES_AT_ONCE = 2**14  # of a batch of the network: bounds its memory, padding included


@dataclass(frozen=True, eq=False)
class FrameBatch:
    """Frames of clips, one array (frame, feature) each: float32, or integers for tokens."""

    frames: list[npt.NDArray[Any]]
    names: list[str]
    attrs: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def are_tokens(self) -> bool:
        """True if frames are indices into codebooks."""
        return bool(np.issubdtype(self.frames[0].dtype, np.integer))

    @property
    def n_features(self) -> int:
        """Features per frame."""
        return int(self.frames[0].shape[1])

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Frames per clip."""
        return np.array([len(frames) for frames in self.frames], dtype=np.int64)

    @property
    def frame_rate(self) -> float | None:
        """Frames per second, or None if unknown."""
        rate = self.attrs.get(FRAME_RATE)
        return None if rate is None else float(rate)

    def groups(self) -> list[list[int]]:
        """Return batches of clips of similar length."""
        counts = self.counts
        groups: list[list[int]] = [[]]
        for row in np.argsort(counts, kind="stable").tolist():
            if groups[-1] and (len(groups[-1]) + 1) * counts[row] > _FRAMES_AT_ONCE:
                groups.append([])
            groups[-1].append(row)
        return groups

    def padded(self, rows: Sequence[int]) -> npt.NDArray[Any]:
        """Return some clips as one array (clip, frame, feature), padded with zeros."""
        chosen = [self.frames[row] for row in rows]
        shape = (len(chosen), max(map(len, chosen)), self.n_features)
        filled = np.zeros(shape, dtype=np.int64 if self.are_tokens else np.float32)
        for row, frames in zip(filled, chosen, strict=True):
            row[: len(frames)] = frames
        return filled

    def check_matches(self, attrs: dict[str, Any], n_features: int, token_count: int) -> None:
        """Raise an error if a recogniser was fitted on frames of another kind or width."""
        for key, known in attrs.items():
            if key in self.attrs and self.attrs[key] != known:
                kind = CodecMismatchError if key == "fingerprint" else InputError
                raise kind(
                    f"the recogniser was fitted on frames with {key}={known!r}, got "
                    f"{key}={self.attrs[key]!r}"
                )
        if self.n_features != n_features:
            raise InputError(
                f"the recogniser was fitted on {n_features} features per frame, got "
                f"{self.n_features}"
            )
        if bool(token_count) != self.are_tokens:
            fitted, got = ("tokens", "numbers") if token_count else ("numbers", "tokens")
            raise InputError(f"the recogniser was fitted on {fitted}, got {got}")
        highest = max(int(frames.max()) for frames in self.frames) if token_count else 0
        if token_count and highest >= token_count:
            raise InputError(
                f"the recogniser was fitted on tokens from 0 to {token_count - 1}, got {highest}"
            )


def as_frame_batch(X: Any) -> FrameBatch:
    """Check a padded or ragged array or a list of frames; an error names the clip."""
    batch = _labelled(X) if isinstance(X, xr.DataArray) else _bare(X)
    if not batch.frames:
        raise InputError("expected at least one clip in X, got none")
    for name, frames in zip(batch.names, batch.frames, strict=True):
        _check(name, frames, batch)
    return batch


def _labelled(X: xr.DataArray) -> FrameBatch:
    attrs = dict(X.attrs)
    if X.dims == (schema.CLIP, schema.FRAME, schema.FEATURE) and schema.FRAME_COUNT in X.coords:
        counts = X[schema.FRAME_COUNT].values
        if len(counts) and (counts.min() < 0 or counts.max() > X.shape[1]):
            raise InputError(
                f"frame_count must be from 0 to {X.shape[1]}, the padded number of frames, got "
                f"{counts.min()} to {counts.max()}"
            )
        frames = [row[:count] for row, count in zip(X.values, counts, strict=True)]
        return FrameBatch(frames, X[schema.CLIP].values.astype(str).tolist(), attrs)
    if X.dims == (schema.FRAME, schema.FEATURE) and schema.CLIP_INDEX in X.coords:
        index = X[schema.CLIP_INDEX].values
        clips = X[schema.CLIP].values.astype(str)
        another = (index[1:] != index[:-1]) | (clips[1:] != clips[:-1])
        starts = np.flatnonzero(np.concatenate([[True] * bool(len(index)), another]))
        names = clips[starts].tolist()
        return FrameBatch(np.split(X.values, starts[1:]), names, attrs)
    raise InputError(
        "frames must be (clip, frame, feature) with the coordinate frame_count or (frame, "
        f"feature) with clip_index, as ASRFrontEnd gives them; got dims {X.dims}"
    )


def _bare(X: Any) -> FrameBatch:
    if isinstance(X, np.ndarray) and X.ndim == 3:
        frames = [row[: _last_frame(row)] for row in X]
    elif isinstance(X, str) or not isinstance(X, Iterable):
        raise InputError(f"frames must be one array (frame, feature) per clip, got {X!r}")
    else:
        frames = [np.asarray(each) for each in X]
    return FrameBatch(frames, [f"clip {row}" for row in range(len(frames))])


def _last_frame(row: npt.NDArray[Any]) -> int:
    is_padding = (row == schema.PADDING) if np.issubdtype(row.dtype, np.integer) else np.isnan(row)
    there = np.flatnonzero(~is_padding.all(axis=1))
    return int(there[-1]) + 1 if len(there) else 0


def _check(name: str, frames: npt.NDArray[Any], batch: FrameBatch) -> None:
    first = batch.frames[0]
    if frames.ndim != 2 or not np.issubdtype(frames.dtype, np.number):
        raise InputError(f"{name}: frames must be numbers (frame, feature), got {frames.shape}")
    if not len(frames):
        raise InputError(f"{name}: has no frames; remove the clip")
    if np.issubdtype(frames.dtype, np.integer) != batch.are_tokens:
        raise InputError(
            f"{name}: all clips must be tokens (integers) or all numbers (floats), got "
            f"{frames.dtype} and {first.dtype}"
        )
    if first.ndim == 2 and frames.shape[1] != first.shape[1]:
        raise InputError(
            f"{name}: has {frames.shape[1]} features, {batch.names[0]} has {first.shape[1]}"
        )
    if not np.isfinite(frames).all():
        where = np.argwhere(~np.isfinite(frames))[0].tolist()
        raise InputError(f"{name}: feature {where[1]} of frame {where[0]} is not finite")
    if batch.are_tokens and frames.min() < 0:
        raise InputError(f"{name}: tokens must be 0 or more, got {frames.min()}")


def labelled_frames(
    frames: Sequence[Frames],
    coords: dict[str, xr.Variable],
    names: npt.ArrayLike,
    attrs: dict[str, Any],
    *,
    is_padded: bool,
) -> xr.DataArray:
    """Label frames as (clip, frame, feature), padded with NaN or −1, or as (frame, feature)."""
    counts = np.array([len(each) for each in frames], dtype=np.int64)
    values, rate = np.concatenate(frames), float(attrs[FRAME_RATE])
    there = np.arange(counts.max()) < counts[:, None]
    clip_index, position = np.nonzero(there)
    if is_padded:
        dims: tuple[str, ...] = (schema.CLIP, schema.FRAME, schema.FEATURE)
        fill = schema.PADDING if np.issubdtype(values.dtype, np.integer) else np.nan
        padded = np.full((*there.shape, values.shape[1]), fill, dtype=values.dtype)
        padded[there] = values
        values, position = padded, np.arange(counts.max())
        own = {**coords, schema.FRAME_COUNT: xr.Variable(schema.CLIP, counts)}
    else:
        dims = (schema.FRAME, schema.FEATURE)
        clips = coords[schema.CLIP].values[clip_index]
        own = {
            schema.CLIP_INDEX: xr.Variable(schema.FRAME, clip_index),
            schema.CLIP: xr.Variable(schema.FRAME, clips),
        }
    own[schema.TIME] = xr.Variable(schema.FRAME, position / rate, {"units": "s"})
    own[schema.FEATURE] = xr.Variable(schema.FEATURE, np.asarray(names).astype(str))
    stored = {name: storable(coord) for name, coord in own.items()}
    return xr.DataArray(values, dims=dims, coords=stored, attrs=attrs)
