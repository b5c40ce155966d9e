"""How many codes of a recording change when it is perturbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import CodesError

Codes = npt.NDArray[np.int16]

ACTIVE_DB: Final = -30.0
"""Frames down to this level, relative to a clip's loudest frame, count as speech."""


@dataclass(frozen=True)
class Flips:
    """Shares of frames whose code changed, one number a codebook.

    Parameters
    ----------
    every : tuple of float
        Of all frames, 0 … 1.
    speech : tuple of float
        Of the frames in which somebody speaks.
    """

    every: tuple[float, ...]
    speech: tuple[float, ...]


def count_flips(
    before: list[Codes], after: list[Codes], speaks: list[npt.NDArray[np.bool_]]
) -> Flips:
    """Compare the codes of clips with those of their perturbed versions.

    Parameters
    ----------
    before : list of ndarray of int16, shape (codebook, frame)
        Codes of each clip.
    after : list of ndarray of int16, shape (codebook, frame)
        Codes of each perturbed clip.
    speaks : list of ndarray of bool, shape (frame,)
        Frames in which somebody speaks.

    Returns
    -------
    Flips

    Raises
    ------
    CodesError
        If shapes differ.

    Examples
    --------
    >>> before = [np.array([[1, 2, 3, 4]], dtype=np.int16)]
    >>> after = [np.array([[1, 2, 3, 9]], dtype=np.int16)]
    >>> count_flips(before, after, [np.array([True, True, False, True])])
    Flips(every=(0.25,), speech=(0.3333333333333333,))
    """
    if [a.shape for a in before] != [b.shape for b in after]:
        raise CodesError("a perturbed clip has other codebooks or frames than the clip itself")
    changed = np.concatenate([a != b for a, b in zip(before, after, strict=True)], axis=1)
    spoken = np.concatenate(speaks)
    return Flips(
        every=tuple(changed.mean(axis=1).tolist()),
        speech=tuple(changed[:, spoken].mean(axis=1).tolist()),
    )


def chance_flips(codes: list[Codes]) -> tuple[float, ...]:
    """Share of codes that would change if every frame were exchanged for any other.

    Parameters
    ----------
    codes : list of ndarray of int16, shape (codebook, frame)
        Codes of all clips.

    Returns
    -------
    tuple of float
        One number a codebook: a codebook of which one code is used has 0.

    Examples
    --------
    >>> chance_flips([np.array([[1, 1, 2, 2], [5, 5, 5, 5]])])
    (0.5, 0.0)
    """
    joined = np.concatenate(codes, axis=1)
    shares = (np.bincount(row) / joined.shape[1] for row in joined)
    return tuple(float(1 - np.sum(np.square(share))) for share in shares)


def speech_frames(y: FloatArray, n_frames: int, hop_length: int) -> npt.NDArray[np.bool_]:
    """Find the frames that are at most 30 dB below a clip's loudest.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        The clip.
    n_frames : int
        Its frames.
    hop_length : int
        Samples of a frame.

    Returns
    -------
    ndarray of bool, shape (frame,)
    """
    padded = np.zeros(n_frames * hop_length)
    padded[: min(len(y), len(padded))] = y[: len(padded)]
    energy = np.mean(np.square(padded.reshape(n_frames, hop_length)), axis=1)
    loud = energy >= energy.max() * 10 ** (ACTIVE_DB / 10)
    return np.asarray(loud & (energy > 0), dtype=np.bool_)
