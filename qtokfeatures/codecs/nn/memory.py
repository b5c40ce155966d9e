"""What the blocks of a causal network remember between one stretch of time and the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor, nn


class Memory(dict[nn.Module, Tensor]):
    """The past of one stream: a tensor for each block that looks back, keyed by the block.

    A block that finds nothing under its own key is at the start of the stream. Memory is of a
    fixed size: what a block keeps is bounded by its kernel or its window.
    """

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Memory:
        """Copy the past, not the blocks, which are the keys."""
        return Memory({block: past.clone() for block, past in self.items()})

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: in another process there are other blocks."""
        raise TypeError("the state of a stream belongs to its codec: it cannot be pickled")


def in_stretches(
    step: Callable[[Tensor], Tensor], x: Tensor, *, values_a_step: int, most_values: int
) -> Tensor:
    """Run a causal `step` over stretches of `x`, so that what it holds in between stays small.

    Parameters
    ----------
    step : callable
        Tensor to tensor, carrying its own past from call to call.
    x : Tensor, shape (batch, time, channel)
        Input.
    values_a_step : int
        Values that `step` makes, at its widest, for one time step of one row of the batch.
    most_values : int
        Values that it may make at once.

    Returns
    -------
    Tensor, shape (batch, time, channel)
        The outputs, one after another.
    """
    length = max(1, most_values // (values_a_step * max(1, x.shape[0])))
    if x.shape[1] <= length:
        return step(x)
    return torch.cat([step(stretch) for stretch in x.split(length, dim=1)], dim=1)
