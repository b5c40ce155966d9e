"""How many of a codebook's entries are used, and how evenly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import CodesError


@dataclass(frozen=True)
class CodeUse:
    """The use of every codebook over some frames.

    Parameters
    ----------
    codes_used : tuple of int
        Different codes that occurred, one number a codebook.
    perplexity : tuple of float
        Exponential of the entropy of the codes' frequencies, one number a codebook: the number of
        codes that, used evenly, would carry as much.
    n_frames : int
        Frames counted. Neither number can exceed it.
    codebook_size : int
        Entries of each codebook.
    """

    codes_used: tuple[int, ...]
    perplexity: tuple[float, ...]
    n_frames: int
    codebook_size: int


def measure_code_use(codes: npt.ArrayLike, *, codebook_size: int = 2048) -> CodeUse:
    """Count codes used and their perplexity, codebook by codebook.

    Parameters
    ----------
    codes : array_like of int, shape (codebook, frame)
        Codes of all clips, one after another, each ``0 … codebook_size - 1``.
    codebook_size : int, default 2048
        Entries of each codebook.

    Returns
    -------
    CodeUse

    Raises
    ------
    CodesError
        If the shape is another, there is no frame, or a code is out of range.

    Examples
    --------
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
            f"codes must be 0 … {codebook_size - 1}, got {array.min()} … {array.max()}"
        )
    return array.astype(np.int64)
