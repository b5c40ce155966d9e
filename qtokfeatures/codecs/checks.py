"""Codes and embeddings that callers hand in, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.exceptions import CodesError, InputError
from qtokfeatures.labelled import CodecSpec, CodeSequence


def as_codes(codes: Any, spec: CodecSpec, *, least_frames: int = 1) -> npt.NDArray[np.int16]:
    """Return `codes` as a checked int16 array.

    Parameters
    ----------
    codes : array of int, shape (codebook, frame)
        NumPy array, torch tensor, list of lists or DataArray.
    spec : CodecSpec
        Says how many codebooks and entries there are.
    least_frames : int, default=1
        Fewer are an error.

    Returns
    -------
    ndarray of int16, shape (codebook, frame)
        The same codes.

    Raises
    ------
    CodesError
        With what was expected and where the first wrong entry is.
    """
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
        hint = "; -1 marks padding: cut it off first" if array[k, frame] == -1 else ""
        raise CodesError(
            f"codes lie in 0 … {spec.codebook_size - 1}, got {array[k, frame]} in codebook {k} at "
            f"frame {frame}{hint}"
        )
    return array.astype(np.int16)


def check_from_the_first(codes: xr.DataArray | xr.Dataset) -> None:
    """Refuse codes whose coordinate says that they are not of the codebooks from the first on.

    Raises
    ------
    CodesError
        Names the codebooks that there are.
    """
    if "codebook" not in codes.coords:
        return
    named = np.atleast_1d(codes["codebook"].values).tolist()
    if named != list(range(len(named))):
        raise CodesError(
            f"only the codebooks from the first on, in order, can be decoded or added up; got "
            f"{named}"
        )


def _plain(codes: Any) -> npt.NDArray[Any]:
    if isinstance(codes, xr.DataArray):
        if set(codes.dims) == {"codebook", "frame"}:
            codes = codes.transpose("codebook", "frame")
        check_from_the_first(codes)
        codes = codes.data
    if np.ma.is_masked(codes):
        raise CodesError("codes must not be masked: cut off what is masked first")
    try:
        return np.asarray(codes.detach().cpu() if hasattr(codes, "detach") else codes)
    except (TypeError, ValueError) as error:
        raise CodesError(f"codes must be an array (codebook, frame): {error}") from error


def as_embedding(embedding: npt.ArrayLike, spec: CodecSpec) -> npt.NDArray[np.float32]:
    """Return `embedding`, shape (frame, dim), as a checked float32 array.

    Raises
    ------
    InputError
        A wrong shape, or values that are not finite.
    """
    return as_vectors(embedding, spec.embedding_dim, f"embeddings of {spec.name}")


def as_vectors(vectors: Any, dim: int, what: str) -> npt.NDArray[np.float32]:
    """Return `vectors`, shape (frame, dim), as a checked float32 array.

    Raises
    ------
    InputError
        A wrong shape, or values that are not finite.
    """
    plain = vectors.detach().cpu() if hasattr(vectors, "detach") else vectors
    try:
        array = np.ascontiguousarray(plain, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be an array (frame, {dim}): {error}") from error
    if array.ndim != 2 or len(array) < 1 or array.shape[1] != dim:
        raise InputError(f"{what} have shape (frame, {dim}), got {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{what} must be finite, got NaN or infinity")
    return array
