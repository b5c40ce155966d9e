"""Counts of tokens and of runs of tokens in each clip, their weights and their surprise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

IntArray = npt.NDArray[np.int64]
NumberArray = npt.NDArray[np.int64 | np.float64]

#: Names that :func:`weight_counts` accepts. Each uses the counts of one clip alone.
WEIGHTINGS = ("count", "relative", "hellinger")


@dataclass(frozen=True)
class TokenCounts:
    """Counts above 0, ordered by clip, then by token; floats where tokens have weights."""

    clip: IntArray  # index of the clip, (entry,)
    token: IntArray  # (entry,)
    count: NumberArray  # occurrences of the token in the clip, (entry,)
    totals: NumberArray  # tokens of each clip, (clip,)
    n_tokens: int  # size of the alphabet

    def dense(self) -> NumberArray:
        """Spread the counts into an array of shape (clip, token)."""
        shape = (len(self.totals), self.n_tokens)
        table: NumberArray = np.zeros(shape, dtype=self.count.dtype)
        table[self.clip, self.token] = self.count
        return table


def count_tokens(
    tokens: npt.ArrayLike,
    frame_count: npt.ArrayLike,
    *,
    n_tokens: int,
    weights: npt.ArrayLike | None = None,
) -> TokenCounts:
    """Count the tokens of each clip.

    Parameters
    ----------
    tokens : array_like of int, shape (frame,)
        One token per frame, clips one after another, each ``0 … n_tokens - 1``.
    frame_count : array_like of int, shape (clip,)
        Frames of each clip; their sum is the number of frames.
    n_tokens : int
        Size of the token alphabet.
    weights : array_like of float, shape (frame,), optional
        Weight of each token, 0 or more; 1 by default.

    Returns
    -------
    TokenCounts
        The counts above 0.

    Raises
    ------
    InputError
        If a token or weight is out of range, or the frame counts do not add up.

    Examples
    --------
    >>> count_tokens([2, 2, 0, 1], [3, 1], n_tokens=3).dense()
    array([[1, 0, 2],
           [0, 1, 0]])
    >>> count_tokens([2, 2, 0, 1], [3, 1], n_tokens=3, weights=[1, 0.5, 0, 1]).dense()
    array([[0. , 0. , 1.5],
           [0. , 1. , 0. ]])
    """
    tokens, frame_count = _as_frames(tokens, frame_count)
    if tokens.size and (tokens.min() < 0 or tokens.max() >= n_tokens):
        worst = tokens.min() if tokens.min() < 0 else tokens.max()
        raise InputError(f"tokens must be 0 … {n_tokens - 1}, got {worst}")
    clip = np.repeat(np.arange(len(frame_count)), frame_count)
    if weights is None:
        cells, count = np.unique(clip * n_tokens + tokens, return_counts=True)
        return TokenCounts(cells // n_tokens, cells % n_tokens, count, frame_count, n_tokens)
    weights = _as_weights(weights, len(tokens))
    cells, cell = np.unique(clip * n_tokens + tokens, return_inverse=True)
    sums = np.bincount(cell.ravel(), weights, minlength=len(cells))
    totals = np.bincount(clip, weights, minlength=len(frame_count))
    return TokenCounts(cells // n_tokens, cells % n_tokens, sums, totals, n_tokens)


def join_ngrams(
    tokens: npt.ArrayLike, frame_count: npt.ArrayLike, *, n_tokens: int, ngram: int
) -> tuple[IntArray, IntArray]:
    """Turn each run of `ngram` successive tokens of a clip into one number.

    Runs never cross from one clip into the next; a clip of fewer than `ngram` frames has none.

    Parameters
    ----------
    tokens : array_like of int, shape (frame,)
        One token per frame, clips one after another, each ``0 … n_tokens - 1``.
    frame_count : array_like of int, shape (clip,)
        Frames of each clip.
    n_tokens : int
        Size of the token alphabet.
    ngram : int
        Length of a run, at least 1; 1 returns the tokens as they are.

    Returns
    -------
    joined : ndarray of int64, shape (run,)
        The run ``(a, b, …)`` as the number with digits ``a, b, …`` in base `n_tokens`.
    run_count : ndarray of int64, shape (clip,)
        Runs of each clip, ``max(frame_count - ngram + 1, 0)``.

    Raises
    ------
    InputError
        If `ngram` is below 1, the frame counts do not add up, or ``n_tokens ** ngram`` does not
        fit into 64 bits.

    Examples
    --------
    >>> runs, run_count = join_ngrams([1, 2, 0, 3, 3], [3, 2], n_tokens=10, ngram=2)
    >>> runs.tolist(), run_count.tolist()
    ([12, 20, 33], [2, 1])
    """
    tokens, frame_count = _as_frames(tokens, frame_count)
    if ngram < 1:
        raise InputError(f"ngram must be at least 1, got {ngram}")
    if n_tokens**ngram > np.iinfo(np.int64).max:
        raise InputError(f"{n_tokens} tokens to the power of {ngram} do not fit into 64 bits")
    first, run_count = _runs(frame_count, ngram)
    joined = np.zeros(len(first), dtype=np.int64)
    for step in range(ngram):
        joined = joined * n_tokens + tokens[first + step]
    return joined, run_count


def join_weights(
    weights: npt.ArrayLike, frame_count: npt.ArrayLike, *, ngram: int
) -> npt.NDArray[np.float64]:
    """Weights (run,) of the runs of :func:`join_ngrams`: products of their tokens' weights."""
    weights = np.asarray(weights, dtype=np.float64)
    first, _ = _runs(np.asarray(frame_count, dtype=np.int64), ngram)
    return np.asarray(np.prod([weights[first + step] for step in range(ngram)], axis=0))


