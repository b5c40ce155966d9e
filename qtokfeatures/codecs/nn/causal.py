"""Causal ConvNeXt blocks on ``(batch, time, channel)``, with their streaming state."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalBlock(nn.Module):
    """Depthwise causal convolution, layer norm, MLP, scaled residual (after arXiv:2201.03545)."""

    def __init__(self, channels: int, *, expansion: int = 2, kernel_size: int = 7) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(channels, kernel_size) / kernel_size**0.5)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, expansion * channels)
        self.narrow = nn.Linear(expansion * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.1))

    @property
    def context(self) -> int:
        """Past steps that the state holds."""
        return self.kernel.shape[1] - 1

    def forward(self, x: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over `x` (batch, time, channel) after `past` (batch, context, channel), or zeros."""
        if past is None:
            past = x.new_zeros(x.shape[0], self.context, x.shape[2])
        seen = torch.cat([past, x], dim=1)
        y = self.norm(self._convolve(seen))
        y = self.narrow(F.gelu(self.widen(y)))
        return x + self.scale * y, seen[:, seen.shape[1] - self.context :]

    def _convolve(self, seen: Tensor) -> Tensor:
        if seen.dtype == torch.float64:  # conv2d is slow
            steps, taps = seen.shape[1] - self.context, self.kernel.T.contiguous()
            total = taps[0] * seen[:, :steps]
            for i in range(1, len(taps)):
                total.addcmul_(taps[i], seen[:, i : i + steps])
            return total
        if seen.is_cuda:
            with torch.autocast("cuda", enabled=False):
                rows = seen.transpose(1, 2).contiguous()
                return F.conv1d(rows, self.kernel[:, None], groups=rows.shape[1]).transpose(1, 2)
        # (batch, time, channel) as a channels-last image needs no copy, and is the layout in which
        # a CPU is fast at depthwise convolutions, except in bfloat16: no autocast.
        image = seen.transpose(1, 2).unsqueeze(2)
        with torch.autocast(seen.device.type, enabled=False):
            convolved = F.conv2d(image, self.kernel[:, None, None, :], groups=seen.shape[2])
        return convolved.squeeze(2).transpose(1, 2)


class CausalStack(nn.Module):
    """Stack of :class:`CausalBlock`; the state is a list with one entry per block."""

    def __init__(self, channels: int, depth: int, *, expansion: int = 2) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            CausalBlock(channels, expansion=expansion) for _ in range(depth)
        )

    def forward(self, x: Tensor, state: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """Run over `x` (batch, time, channel) after `state`; return output and new state."""
        after: list[Tensor] = []
        if torch.is_autocast_enabled(x.device.type):
            x = x.float()  # full precision of the residual stream
        for i, block in enumerate(self.blocks):
            x, past = block(x, None if state is None else state[i])
            after.append(past)
        return x, after
