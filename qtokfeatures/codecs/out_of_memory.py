"""Batches that halve, and one clear error, where memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from qtokfeatures.exceptions import CodecError

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def run_halving(run: Callable[[Sequence[_In]], Sequence[_Out]], batch: Sequence[_In]) -> list[_Out]:
    """Run a batch of clips; where memory runs out, run its halves. One result per clip."""
    if len(batch) == 1:
        with memory_errors_as_codec_errors():
            return list(run(batch))
    try:
        return list(run(batch))
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
    # Outside the handler, because the error's traceback keeps tensors alive.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = len(batch) // 2
    return run_halving(run, batch[:middle]) + run_halving(run, batch[middle:])


@contextmanager
def memory_errors_as_codec_errors() -> Iterator[None]:
    """Raise a CodecError for every kind of out-of-memory error."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise CodecError(
            f"one clip alone does not fit into memory ({str(error).partition(chr(10))[0]}): free "
            'memory, or use device="cpu"'
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    # On the CPU, torch raises a plain RuntimeError.
    return isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or (
        "DefaultCPUAllocator" in str(error)
    )
