"""Time of encoding and decoding, as a fraction of the audio's duration."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from qtokfeatures.benches.clips import BenchClip
from qtokfeatures.benches.codec.result import Speed
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError

Result = TypeVar("Result")


class Coder(NamedTuple):
    """The two halves of a codec: samples to codes or bytes, and back to samples."""

    encode: Callable[[FloatArray], Any]
    decode: Callable[[Any], Any]


def measure_speed(
    coders: Mapping[str, Coder], y: FloatArray, sr: int, *, repeats: int = 5
) -> tuple[Speed, ...]:
    """Median times of several codecs on the same audio, in turns, so that load affects all alike.

    One more turn before the first is not timed.
    """
    if repeats < 1:
        raise InputError(f"repeats must be 1 or more, got {repeats}")
    duration_s = len(y) / sr
    turns = [[_time(coder, y) for coder in coders.values()] for _ in range(repeats + 1)][1:]
    return tuple(
        Speed(
            name,
            encode=statistics.median(turn[index][0] for turn in turns) / duration_s,
            decode=statistics.median(turn[index][1] for turn in turns) / duration_s,
        )
        for index, name in enumerate(coders)
    )


def on_threads(coder: Coder, n_threads: int) -> Coder:
    """A codec that runs on so many threads of torch."""
    return Coder(with_threads(coder.encode, n_threads), with_threads(coder.decode, n_threads))


def with_threads(job: Callable[..., Result], n_threads: int) -> Callable[..., Result]:
    """A function that runs on so many threads of torch and restores the number after."""
    from qtokfeatures.codecs.threads import use_threads

    def run(*args: Any, **kwargs: Any) -> Result:
        with use_threads(n_threads):
            return job(*args, **kwargs)

    return run


def timing_signal(clips: Sequence[BenchClip], *, duration_s: float = 10.0) -> FloatArray:
    """Clips joined and repeated to a duration, shape (sample,)."""
    return np.resize(np.concatenate([clip.y for clip in clips]), round(duration_s * clips[0].sr))


def _time(coder: Coder, y: FloatArray) -> tuple[float, float]:
    start = time.perf_counter()
    payload = coder.encode(y)
    between = time.perf_counter()
    coder.decode(payload)
    return between - start, time.perf_counter() - between
