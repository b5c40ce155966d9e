"""Checks of codes and embeddings given by callers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import CodesError, InputError
from qtokfeatures.labelled import CodecSpec, CodeSequence


def as_codes(codes: Any, spec: CodecSpec, *, least_frames: int = 1) -> npt.NDArray[np.int16]:
    """Return codes (codebook, frame), of any array type, as a checked int16 array."""
    if isinstance(codes, (xr.Dataset, CodeSequence)):
        raise CodesError(
            "decode takes the codes of one clip, (codebook, frame); decode a Dataset with "
            "decode_many(ds), or one clip of it with decode(ds.qtok.clip(0))"
        )
    array = _plain(codes)
    if array.dtype.kind not in "iu":
        raise CodesError(f"codes must be integers, got {array.dtype}")
    if array.ndim != 2 or len(array) < 1 or array.shape[1] < least_frames:
        raise CodesError(
            f"codes must be (codebook, frame) with at least one of each, got shape {array.shape}"
        )
    if len(array) > spec.n_codebooks:
        hint = " (transpose it?)" if array.shape[1] <= spec.n_codebooks else ""
        raise CodesError(
            f"{spec.name} has {spec.n_codebooks} codebooks, got codes of shape {array.shape}{hint}"
        )
    wrong = np.argwhere((array < 0) | (array >= spec.codebook_size))
    if len(wrong):
        k, frame = wrong[0]
        hint = "; -1 marks padding: remove it first" if array[k, frame] == -1 else ""
        raise CodesError(
            f"codes must be in 0 … {spec.codebook_size - 1}, got {array[k, frame]} in codebook {k} "
            f"at frame {frame}{hint}"
        )
    return array.astype(np.int16)


def check_from_the_first(codes: xr.DataArray | xr.Dataset) -> None:
    """Refuse labelled codes that are not those of codebooks 0, 1, … in order."""
    if "codebook" not in codes.coords:
        return
    named = np.atleast_1d(codes["codebook"].values).tolist()
    if named != list(range(len(named))):
        raise CodesError(
            f"codes to decode or embed must be those of codebooks 0, 1, … in order, got codebooks "
            f"{named}"
        )


def _plain(codes: Any) -> npt.NDArray[Any]:
    if isinstance(codes, xr.DataArray):
        if set(codes.dims) == {"codebook", "frame"}:
            codes = codes.transpose("codebook", "frame")
        check_from_the_first(codes)
        codes = codes.data
    if np.ma.is_masked(codes):
        raise CodesError("codes must not be masked: remove the masked frames first")
    try:
        return np.asarray(codes.detach().cpu() if hasattr(codes, "detach") else codes)
    except (TypeError, ValueError) as error:
        raise CodesError(f"codes must be an array (codebook, frame): {error}") from error


def as_embedding(embedding: npt.ArrayLike, spec: CodecSpec) -> npt.NDArray[np.float32]:
    """Return `embedding`, shape (frame, dim), as a checked float32 array."""
    return as_vectors(embedding, spec.embedding_dim, f"embeddings of {spec.name}")


def as_vectors(vectors: Any, dim: int, what: str) -> npt.NDArray[np.float32]:
    """Return `vectors`, shape (frame, dim), as a checked float32 array."""
    plain = vectors.detach().cpu() if hasattr(vectors, "detach") else vectors
    try:
        with np.errstate(over="ignore", under="ignore"):  # infinite values are found below
            array = np.ascontiguousarray(plain, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be an array (frame, {dim}): {error}") from error
    if array.ndim != 2 or len(array) < 1 or array.shape[1] != dim:
        raise InputError(f"{what} must have shape (frame, {dim}), got {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{what} must be finite, got NaN or infinity")
    return array
