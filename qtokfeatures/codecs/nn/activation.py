"""Activations that write into the input of the next convolution."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LOG2_E = 1 / math.log(2)


class Activation(nn.Module, ABC):
    """Elementwise function with f(0) = 0, of x or ``x + (root * sin(frequency * x))²``."""

    frequency: Tensor | None
    root: Tensor | None

    def __init__(self, frequency: Tensor | None = None, root: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("frequency", frequency)
        self.register_buffer("root", root)

    @abstractmethod
    def forward(self, x: Tensor, out: Tensor) -> None:
        """Write the activation of `x` into `out`, of its shape and possibly lower precision."""


class Elu(Activation):
    """x where positive, e^x − 1 elsewhere."""

    def forward(self, x: Tensor, out: Tensor) -> None:
        if out.dtype != x.dtype:
            out.copy_(F.elu(x))
        elif x.is_cuda:
            torch.ops.aten.elu.out(x, out=out)
        else:  # e^x − 1 ≥ x; computed as a power of 2, it takes two thirds of the time
            torch.clamp_max(x, 0, out=out)
            out.mul_(_LOG2_E).exp2_().sub_(1)
            torch.maximum(out, x, out=out)


class Snake(Activation):
    """SnakeBeta: x + sin²(a·x) / b, with a = e^alpha and b = e^beta + 1e-9 for each channel.

    After Ziyin et al., 2020 (arXiv:2006.08195) and BigVGAN (Lee et al., 2023, arXiv:2206.04658).
    """

    # `scaled`: input and output are multiplied by a. The convolution before it holds the factor,
    # the one after it the division.
    root: Tensor

    def __init__(self, alpha: Tensor, beta: Tensor, *, scaled: bool = False) -> None:
        inverse, factor = 1 / (beta.exp() + 1e-9), alpha.exp()
        root = (factor * inverse if scaled else inverse).sqrt()
        super().__init__(None if scaled else factor, root)

    def forward(self, x: Tensor, out: Tensor) -> None:
        x = (
            x.float() if x.dtype == torch.bfloat16 else x
        )  # sines of bfloat16 would be rounded twice
        wave = x.sin() if self.frequency is None else (x * self.frequency).sin_()
        wave.mul_(self.root)
        if out.dtype == x.dtype:
            torch.addcmul(x, wave, wave, out=out)
        else:
            out.copy_(torch.addcmul(x, wave, wave, out=wave))
