"""Causal convolutions on ``(batch, time, channel)``: plain, strided and transposed.

All are one thing, a convolution of a few taps with stride 1. A stride folds time into channels
before it, a transposed convolution unfolds channels into time after it; in this memory layout
both are free. Seen as a channels-last image, it is also what a CPU convolves fastest.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qtokfeatures.codecs.nn.activation import Activation
from qtokfeatures.codecs.nn.memory import Memory

LEAST_STEPS = 16
"""Fewer are filled up with zeros, so that a short chunk gives the very sums of a long one."""
_ONEDNN = (torch.float32, torch.bfloat16) if torch.backends.mkldnn.is_available() else ()


class CausalConv(nn.Module):
    """Convolution that sees the present step and the ones before it.

    Parameters
    ----------
    weight : Tensor, shape (out, in / groups, kernel)
        As torch stores it. With a stride, the kernel is a multiple of it.
    bias : Tensor, shape (out,), optional
        None adds nothing.
    stride, dilation, groups : int, default=1
        As for :class:`torch.nn.Conv1d`; a stride comes with neither of the others.
    repeat_first : bool, default=False
        Before the start there is the first value again, instead of zeros.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        repeat_first: bool = False,
    ) -> None:
        super().__init__()
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.repeat_first = repeat_first
        taps = weight.shape[2] // stride
        folded = weight.unflatten(2, (taps, stride)).permute(0, 3, 1, 2).flatten(1, 2)
        self.register_buffer("weight", _as_image(folded))
        self.register_buffer("bias", bias)

    @property
    def context(self) -> int:
        """Past steps, each of `stride` samples, that are remembered."""
        return (self.weight.shape[3] - 1) * self.dilation

    def forward(self, x: Tensor, memory: Memory, activation: Activation | None = None) -> Tensor:
        """Convolve.

        Parameters
        ----------
        x : Tensor, shape (batch, time, in)
            Whole strides.
        memory : Memory
            The stream's past; moves on.
        activation : Activation, optional
            Applied to `x` first.

        Returns
        -------
        Tensor, shape (batch, time / stride, out)
            In the precision of the weights.
        """
        x = x.reshape(x.shape[0], x.shape[1] // self.stride, -1)
        seen = self._with_past(x, memory, activation)
        if self._is_two_matrices:
            return self._multiply(seen)[:, : x.shape[1]]
        image = seen.transpose(1, 2).unsqueeze(2)
        return self._convolve(image)[..., : x.shape[1]].squeeze(2).transpose(1, 2)

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Convolve in `dtype` from now on."""
        self.weight = self.weight.to(dtype)
        self.bias = None if self.bias is None else self.bias.to(dtype)

    @property
    def _is_two_matrices(self) -> bool:
        """Whether to multiply matrices, which a convolution would rearrange at each call."""
        taps, dtype = self.weight.shape[3], self.weight.dtype
        return taps == 2 and self.dilation == 1 and self.groups == 1 and dtype == torch.float32

    def _multiply(self, seen: Tensor) -> Tensor:
        before, present = self.weight[:, :, 0].unbind(dim=2)
        y = F.linear(seen[:, 1:], present, self.bias)
        return y.add_(F.linear(seen[:, :-1], before))

    def _convolve(self, image: Tensor) -> Tensor:
        if image.device.type == "cpu" and image.dtype in _ONEDNN:
            # conv2d leaves small images to other code, whose sums differ in the last bits.
            return torch.mkldnn_convolution(
                image, self.weight, self.bias, (0, 0), (1, 1), (1, self.dilation), self.groups
            )
        return F.conv2d(
            image, self.weight, self.bias, dilation=(1, self.dilation), groups=self.groups
        )

    def _with_past(self, x: Tensor, memory: Memory, activation: Activation | None) -> Tensor:
        batch, steps, width = x.shape
        spare = max(0, LEAST_STEPS - steps)
        seen = x.new_empty(batch, self.context + steps + spare, width, dtype=self.weight.dtype)
        present = seen[:, self.context : self.context + steps]
        seen[:, self.context + steps :] = 0
        if activation is None:
            present.copy_(x)
        else:
            activation(x, out=present)
        if self.context:
            seen[:, : self.context] = self._past(seen, memory)
            memory[self] = seen[:, steps : steps + self.context].clone()
        return seen

    def _past(self, seen: Tensor, memory: Memory) -> Tensor | float:
        if self in memory:
            return memory[self]
        if not self.repeat_first:
            return 0.0
        first = seen[:, self.context : self.context + 1, : seen.shape[2] // self.stride]
        return first.repeat(1, 1, self.stride)


class Upsample(nn.Module):
    """Transposed convolution; the samples that stick out at the end are cut off.

    Parameters
    ----------
    weight : Tensor, shape (in, out, kernel)
        As torch stores it; the kernel is a multiple of `rate`.
    bias : Tensor, shape (out,)
        Added to every output.
    rate : int
        Output samples an input step.
    """

    def __init__(self, weight: Tensor, bias: Tensor, *, rate: int) -> None:
        super().__init__()
        self.rate = rate
        by_step = weight.unflatten(2, (weight.shape[2] // rate, rate)).flip(2)
        unfolded = by_step.permute(3, 1, 0, 2).flatten(0, 1)
        self.conv = CausalConv(unfolded, bias.repeat(rate))

    def forward(self, x: Tensor, memory: Memory, activation: Activation | None = None) -> Tensor:
        """Return ``(batch, rate * time, out)``; see :meth:`CausalConv.forward`."""
        y: Tensor = self.conv(x, memory, activation)
        return y.reshape(y.shape[0], y.shape[1] * self.rate, -1)


def _as_image(weight: Tensor) -> Tensor:
    return weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
