"""Sampling rates: which are credible, and going from one to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import soxr

from qtokfeatures.audio.clip import Samples
from qtokfeatures.exceptions import AudioError, InputError

__all__ = [
    "MAX_RATE",
    "MIN_RATE",
    "checked_rate",
    "resample",
    "resample_blocks",
    "resampled_length",
]

MIN_RATE = 100
"""Lowest sampling rate taken for audio, in Hz."""

MAX_RATE = 768_000
"""Highest sampling rate taken for audio, in Hz."""


def checked_rate(rate: Any, *, source: str | None = None, name: str = "sr") -> int:
    """Return a sampling rate as an ``int``, or say what is wrong with it.

    Parameters
    ----------
    rate : int or float
        Rate in Hz: a whole number from `MIN_RATE` to `MAX_RATE`. ``44100.0`` is whole.
    source : str, optional
        What has this rate. Given, the error is an `AudioError` that names it; otherwise an
        `InputError` about the argument `name`.
    name : str, default "sr"
        The argument to name in the error.

    Returns
    -------
    int
        The rate in Hz.

    Raises
    ------
    AudioError, InputError
        If `rate` is not a number, not whole, not finite, or outside the credible range.
    """
    try:
        value = None if isinstance(rate, (bool, np.bool_, str, bytes)) else float(rate)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        value = None
    if value is not None and value.is_integer() and MIN_RATE <= value <= MAX_RATE:
        return int(value)
    expected = (
        f"a sampling rate is a whole number of Hz from {MIN_RATE} to {MAX_RATE}, "
        f"got {name}={_shortened(rate)}"
    )
    if source is None:
        raise InputError(expected)
    raise AudioError(f"{source}: {expected}", source=source)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}… ({type(value).__name__})"


def resampled_length(n: int, orig_sr: int, target_sr: int) -> int:
    """Return how many samples `n` samples become at another rate.

    ``n * target_sr / orig_sr`` rounded to the nearest integer, halves up; at least 1 when there
    is a sample at all.

    Parameters
    ----------
    n : int
        Number of samples, 0 or more.
    orig_sr, target_sr : int
        Rates in Hz.

    Returns
    -------
    int
        Number of samples at `target_sr`.

    Examples
    --------
    >>> resampled_length(44_100, 44_100, 24_000), resampled_length(1, 8_000, 24_000)
    (24000, 3)
    >>> resampled_length(1, 48_000, 24_000), resampled_length(0, 48_000, 24_000)
    (1, 0)
    """
    if n == 0:
        return 0
    return max(1, (2 * n * target_sr + orig_sr) // (2 * orig_sr))


def resample(y: Samples, *, orig_sr: int, target_sr: int) -> Samples:
    """Resample mono audio with soxr at its quality "HQ".

    Linear phase, alias-free to 20 bits. The result is the same whether it is made at once, here,
    or block by block.

    Parameters
    ----------
    y : ndarray, shape (sample,)
        Mono audio, floating point.
    orig_sr, target_sr : int
        Rate of `y` and rate wanted, in Hz.

    Returns
    -------
    ndarray of float32, shape (resampled_length(len(y), orig_sr, target_sr),)
        The audio at `target_sr`. `y` itself when the rates agree and it is float32 already.

    Raises
    ------
    InputError
        If `y` is not one-dimensional or a rate is not credible.

    See Also
    --------
    resampled_length : the exact length of the result.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.sin(2 * np.pi * 440 * np.arange(4410) / 44_100)
    >>> resample(y, orig_sr=44_100, target_sr=24_000).shape
    (2400,)
    """
    y = np.ascontiguousarray(y, dtype=np.float32)
    if y.ndim != 1:
        raise InputError(f"resample takes mono audio of shape (sample,), got shape {y.shape}")
    orig = checked_rate(orig_sr, name="orig_sr")
    target = checked_rate(target_sr, name="target_sr")
    return np.concatenate([y[:0], *resample_blocks([y], orig_sr=orig, target_sr=target)])


def resample_blocks(
    blocks: Iterable[Samples], *, orig_sr: int, target_sr: int
) -> Iterator[Samples]:
    """Resample a stream of mono blocks; together they have the length of the whole.

    Parameters
    ----------
    blocks : iterable of ndarray of float32, shape (sample,)
        Consecutive pieces of one signal.
    orig_sr, target_sr : int
        Rate of `blocks` and rate wanted, in Hz.

    Yields
    ------
    ndarray of float32, shape (sample,)
        Consecutive pieces of the resampled signal, of other lengths than `blocks`, none empty.
    """
    if orig_sr == target_sr:
        yield from (block for block in blocks if block.size)
        return
    stream = soxr.ResampleStream(orig_sr, target_sr, 1, dtype="float32", quality="HQ")
    taken = made = 0
    for block in blocks:
        taken += block.size
        piece = stream.resample_chunk(block)
        made += piece.size
        if piece.size:
            yield piece
    tail = stream.resample_chunk(np.zeros(0, np.float32), last=True)
    missing = resampled_length(taken, orig_sr, target_sr) - made
    if missing > 0:
        yield np.pad(tail[:missing], (0, max(0, missing - tail.size)))
