"""Number of codebook entries in use, and their perplexity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import CodesError


@dataclass(frozen=True)
class CodeUse:
    """Use of every codebook over some frames.

    Parameters
    ----------
    codes_used : tuple of int
        Number of distinct codes, per codebook.
    perplexity : tuple of float
        Exponential of the entropy of the code frequencies, per codebook: the number of equally
        frequent codes with the same entropy.
    n_frames : int
        Number of frames counted, an upper bound of both.
    codebook_size : int
        Entries of each codebook.
    """

    codes_used: tuple[int, ...]
    perplexity: tuple[float, ...]
    n_frames: int
    codebook_size: int


def measure_code_use(codes: npt.ArrayLike, *, codebook_size: int = 2048) -> CodeUse:
    """Count the distinct codes of each codebook and compute their perplexity.

    Parameters
    ----------
    codes : array_like of int, shape (codebook, frame)
        Codes of all clips, concatenated along frames, each from 0 to ``codebook_size - 1``.
    codebook_size : int, default 2048
        Entries of each codebook.

    Returns
    -------
    CodeUse
        One number per codebook.

    Raises
    ------
    CodesError
        If the array is not two-dimensional, has no frame, or a code is out of range.

    Examples
    --------
    >>> from qtokfeatures.evaluation import measure_code_use
    >>> use = measure_code_use([[0, 1, 2, 3], [5, 5, 5, 5]], codebook_size=8)
    >>> use.codes_used
    (4, 1)
    >>> use.perplexity
    (4.0, 1.0)
    """
    codes = _check_codes(codes, codebook_size)
    counts = [np.bincount(row, minlength=codebook_size) for row in codes]
    return CodeUse(
        codes_used=tuple(int(np.count_nonzero(count)) for count in counts),
        perplexity=tuple(_perplexity(count) for count in counts),
        n_frames=codes.shape[1],
        codebook_size=codebook_size,
    )


def _perplexity(counts: npt.NDArray[np.int64]) -> float:
    frequency = counts[counts > 0] / counts.sum()
    return float(np.exp(-np.sum(frequency * np.log(frequency))))


def _check_codes(codes: npt.ArrayLike, codebook_size: int) -> npt.NDArray[np.int64]:
    array = np.asarray(codes)
    if array.ndim != 2 or not array.size or not np.issubdtype(array.dtype, np.integer):
        raise CodesError(
            "codes must be integers of shape (codebook, frame) with at least one frame, "
            f"got {array.dtype} of shape {array.shape}"
        )
    if array.min() < 0 or array.max() >= codebook_size:
        raise CodesError(
            f"codes must be from 0 to {codebook_size - 1}, got {array.min()} to {array.max()}"
        )
    return array.astype(np.int64)
