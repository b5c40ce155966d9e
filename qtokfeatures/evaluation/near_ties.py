"""Where two encodings of the same clip differ, and whether float arithmetic explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.pairs import FloatArray
from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

NEAR_TIE: Final = 1e-5
"""Two entries whose distances differ by less than this share of the larger one are a near-tie."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FrameDifference:
    """The first codebook in which a frame of two encodings differs.

    Later codebooks of that frame code another residual, so they say nothing.

    Parameters
    ----------
    frame : int
        The frame.
    codebook : int
        The first codebook that differs.
    expected : int
        Its code in the reference.
    got : int
        Its code in the other encoding.
    gap : float
        Difference of the latent's distances to the two entries, as a share of the larger; infinite
        where the codec's vectors do not tell.
    """

    frame: int
    codebook: int
    expected: int
    got: int
    gap: float

    @property
    def is_near_tie(self) -> bool:
        """Whether float arithmetic may decide either way."""
        return self.gap < NEAR_TIE


def compare_codes(
    codec: Codec[Any, Any], latents: FloatArray, expected: npt.ArrayLike, got: npt.ArrayLike
) -> list[FrameDifference]:
    """Find the frames in which two encodings of one clip differ.

    Parameters
    ----------
    codec : Codec
        The codec, for the vectors of its codebooks.
    latents : ndarray of float32, shape (frame, dim)
        What was quantised, ``codec.project(codec.latents(y))``.
    expected : array_like of int, shape (codebook, frame)
        The reference.
    got : array_like of int, shape (codebook, frame)
        The other encoding.

    Returns
    -------
    list of FrameDifference
        In the order of frames; empty where all codes are equal.

    Raises
    ------
    InputError
        If the shapes differ: then frames are missing, and no tie explains that.
    """
    expected = np.asarray(expected, dtype=np.int64)
    got = np.asarray(got, dtype=np.int64)
    if expected.shape != got.shape:
        raise InputError(f"codes of shape {got.shape} where {expected.shape} was expected")
    frames = np.flatnonzero((expected != got).any(axis=0))
    return [_difference(codec, latents, expected, got, int(frame)) for frame in frames]


def _difference(
    codec: Codec[Any, Any], latents: FloatArray, expected: IntArray, got: IntArray, frame: int
) -> FrameDifference:
    codebook = int(np.argmax(expected[:, frame] != got[:, frame]))
    gap = _gap(codec, latents[frame], expected[: codebook + 1, frame], int(got[codebook, frame]))
    return FrameDifference(
        frame, codebook, int(expected[codebook, frame]), int(got[codebook, frame]), gap
    )


def _gap(codec: Codec[Any, Any], latent: FloatArray, expected: IntArray, got: int) -> float:
    vectors = [codec.codebook_vectors(k) for k in range(len(expected))]
    if any(book.shape[1] != latent.shape[0] for book in vectors):
        return float("inf")
    residual = latent.astype(np.float64)
    for book, code in zip(vectors[:-1], expected[:-1], strict=True):
        residual = residual - book[code]
    quantised = vectors[-1].any(axis=0)  # a codebook of one part of the vector leaves the others
    near, far = sorted(
        float(np.linalg.norm((residual - vectors[-1][code])[quantised]))
        for code in (expected[-1], got)
    )
    return (far - near) / far if far else 0.0
