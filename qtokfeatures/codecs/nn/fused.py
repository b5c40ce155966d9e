"""Fused passes over activations: Triton kernels on a GPU that has them, otherwise torch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from qtokfeatures.codecs.nn.activation import Activation, Elu, Snake

_log = logging.getLogger(__name__)
_TOLERANCE = 1e-5

# Float32 products on tensor cores, which keep 11 of 24 bits (TF32). With x = high + low and
# w = high' + low', high·high' + low·high' + high·low' lacks only low·low', 2⁻²² of the whole (after
# CUTLASS, "3xTF32"). Side by side in the channels they are one convolution of triple depth.
PARTS = 3
_HALF, _MASK = 0x1000, -0x2000


def fill(
    x: Tensor,
    out: Tensor,
    activation: Activation | None = None,
    *,
    bias: Tensor | None = None,
    split: bool = False,
) -> None:
    """Write ``activation(x + bias)``, (batch, time, channel), or its parts into `out`."""
    kernels = triton_kernels() if x.is_cuda and x.dtype != torch.float64 else None
    if kernels is None:
        _fill(x, out, activation, bias, split)
    else:
        kernels.fill(x, out, activation, bias, split)


def add(x: Tensor, y: Tensor, bias: Tensor | None = None) -> Tensor:
    """Add `y`, possibly of lower precision, and `bias`, shape (channel,), to `x` in place."""
    kernels = triton_kernels() if x.is_cuda and x.dtype != torch.float64 else None
    if kernels is not None:
        kernels.add(x, y, bias)
        return x
    x.add_(y)
    return x if bias is None else x.add_(bias)


@lru_cache(maxsize=1)
def triton_kernels() -> Any:
    """Return the module of kernels, or None if it does not work or is not exact."""
    try:
        from qtokfeatures.codecs.nn import triton_kernels as kernels

        with torch.inference_mode():
            _check(kernels, torch.device("cuda"))
    except Exception as error:  # noqa: BLE001 — torch replaces it
        _log.warning("no Triton kernels (%s: %s): slower activations", type(error).__name__, error)
        return None
    return kernels


def _check(kernels: Any, device: torch.device) -> None:
    """Raise if a kernel differs from plain torch."""
    generator = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device)

    x, bias = 4 * noise(2, 70, 24), noise(24)
    snakes = [Snake(noise(24), noise(24), scaled=scaled) for scaled in (False, True)]
    for activation in (None, Elu(), *snakes):
        for split in (False, True):
            found, expected = (x.new_zeros(2, 80, 24 * (PARTS if split else 1)) for _ in range(2))
            kernels.fill(x, found[:, 5:75], activation, bias, split)
            _fill(x, expected[:, 5:75], activation, bias, split)
            if split:
                found, expected = (
                    torch.stack([t[..., :24] + t[..., 24:48], t[..., 48:] + t[..., 24:48]])
                    for t in (found, expected)
                )
            _compare(found, expected)
    low, plain = x.new_zeros(x.shape, dtype=torch.bfloat16), x.new_zeros(x.shape)
    kernels.fill(x, low, snakes[0], None, False)
    _fill(x, plain, snakes[0], None, False)
    _compare(low.float(), plain, tolerance=1e-2)
    for y in (noise(2, 70, 24), noise(2, 70, 24).bfloat16()):
        found, expected = x.clone(), x.clone() + y + bias
        kernels.add(found, y, bias)
        _compare(found, expected)


def _compare(found: Tensor, expected: Tensor, *, tolerance: float = _TOLERANCE) -> None:
    error = float((found - expected).abs().max() / expected.abs().max())
    if not error <= tolerance:
        raise ArithmeticError(f"a kernel is off by {error:.1e}")


def _fill(
    x: Tensor, out: Tensor, activation: Activation | None, bias: Tensor | None, split: bool
) -> None:
    if bias is not None:
        x = x + bias
    write: Callable[[Tensor, Tensor], Any] = activation or _copy
    if not split:
        write(x, out)
        return
    values = torch.empty_like(x)
    write(x, values)
    split_values(values, out)


def _copy(x: Tensor, out: Tensor) -> None:
    out.copy_(x)


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
    """Parts ``[high, high, low]`` of `weight` along its second dimension."""
    high = rounded(weight).view(weight.shape)
    return torch.cat([high, high, weight - high], dim=1)
