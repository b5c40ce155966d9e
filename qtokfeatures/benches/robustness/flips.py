"""Codes that change under perturbation, and information of codes on phones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import CodesError, InputError

Codes = npt.NDArray[np.int16]

Ints = npt.NDArray[np.int64]

ACTIVE_DB: Final = -30.0  # frames of speech are at most so far below a clip's loudest
PRIORS: Final = (0.3, 1.0, 3.0, 10.0, 30.0, 1000.0)  # pseudo-counts of the overall distribution


@dataclass(frozen=True)
class Flips:
    """Share of frames whose code changed, 0 … 1, for each codebook."""

    every: tuple[float, ...]  # of all frames
    speech: tuple[float, ...]  # of frames of speech


def count_flips(
    before: list[Codes], after: list[Codes], speaks: list[npt.NDArray[np.bool_]]
) -> Flips:
    """Flips between codes (codebook, frame) of clips and of their perturbed versions."""
    if [a.shape for a in before] != [b.shape for b in after]:
        raise CodesError("a perturbed clip has other codebooks or frames than the clip itself")
    changed = np.concatenate([a != b for a, b in zip(before, after, strict=True)], axis=1)
    spoken = np.concatenate(speaks)
    return Flips(
        every=tuple(changed.mean(axis=1).tolist()),
        speech=tuple(changed[:, spoken].mean(axis=1).tolist()),
    )


def chance_flips(codes: list[Codes]) -> tuple[float, ...]:
    """Share of codes (codebook, frame) that would differ in any other frame, for each codebook."""
    joined = np.concatenate(codes, axis=1)
    shares = (np.bincount(row) / joined.shape[1] for row in joined)
    return tuple(float(1 - np.sum(np.square(share))) for share in shares)


def speech_frames(y: FloatArray, n_frames: int, hop_length: int) -> npt.NDArray[np.bool_]:
    """Frames that are at most 30 dB below a clip's loudest, shape (frame,)."""
    padded = np.zeros(n_frames * hop_length)
    padded[: min(len(y), len(padded))] = y[: len(padded)]
    energy = np.mean(np.square(padded.reshape(n_frames, hop_length)), axis=1)
    loud = energy >= energy.max() * 10 ** (ACTIVE_DB / 10)
    return np.asarray(loud & (energy > 0), dtype=np.bool_)


def entropy_bits(labels: npt.ArrayLike) -> float:
    """Entropy of the frequencies of labels (frame,), in bits."""
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
    """Information of tokens (frame,) on the phones of their frames, in bits, on held-out groups.

    Phones given a token are counted on the other groups, smoothed towards their overall
    distribution, and judged on the held-out group (or on its `test_tokens`) by the mean of
    ``log2 q(phone | token) / q(phone)``. That is a lower bound of the mutual information, whereas
    the plug-in estimate is far too high with 2048 tokens and thousands of frames (McAllester and
    Stratos, Formal limitations on the measurement of mutual information, 2020).
    """
    token, tested = _coded(tokens, tokens if test_tokens is None else test_tokens)
    phone = np.unique(np.asarray(phones), return_inverse=True)[1]
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    if not len(token) == len(tested) == len(phone) == len(group):
        raise InputError(
            f"expected as many tokens as phones and groups, got {len(token)}, {len(tested)}, "
            f"{len(phone)} and {len(group)}"
        )
    if group.max(initial=0) < 1:
        raise InputError("expected two or more groups of frames to hold out, got one")
    bits = np.stack([_bits(token, phone, tested, group == each) for each in np.unique(group)])
    # Each group takes the smoothing that is best on the others.
    best = (bits.sum(axis=0) - bits).argmax(axis=1)
    return float(bits[np.arange(len(bits)), best].sum() / len(token))


def _bits(
    token: Ints, phone: Ints, tested: Ints, out: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Sum of the log ratios over the held-out frames, for each prior."""
    n_tokens, n_phones = int(max(token.max(), tested.max())) + 1, int(phone.max()) + 1
    counts = np.zeros((n_tokens, n_phones))
    np.add.at(counts, (token[~out], phone[~out]), 1.0)
    overall = counts.sum(axis=0) + 0.5  # phones that only the held-out group has count, too
    overall /= overall.sum()
    of_token, of_phone = tested[out], phone[out]
    seen, together = counts.sum(axis=1)[of_token], counts[of_token, of_phone]
    expected = overall[of_phone]
    # A prior of p frames: q(phone | token) = (n(token, phone) + p q(phone)) / (n(token) + p).
    return np.array(
        [np.sum(np.log2((together + p * expected) / (seen + p) / expected)) for p in PRIORS]
    )


def _coded(tokens: npt.ArrayLike, test_tokens: npt.ArrayLike) -> tuple[Ints, Ints]:
    """Both as consecutive numbers, the same for equal tokens."""
    learnt, tested = np.asarray(tokens), np.asarray(test_tokens)
    _, coded = np.unique(np.concatenate([learnt, tested]), return_inverse=True)
    return coded[: len(learnt)], coded[len(learnt) :]
