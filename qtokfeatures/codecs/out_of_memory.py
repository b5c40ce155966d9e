"""TODO."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch

from qtokfeatures.exceptions import CodecError

if TYPE_CHECKING:
    pass

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def in_memory(run: Callable[[Sequence[_In]], Sequence[_Out]], batch: Sequence[_In]) -> list[_Out]:
    """Run a batch; where memory does not suffice, run its halves.

    Parameters
    ----------
    run : callable
        Takes a batch of clips and returns one result for each.
    batch : sequence
        The clips.

    Returns
    -------
    list
        One result a clip, in order.

    Raises
    ------
    CodecError
        Memory does not suffice for one clip alone.
    """
    if len(batch) == 1:
        with named_memory_errors():
            return list(run(batch))
    try:
        return list(run(batch))
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
    # Outside the handler: the error's traceback would hold on to the memory.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = len(batch) // 2
    return in_memory(run, batch[:middle]) + in_memory(run, batch[middle:])


@contextmanager
def named_memory_errors() -> Iterator[None]:
    """Turn any way of running out of memory into one clear error."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        raise CodecError(
            f"one clip alone does not fit into memory ({str(error).partition(chr(10))[0]}): free "
            'some, or take device="cpu"'
        ) from error


def _is_of_memory(error: Exception) -> bool:
    """Tell whether memory ran out: on the CPU, torch says so in a plain RuntimeError."""
    return isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or (
        "DefaultCPUAllocator" in str(error)
    )
