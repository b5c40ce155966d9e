"""How much a token tells about the phone that is spoken."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

Ints = npt.NDArray[np.int64]

PRIORS: Final = (0.3, 1.0, 3.0, 10.0, 30.0, 1000.0)
"""Frames that the phones' overall shares count for in a token's shares."""


def entropy_bits(labels: npt.ArrayLike) -> float:
    """Entropy of how often each label occurs.

    Parameters
    ----------
    labels : array_like, shape (frame,)
        Labels of any type.

    Returns
    -------
    float
        In bits.

    Examples
    --------
    >>> entropy_bits(["a", "b", "a", "b"])
    1.0
    """
    _, counts = np.unique(np.asarray(labels), return_counts=True)
    share = counts / counts.sum()
    return float(-np.sum(share * np.log2(share)))


def held_out_information(
    tokens: npt.ArrayLike,
    phones: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    test_tokens: npt.ArrayLike | None = None,
) -> float:
    """Bits that a token tells about its frame's phone, on groups of frames that were held out.

    How phones are spread given a token is counted on the other groups, smoothed towards how they
    are spread overall, and judged on the group by the mean of ``log2 q(phone | token) / q(phone)``.
    That is at most the mutual information, whatever was counted, while mutual information
    computed from the counts themselves is far too high with 2048 tokens and thousands of frames.

    Parameters
    ----------
    tokens : array_like of int, shape (frame,)
        One codebook's codes.
    phones : array_like, shape (frame,)
        The phone of each frame.
    groups : array_like, shape (frame,)
        What to hold out together: sentences, or voices.
    test_tokens : array_like of int, shape (frame,), optional
        Codes to judge instead of `tokens`, such as those of the same speech in noise.

    Returns
    -------
    float
        In bits; 0 for tokens that have nothing to do with phones, and less where what they tell
        about some groups misleads about others.

    Raises
    ------
    InputError
        If shapes differ, or there are fewer than two groups.

    References
    ----------
    D. McAllester, K. Stratos: Formal limitations on the measurement of mutual information, 2020.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> phones = rng.integers(4, size=4000)
    >>> groups = np.arange(4000) % 5
    >>> round(held_out_information(phones + 7, phones, groups), 1)
    2.0
    >>> round(held_out_information(rng.integers(4, size=4000), phones, groups), 1)
    0.0
    """
    token, told = _coded(tokens, tokens if test_tokens is None else test_tokens)
    phone = np.unique(np.asarray(phones), return_inverse=True)[1]
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    if not len(token) == len(told) == len(phone) == len(group):
        raise InputError(
            f"expected as many tokens as phones and groups, got {len(token)}, {len(told)}, "
            f"{len(phone)} and {len(group)}"
        )
    if group.max(initial=0) < 1:
        raise InputError("holding out needs two groups of frames or more")
    bits = np.stack([_bits(token, phone, told, group == each) for each in np.unique(group)])
    # For each group the smoothing that does best on the others.
    best = (bits.sum(axis=0) - bits).argmax(axis=1)
    return float(bits[np.arange(len(bits)), best].sum() / len(token))


def _bits(
    token: Ints, phone: Ints, told: Ints, out: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Sums over the frames that are held `out`, one for each prior."""
    n_tokens, n_phones = int(max(token.max(), told.max())) + 1, int(phone.max()) + 1
    counts = np.zeros((n_tokens, n_phones))
    np.add.at(counts, (token[~out], phone[~out]), 1.0)
    overall = counts.sum(axis=0) + 0.5
    overall /= overall.sum()
    of_token, of_phone = told[out], phone[out]
    seen, together = counts.sum(axis=1)[of_token], counts[of_token, of_phone]
    expected = overall[of_phone]
    return np.array(
        [np.sum(np.log2((together + p * expected) / (seen + p) / expected)) for p in PRIORS]
    )


def _coded(tokens: npt.ArrayLike, test_tokens: npt.ArrayLike) -> tuple[Ints, Ints]:
    """Both as 0, 1, 2, …, equal tokens being equal in both."""
    learnt, told = np.asarray(tokens), np.asarray(test_tokens)
    _, coded = np.unique(np.concatenate([learnt, told]), return_inverse=True)
    return coded[: len(learnt)], coded[len(learnt) :]
