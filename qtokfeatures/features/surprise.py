"""How unusual the tokens of a clip are, given how often each occurs elsewhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError


def token_bits(counts: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return how many bits each token tells, from how often it occurred.

    Minus the logarithm to base 2 of its probability, by Laplace's rule: each token is taken to
    have occurred once more than it did.

    Parameters
    ----------
    counts : array_like of int, shape (codebook, code)
        Occurrences.

    Returns
    -------
    ndarray of float32, shape (codebook, code)

    Examples
    --------
    >>> token_bits([[6, 0]]).tolist()
    [[0.19264507293701172, 3.0]]
    """
    smoothed = np.asarray(counts, dtype=np.float64) + 1
    bits = -np.log2(smoothed / smoothed.sum(axis=1, keepdims=True))
    return np.asarray(bits, dtype=np.float32)


def mean_surprise(codes: npt.ArrayLike, bits: npt.ArrayLike) -> float:
    """Return the mean bits of the tokens of a clip.

    Parameters
    ----------
    codes : array_like of int, shape (codebook, frame)
        Codes; those of codebooks that `bits` lacks are left out.
    bits : array_like of float, shape (codebook, code)
        What each token tells; see :func:`token_bits`.

    Returns
    -------
    float
        Cross-entropy per token, in bits.

    Raises
    ------
    InputError
        If there are fewer codebooks than `bits` has, or no frames.

    Examples
    --------
    >>> mean_surprise([[0, 0, 1]], [[1.0, 4.0]])
    2.0
    """
    codes, bits = np.asarray(codes), np.asarray(bits)
    if codes.ndim != 2 or len(codes) < len(bits) or not codes.shape[1]:
        raise InputError(
            f"expected codes (codebook, frame) of at least {len(bits)} codebooks and a frame, got "
            f"shape {codes.shape}"
        )
    chosen = np.take_along_axis(bits, codes[: len(bits)].astype(np.int64), axis=1)
    return float(chosen.mean(dtype=np.float64))
