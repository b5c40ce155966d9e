"""Audio given as samples: arrays, pairs of array and rate, clips, pydub segments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from qtokfeatures.audio.clip import AudioClip
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.audio.streams import Limits, MonoStream, check_agreement
from qtokfeatures.audio.waveforms import is_array, mono_samples
from qtokfeatures.exceptions import AudioError

__all__ = ["open_array", "open_clip", "open_pair", "open_segment"]


@contextmanager
def open_clip(clip: AudioClip, sr: Any, source: str | None, limits: Limits) -> Iterator[MonoStream]:
    """Open a clip that was loaded before."""
    check_agreement(clip.sr, sr, source=clip.source)
    yield MonoStream(source or clip.source, clip.sr, [clip.y], len(clip.y))


@contextmanager
def open_array(y: Any, sr: Any, source: str | None, limits: Limits) -> Iterator[MonoStream]:
    """Open an array ``(..., sample)``, whose rate must be given."""
    source = source or "<array>"
    if sr is None:
        raise AudioError(
            f"{source}: an array does not say its sampling rate; pass sr=, or (y, sr)",
            source=source,
        )
    rate = checked_rate(sr, source=source)
    samples = mono_samples(y, source=source, sr=rate)
    yield MonoStream(source, rate, [samples], len(samples))


def open_pair(
    pair: tuple[Any, ...], sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[MonoStream]:
    """Open ``(y, sr)``, or ``(sr, y)`` with y ``(sample, channel)`` as SciPy and Gradio have it."""
    name = source or "<array>"
    y, rate = _array_and_rate(pair, source=name)
    own = checked_rate(rate, source=name)
    check_agreement(own, sr, source=name)
    return open_array(y, own, source, limits)


def _array_and_rate(pair: tuple[Any, ...], *, source: str) -> tuple[Any, Any]:
    arrays = [is_array(value) and np.ndim(value) > 0 for value in pair]
    if arrays == [True, False]:
        return pair[0], pair[1]
    if arrays == [False, True]:
        return (pair[1].T if np.ndim(pair[1]) == 2 else pair[1]), pair[0]
    kinds = ", ".join(type(value).__name__ for value in pair)
    raise AudioError(
        f"{source}: a tuple of audio is (y, sr), an array and its rate; got ({kinds})",
        source=source,
    )


def open_segment(
    segment: Any, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[MonoStream]:
    """Open a pydub ``AudioSegment``: interleaved signed integers of 1 to 4 bytes."""
    source = source or "<AudioSegment>"
    width, channels = int(segment.sample_width), int(segment.channels)
    raw = np.frombuffer(segment.raw_data, dtype=np.uint8)
    if width not in (1, 2, 3, 4) or channels < 1 or raw.size % (width * channels):
        raise AudioError(
            f"{source}: {raw.size} bytes are not whole frames of {channels} channels of "
            f"{width} bytes",
            source=source,
        )
    wide = np.zeros((raw.size // width, 4), dtype=np.uint8)
    wide[:, 4 - width :] = raw.reshape(-1, width)  # left-justified: one full scale for all widths
    y = wide.view("<i4").reshape(-1, channels).T
    rate = checked_rate(segment.frame_rate, source=source)
    check_agreement(rate, sr, source=source)
    return open_array(y, rate, source, limits)
