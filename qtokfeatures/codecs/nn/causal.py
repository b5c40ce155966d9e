"""A causal ConvNeXt block on ``(batch, time, channel)``, with its streaming state."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalBlock(nn.Module):
    """Depthwise causal convolution, layer norm, two-layer MLP, scaled residual.

    After the ConvNeXt block (Liu et al., 2022, arXiv:2201.03545), made causal.

    Parameters
    ----------
    channels : int
        Width of input and output.
    expansion : int, default=2
        Width of the hidden layer, in units of `channels`.
    kernel_size : int, default=7
        Time steps the convolution sees, the present one included.
    """

    def __init__(self, channels: int, *, expansion: int = 2, kernel_size: int = 7) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(channels, kernel_size) / kernel_size**0.5)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, expansion * channels)
        self.narrow = nn.Linear(expansion * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.1))

    @property
    def context(self) -> int:
        """Past time steps that the state holds."""
        return self.kernel.shape[1] - 1

    def forward(self, x: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over `x` after `past`.

        Parameters
        ----------
        x : Tensor, shape (batch, time, channel)
            Input.
        past : Tensor, shape (batch, context, channel), optional
            The state an earlier call returned; None stands for zeros.

        Returns
        -------
        y : Tensor, shape (batch, time, channel)
            Output.
        past : Tensor, shape (batch, context, channel)
            State for the call that continues this one.
        """
        if past is None:
            past = x.new_zeros(x.shape[0], self.context, x.shape[2])
        seen = torch.cat([past, x], dim=1)
        y = self.norm(self._convolve(seen))
        y = self.narrow(F.gelu(self.widen(y)))
        return x + self.scale * y, seen[:, seen.shape[1] - self.context :]

    def _convolve(self, seen: Tensor) -> Tensor:
        if seen.dtype == torch.float64:  # for which conv2d has slow code only
            steps, taps = seen.shape[1] - self.context, self.kernel.T.contiguous()
            total = taps[0] * seen[:, :steps]
            for i in range(1, len(taps)):
                total.addcmul_(taps[i], seen[:, i : i + steps])
            return total
        if seen.is_cuda:
            with torch.autocast("cuda", enabled=False):
                rows = seen.transpose(1, 2).contiguous()
                return F.conv1d(rows, self.kernel[:, None], groups=rows.shape[1]).transpose(1, 2)
        # (batch, time, channel) seen as a channels-last image needs no copy, and is the
        # layout in which a depthwise convolution is fast on a CPU.
        # In bfloat16 it would be slow: autocast must leave it alone.
        image = seen.transpose(1, 2).unsqueeze(2)
        with torch.autocast(seen.device.type, enabled=False):
            convolved = F.conv2d(image, self.kernel[:, None, None, :], groups=seen.shape[2])
        return convolved.squeeze(2).transpose(1, 2)


class CausalStack(nn.Module):
    """Several :class:`CausalBlock` in a row; the state is a list with one entry a block."""

    def __init__(self, channels: int, depth: int, *, expansion: int = 2) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            CausalBlock(channels, expansion=expansion) for _ in range(depth)
        )

    def forward(self, x: Tensor, state: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """Run over `x`, shape (batch, time, channel), after `state`."""
        after: list[Tensor] = []
        if torch.is_autocast_enabled(x.device.type):
            x = x.float()  # the residual stream keeps its precision
        for i, block in enumerate(self.blocks):
            x, past = block(x, None if state is None else state[i])
            after.append(past)
        return x, after