def _runs(frame_count: IntArray, ngram: int) -> tuple[IntArray, IntArray]:
    """Return the first frame of each run that stays in its clip, and the runs of each clip."""
    run_count = np.maximum(frame_count - ngram + 1, 0)
    clip_start = np.cumsum(frame_count) - frame_count
    run_start = np.repeat(clip_start - (np.cumsum(run_count) - run_count), run_count)
    return np.arange(run_count.sum()) + run_start, run_count


def _as_weights(weights: npt.ArrayLike, n_frames: int) -> npt.NDArray[np.float64]:
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n_frames,) or not (weights >= 0).all():
        raise InputError(
            f"weights must be {n_frames} numbers of 0 or more, one per frame; got shape "
            f"{weights.shape}" + ("" if weights.shape != (n_frames,) else " with others among them")
        )
    return weights


def _as_frames(tokens: npt.ArrayLike, frame_count: npt.ArrayLike) -> tuple[IntArray, IntArray]:
    tokens = np.asarray(tokens, dtype=np.int64)
    frame_count = np.asarray(frame_count, dtype=np.int64)
    if tokens.ndim != 1 or frame_count.ndim != 1:
        raise InputError(
            f"tokens and frame_count must be 1-D, got {tokens.ndim}-D and {frame_count.ndim}-D"
        )
    if ((frame_count < 0) | (frame_count > len(tokens))).any() or frame_count.sum() != len(tokens):
        raise InputError(
            f"frame_count must be 0 or more and sum to {len(tokens)} frames, "
            f"got a sum of {frame_count.sum()}"
        )
    return tokens, frame_count


def weight_counts(
    counts: npt.ArrayLike, totals: npt.ArrayLike, weighting: str
) -> npt.NDArray[np.float32]:
    """Weight counts, element by element.

    Parameters
    ----------
    counts : array_like of int, any shape
        Counts of tokens, 0 or more.
    totals : array_like of int
        The clip's total for each count, of a shape that broadcasts against `counts`.
    weighting : {"count", "relative", "hellinger"}
        ``"count"`` leaves the count, so that longer clips have larger features. ``"relative"`` is
        the share of the clip's tokens. ``"hellinger"`` is its square root: the Euclidean distance
        of two such rows is √2 times the Hellinger distance of the two distributions, which
        suits k-means, PCA and linear models better than raw shares, where the few most frequent
        tokens decide everything.

    Returns
    -------
    ndarray of float32, shape of `counts`
        0 where the total is 0.

    Raises
    ------
    InputError
        If `weighting` is none of the three.

    Examples
    --------
    >>> weight_counts([[1, 0, 3]], [[4]], "relative").tolist()
    [[0.25, 0.0, 0.75]]
    >>> weight_counts([[1, 0, 3]], [[4]], "hellinger").round(3).tolist()
    [[0.5, 0.0, 0.8659999966621399]]
    """
    counts = np.asarray(counts)
    if weighting == "count":
        return counts.astype(np.float32)
    if weighting == "relative":
        return _shares(counts, totals).astype(np.float32)
    if weighting == "hellinger":
        return np.sqrt(_shares(counts, totals)).astype(np.float32)
    raise InputError(f"weighting must be one of {', '.join(WEIGHTINGS)}; got {weighting!r}")


def _shares(counts: npt.NDArray[np.int64], totals: npt.ArrayLike) -> npt.NDArray[np.float64]:
    totals = np.asarray(totals)
    return np.asarray(counts / np.where(totals > 0, totals, 1), dtype=np.float64)


def token_bits(counts: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Information of each token in bits (codebook, code), from its count by Laplace's rule."""
    smoothed = np.asarray(counts, dtype=np.float64) + 1
    bits = -np.log2(smoothed / smoothed.sum(axis=1, keepdims=True))
    return np.asarray(bits, dtype=np.float32)


def mean_surprise(codes: npt.ArrayLike, bits: npt.ArrayLike) -> float:
    """Cross-entropy of codes (codebook, frame) in bits per token, given each token's bits."""
    codes, bits = np.asarray(codes), np.asarray(bits)
    if codes.ndim != 2 or len(codes) < len(bits) or not codes.shape[1]:
        raise InputError(
            f"expected codes (codebook, frame) of at least {len(bits)} codebooks and a frame, got "
            f"shape {codes.shape}"
        )
    chosen = np.take_along_axis(bits, codes[: len(bits)].astype(np.int64), axis=1)
    return float(chosen.mean(dtype=np.float64))


def change_probability(
    codes: npt.ArrayLike, changed: Sequence[npt.ArrayLike]
) -> npt.NDArray[np.float32]:
    """Share of versions of a clip in which each token differs, float32 (codebook, frame)."""
    codes = np.asarray(codes)
    versions = [np.asarray(each) for each in changed]
    if not versions or any(each.shape != codes.shape for each in versions):
        raise InputError(
            f"expected codes of versions of one clip, each of shape {codes.shape}; got "
            f"{[each.shape for each in versions]}"
        )
    shares = np.mean([each != codes for each in versions], axis=0, dtype=np.float64)
    return np.asarray(shares, dtype=np.float32)
