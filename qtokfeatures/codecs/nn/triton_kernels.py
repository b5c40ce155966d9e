"""Passes of :mod:`~qtokfeatures.codecs.nn.fused` as Triton kernels."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from qtokfeatures.codecs.nn.activation import Activation

_BLOCK = 1024


@triton.jit
def _fill_kernel(
    x,
    out,
    frequency,
    root,
    bias,
    count,
    width,
    x_row,
    out_row,
    has_bias: tl.constexpr,
    kind: tl.constexpr,
    has_frequency: tl.constexpr,
    split: tl.constexpr,
    block: tl.constexpr,
):
    row = tl.program_id(1).to(tl.int64)
    place = tl.program_id(0) * block + tl.arange(0, block)
    inside = place < count
    channel = place % width
    value = tl.load(x + row * x_row + place, mask=inside, other=0.0).to(tl.float32)
    if has_bias:
        value += tl.load(bias + channel, mask=inside, other=0.0)
    if kind == 1:
        value = tl.where(value > 0, value, tl.exp(tl.minimum(value, 0.0)) - 1)
    if kind == 2:
        angle = value
        if has_frequency:
            angle = value * tl.load(frequency + channel, mask=inside, other=0.0)
        wave = tl.sin(angle) * tl.load(root + channel, mask=inside, other=0.0)
        value += wave * wave
    if split:
        bits = value.to(tl.int32, bitcast=True)
        high = ((bits + 0x1000) & -0x2000).to(tl.float32, bitcast=True)
        there = out + row * out_row + (place // width) * (3 * width) + channel
        tl.store(there, high, mask=inside)
        tl.store(there + width, value - high, mask=inside)
        tl.store(there + 2 * width, high, mask=inside)
    else:
        tl.store(out + row * out_row + place, value.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _add_kernel(
    x, y, bias, count, width, x_row, y_row, has_bias: tl.constexpr, block: tl.constexpr
):
    row = tl.program_id(1).to(tl.int64)
    place = tl.program_id(0) * block + tl.arange(0, block)
    inside = place < count
    value = tl.load(x + row * x_row + place, mask=inside, other=0.0)
    value += tl.load(y + row * y_row + place, mask=inside, other=0.0).to(tl.float32)
    if has_bias:
        value += tl.load(bias + place % width, mask=inside, other=0.0)
    tl.store(x + row * x_row + place, value, mask=inside)


def fill(
    x: Tensor, out: Tensor, activation: Activation | None, bias: Tensor | None, split: bool
) -> None:
    """Triton version of :func:`qtokfeatures.codecs.nn.fused.fill`."""
    x = _rows(x)
    batch, steps, width = x.shape
    frequency = None if activation is None else activation.frequency
    root = None if activation is None else activation.root
    kind = 0 if activation is None else 1 if root is None else 2
    count = steps * width
    grid = (triton.cdiv(count, _BLOCK), batch)
    with torch.cuda.device_of(x):
        _fill_kernel[grid](
            x, out, _some(frequency, x), _some(root, x), _some(bias, x),
            count, width, x.stride(0), out.stride(0),
            has_bias=bias is not None, kind=kind, has_frequency=frequency is not None,
            split=split, block=_BLOCK,
        )  # fmt: skip


def add(x: Tensor, y: Tensor, bias: Tensor | None) -> None:
    """Triton version of :func:`qtokfeatures.codecs.nn.fused.add`; `x` has whole rows."""
    y = _rows(y)
    batch, steps, width = x.shape
    if x.stride(1) != width or x.stride(2) != 1:
        raise ValueError(f"x of strides {x.stride()} is not made of whole rows")
    grid = (triton.cdiv(steps * width, _BLOCK), batch)
    with torch.cuda.device_of(x):
        _add_kernel[grid](
            x, y, _some(bias, x), steps * width, width, x.stride(0), y.stride(0),
            has_bias=bias is not None, block=_BLOCK,
        )  # fmt: skip


def _rows(x: Tensor) -> Tensor:
    """Return `x` with contiguous rows."""
    whole = x.stride(2) == 1 and (x.shape[1] == 1 or x.stride(1) == x.shape[2])
    return x if whole else x.contiguous()


def _some(x: Tensor | None, other: Tensor) -> Tensor:
    return other if x is None else x
