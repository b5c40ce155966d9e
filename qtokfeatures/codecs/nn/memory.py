"""Streaming state of a causal network, and runs over segments of its input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor, nn


class Memory(dict[nn.Module, Tensor]):
    """The past of one stream: a tensor per block; a block without one is at the start."""

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Memory:
        """Copy the tensors, not the blocks, which are the keys."""
        return Memory({block: past.clone() for block, past in self.items()})

    def __reduce__(self) -> NoReturn:
        """Raise: the blocks that are the keys exist in this process only."""
        raise TypeError("the state of a stream belongs to its codec: it cannot be pickled")


def in_segments(
    step: Callable[[Tensor], Tensor], x: Tensor, *, values_a_step: int, most_values: int
) -> Tensor:
    """Run a causal `step` over segments of `x`, which bounds its intermediate values."""
    length = max(1, most_values // (values_a_step * max(1, x.shape[0])))
    if x.shape[1] <= length:
        return step(x)
    return torch.cat([step(segment) for segment in x.split(length, dim=1)], dim=1)
