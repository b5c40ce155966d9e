"""Sampling rates: the credible range, and conversion between rates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import soxr

from qtokfeatures.audio.clip import AudioClip, Samples
from qtokfeatures.exceptions import AudioError, InputError

MIN_RATE, MAX_RATE = 100, 768_000  # Hz; a rate outside is a mistake or a damaged header


def checked_rate(rate: Any, *, source: str | None = None, name: str = "sr") -> int:
    """Return a rate as ``int``; raise AudioError naming `source`, or InputError without one."""
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


def at_rate(clip: AudioClip, rate: int) -> AudioClip:
    """Return a clip at another rate, with the facts about its original."""
    if clip.sr == rate:
        return clip
    return replace(clip, y=resample(clip.y, orig_sr=clip.sr, target_sr=rate), sr=rate)


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

    Linear phase, alias-free to 20 bits. Resampling whole or block by block gives the same result.

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
    """Resample a stream of mono blocks; together they have the length of the whole."""
    resampler = BlockResampler(orig_sr, target_sr)
    for block in blocks:
        piece = resampler.push(block)
        if piece.size:
            yield piece
    tail = resampler.flush()
    if tail.size:
        yield tail


class BlockResampler:
    """Resampler of mono blocks (sample,), which together have the length of the whole."""

    def __init__(self, orig_sr: int, target_sr: int) -> None:
        self._rates, self._n_in, self._n_out = (orig_sr, target_sr), 0, 0
        self._stream = None
        if orig_sr != target_sr:
            self._stream = soxr.ResampleStream(orig_sr, target_sr, 1, dtype="float32", quality="HQ")

    def push(self, block: Samples) -> Samples:
        """Return the samples that are known after `block`, possibly none."""
        if self._stream is None:
            return block
        piece: Samples = self._stream.resample_chunk(block)
        self._n_in, self._n_out = self._n_in + block.size, self._n_out + piece.size
        return piece

    def flush(self) -> Samples:
        """Return the samples that are left at the end."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        tail: Samples = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        missing = max(0, resampled_length(self._n_in, *self._rates) - self._n_out)
        return np.pad(tail[:missing], (0, max(0, missing - tail.size)))
