"""Linear maps whose sums do not depend on the number of rows."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

LEAST_ROWS = 16  # products of fewer rows run other code, whose sums differ in the last bits


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply :func:`torch.nn.functional.linear`; few rows are zero-padded."""
    count = x.shape[:-1].numel()
    if count >= LEAST_ROWS:
        return F.linear(x, weight, bias)
    rows = F.pad(x.reshape(count, -1), (0, 0, 0, LEAST_ROWS - count))
    return F.linear(rows, weight, bias)[:count].view(*x.shape[:-1], -1)


class Linear(nn.Module):
    """:func:`linear` with given weights."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)
