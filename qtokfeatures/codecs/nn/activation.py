"""Activations that write where the next convolution reads."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Activation(Protocol):
    """A function of single values, 0 for 0, written into a given tensor."""

    def __call__(self, x: Tensor, out: Tensor) -> None:
        """Write the activation of `x` into `out`, of its shape and possibly lower precision."""


def elu_into(x: Tensor, out: Tensor) -> None:
    """Write x where it is positive, e^x − 1 elsewhere."""
    out.copy_(x)
    F.elu(out, inplace=True)


class Snake(nn.Module):
    """SnakeBeta: x + sin²(a·x) / b, with a = e^alpha and b = e^beta + 1e-9 for each channel.

    After Ziyin et al., 2020 (arXiv:2006.08195) and BigVGAN (Lee et al., 2023, arXiv:2206.04658).

    Parameters
    ----------
    alpha, beta : Tensor, shape (channel,)
        Logarithms of the frequency and of the inverse size.
    scaled : bool, default=False
        The input comes multiplied by a, and the output stays so: the convolution before takes
        over the factor, the one after it the division.
    """

    factor: Tensor
    root: Tensor

    def __init__(self, alpha: Tensor, beta: Tensor, *, scaled: bool = False) -> None:
        super().__init__()
        self.scaled = scaled
        inverse = 1 / (beta.exp() + 1e-9)
        self.register_buffer("factor", alpha.exp())
        self.register_buffer("root", (self.factor * inverse if scaled else inverse).sqrt())

    def forward(self, x: Tensor, out: Tensor) -> None:
        """Write the activation of `x`, shape (batch, time, channel), into `out`."""
        wave = x.sin() if self.scaled else (x * self.factor).sin_()
        wave.mul_(self.root)
        if out.dtype == x.dtype:
            torch.addcmul(x, wave, wave, out=out)
        else:
            out.copy_(torch.addcmul(x, wave, wave, out=wave))
