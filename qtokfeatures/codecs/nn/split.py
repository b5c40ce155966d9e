"""Float32 products on tensor cores: numbers as sums of two that TF32 holds exactly.

TF32 keeps 11 bits of 24. With ``x = high + low`` and ``w = high' + low'``, the products
``high·high' + low·high' + high·low'`` lack only ``low·low'``, which is 2⁻²² of the whole (after
CUTLASS, "3xTF32"). Side by side in the channels they are one convolution of three times the depth.
"""

from __future__ import annotations

import torch
from torch import Tensor

PARTS = 3
_HALF, _MASK = 0x1000, -0x2000


def rounded(x: Tensor) -> Tensor:
    """Round float32 values to the 11 bits that TF32 keeps."""
    return x.contiguous().view(torch.int32).add(_HALF).bitwise_and(_MASK).view(torch.float32)


def split_values(x: Tensor, out: Tensor) -> None:
    """Write ``[high, low, high]`` of `x`, shape (..., channel), into `out`, (..., 3 * channel)."""
    high, low, again = out.chunk(PARTS, dim=-1)
    high.copy_(rounded(x))
    torch.sub(x, high, out=low)
    again.copy_(high)


def split_weights(weight: Tensor) -> Tensor:
    """Return ``[high, high, low]`` of `weight` along its second dimension."""
    high = rounded(weight).view(weight.shape)
    return torch.cat([high, high, weight - high], dim=1)
