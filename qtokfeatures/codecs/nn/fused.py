"""Passes over activations, each one kernel on a GPU that has Triton, plain torch elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from qtokfeatures.codecs.nn.activation import Activation, Elu, Snake
from qtokfeatures.codecs.nn.split import PARTS, split_values

_log = logging.getLogger(__name__)
_TOLERANCE = 1e-5


def fill(
    x: Tensor,
    out: Tensor,
    activation: Activation | None = None,
    *,
    bias: Tensor | None = None,
    split: bool = False,
) -> None:
    """Write ``activation(x + bias)`` into `out`.

    Parameters
    ----------
    x : Tensor, shape (batch, time, channel)
        Input.
    out : Tensor, shape (batch, time, channel), or three times the channels
        In the precision wanted.
    activation : Activation, optional
        None writes `x` itself.
    bias : Tensor, shape (channel,), optional
        Added first.
    split : bool, default=False
        Write the parts of each value, see :func:`~qtokfeatures.codecs.nn.split.split_values`.
    """
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
    """Return the module of kernels, or None where it does not work or is not exact."""
    try:
        from qtokfeatures.codecs.nn import triton_kernels as kernels

        with torch.inference_mode():
            _check(kernels, torch.device("cuda"))
    except Exception as error:  # noqa: BLE001 — whatever it is, there is the plain way
        _log.warning("no Triton kernels (%s: %s): slower activations", type(error).__name__, error)
        return None
    return kernels


def _check(kernels: Any, device: torch.device) -> None:
    """Raise where a kernel does not do what plain torch does."""
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
