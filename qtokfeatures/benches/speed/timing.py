"""How long encoding and decoding take, as a fraction of the audio's duration."""

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
    """The two halves of a codec.

    Parameters
    ----------
    encode : callable
        Samples to codes or bytes.
    decode : callable
        What `encode` returned to samples.
    """

    encode: Callable[[FloatArray], Any]
    decode: Callable[[Any], Any]


def measure_speed(
    coders: Mapping[str, Coder], y: FloatArray, sr: int, *, repeats: int = 5
) -> tuple[Speed, ...]:
    """Time several codecs on the same audio, in turns, so that other load meets all of them.

    Parameters
    ----------
    coders : mapping of str to Coder
        Name to codec.
    y : ndarray of float32, shape (sample,)
        The audio.
    sr : int
        Its rate, in Hz.
    repeats : int, default 5
        Timed turns; the median counts. One more before them is not timed.

    Returns
    -------
    tuple of Speed
        In the order of `coders`.

    Raises
    ------
    InputError
        If `repeats` is less than 1.
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
    """Let a codec compute on so many threads of torch, and then on as many as before.

    Parameters
    ----------
    coder : Coder
        The codec.
    n_threads : int
        Threads of torch; more than there are cores make nothing faster.

    Returns
    -------
    Coder
    """
    return Coder(with_threads(coder.encode, n_threads), with_threads(coder.decode, n_threads))


def with_threads(job: Callable[..., Result], n_threads: int) -> Callable[..., Result]:
    """Return a function that does the same on so many threads of torch.

    Parameters
    ----------
    job : callable
        Anything.
    n_threads : int
        Threads of torch while it runs; afterwards there are as many as before.

    Returns
    -------
    callable

    Examples
    --------
    >>> import torch
    >>> with_threads(torch.get_num_threads, 1)()
    1
    """
    import torch

    def run(*args: Any, **kwargs: Any) -> Result:
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            return job(*args, **kwargs)
        finally:
            torch.set_num_threads(before)

    return run


def timing_signal(clips: Sequence[BenchClip], *, duration_s: float = 10.0) -> FloatArray:
    """Join clips, over and over if need be, to audio of a given length.

    Parameters
    ----------
    clips : sequence of BenchClip
        At least one, all of one rate.
    duration_s : float, default 10.0
        Length, in seconds.

    Returns
    -------
    ndarray of float32, shape (sample,)
    """
    return np.resize(np.concatenate([clip.y for clip in clips]), round(duration_s * clips[0].sr))


def _time(coder: Coder, y: FloatArray) -> tuple[float, float]:
    start = time.perf_counter()
    payload = coder.encode(y)
    between = time.perf_counter()
    coder.decode(payload)
    return between - start, time.perf_counter() - between
