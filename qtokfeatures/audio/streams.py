"""What every kind of audio is opened as: one stream of checked mono blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from qtokfeatures.audio.clip import Samples
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.exceptions import AudioError

__all__ = ["Limits", "MonoStream", "check_agreement"]


@dataclass(frozen=True)
class Limits:
    """What is taken at most from a URL, a file object or encoded bytes.

    Parameters
    ----------
    timeout_s : float
        Seconds for a whole download.
    max_bytes : int
        Bytes of encoded audio. Files on disk are read in blocks and not limited.
    """

    timeout_s: float = 30.0
    max_bytes: int = 2**30


@dataclass(frozen=True)
class MonoStream:
    """Checked mono audio, block by block, at its original rate.

    Parameters
    ----------
    source : str
        Path, URL or description.
    sr : int
        Rate in Hz.
    blocks : iterable of ndarray of float32, shape (sample,)
        Consecutive pieces; to be read once.
    promised : int, optional
        Number of samples, where it is known beforehand.
    """

    source: str
    sr: int
    blocks: Iterable[Samples] = field(repr=False)
    promised: int | None = None


def check_agreement(own: int, sr: Any, *, source: str) -> None:
    """Raise if `sr` was given for something that has another rate of its own.

    Parameters
    ----------
    own : int
        The rate it has, in Hz.
    sr : int or None
        The rate that was given.
    source : str
        What to call it in the error.

    Raises
    ------
    AudioError
        If the two differ.
    """
    if sr is not None and checked_rate(sr, source=source) != own:
        raise AudioError(
            f"{source}: has its own rate, {own} Hz, and sr={sr} contradicts it; leave sr out, "
            "or pass target_sr= to resample",
            source=source,
        )
