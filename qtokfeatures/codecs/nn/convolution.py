"""Causal convolutions on ``(batch, time, channel)``: plain, strided and transposed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qtokfeatures.codecs.nn.activation import Activation
from qtokfeatures.codecs.nn.fused import PARTS, fill, split_weights
from qtokfeatures.codecs.nn.memory import Memory
from qtokfeatures.codecs.nn.precision import tf32

# Shorter chunks are zero-padded: other code would run, whose sums differ in the last bits.
LEAST_STEPS = 16


def _onednn_dtypes() -> set[torch.dtype]:
    """Dtypes that oneDNN convolves on this processor."""
    if not torch.backends.mkldnn.is_available():
        return set()
    has_bfloat16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001 — no public name
    return {torch.float32, torch.bfloat16} if has_bfloat16 else {torch.float32}


_ONEDNN = _onednn_dtypes()


class CausalConv(nn.Module):
    """Convolution over the present step and those before it; `repeat_first` pads with the first."""

    # All kinds are one convolution of a few taps with stride 1: a stride folds time into channels
    # before it, a transposed convolution unfolds channels into time after it. In this layout both
    # are free, and a channels-last image is what a CPU convolves fastest.
    weight: Tensor
    bias: Tensor | None
    tap_sum: Tensor | None

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
        self.split = self.rounded = self.in_products = self.late_bias = False
        taps = weight.shape[2] // stride
        folded = weight.unflatten(2, (taps, stride)).permute(0, 3, 1, 2).flatten(1, 2)
        self.register_buffer("weight", _as_image(folded))
        self.register_buffer("bias", bias)
        self.register_buffer("tap_sum", None)

    @property
    def context(self) -> int:
        """Past steps, each of `stride` samples, that the state holds."""
        return (self.weight.shape[3] - 1) * self.dilation

    def forward(
        self,
        x: Tensor,
        memory: Memory,
        activation: Activation | None = None,
        *,
        before: Tensor | None = None,
        biased: bool = True,
    ) -> Tensor:
        """Convolve ``activation(x + before)``, (batch, time, in) → (batch, time / stride, out)."""
        x = x.reshape(x.shape[0], x.shape[1] // self.stride, -1)
        seen = self._with_past(x, memory, activation, before)
        bias = self.bias if biased else None
        if self.split or self.rounded:
            with tf32(x.device, allowed=True):
                return self._convolved(seen, bias)[:, : x.shape[1]]
        return self._convolved(seen, bias)[:, : x.shape[1]]

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Convolve in `dtype`."""
        self.weight, self.in_products, self.tap_sum = self.weight.to(dtype), False, None

    def split_precision(self) -> None:
        """Convolve float32 values split into parts that TF32 holds exactly."""
        # Depthwise and one-channel convolutions gain little from tensor cores.
        if self.groups == 1 and min(self.weight.shape[:2]) > 1 and not self.repeat_first:
            self.weight = _as_image(split_weights(self.weight.squeeze(2)))
            self.split, self.in_products = True, False

    def round_factors(self) -> None:
        """Let a GPU round float32 factors to TF32; sums and results stay float32."""
        self.rounded, self.in_products = True, False

    def multiply_taps(self) -> None:
        """Sum one matrix product per tap: the fastest exact float32 on a GPU."""
        self.in_products = self.groups == 1

    def pair_steps(self) -> None:
        """With two taps, multiply three matrices per two steps instead of four."""
        # With taps A and B, x₀A + x₁B and x₁A + x₂B are x₁(A + B) plus (x₀ − x₁)A and minus
        # (x₁ − x₂)B: Winograd's F(2, 2). Chunks must have an even number of steps, or the pairs,
        # and with them the last bits, would not be those of one pass.
        if self._is_two_matrices:
            first, second = self.weight[:, :, 0].unbind(2)
            self.tap_sum = (first + second).T

    def add_bias_late(self) -> None:
        """Leave the bias to the pass after the convolution, which saves a GPU one pass."""
        self.late_bias = True

    @property
    def _is_two_matrices(self) -> bool:
        """Whether matrix products replace the convolution, which would reorder weights per call."""
        taps, dtype = self.weight.shape[3], self.weight.dtype
        return taps == 2 and self.dilation == 1 and self.groups == 1 and dtype == torch.float32

    def _convolved(self, seen: Tensor, bias: Tensor | None) -> Tensor:
        if self.in_products:
            out, channels = self.weight.shape[:2]
            if channels == 1:
                return self._from_one_channel(seen, bias)
            return self._sum_of_products(seen, bias) if out > 1 else self._to_one(seen, bias)
        bias = None if bias is None else bias.to(self.weight.dtype)
        if seen.is_cuda and self.weight.shape[3] == 1:
            return F.linear(seen, self.weight[:, :, 0, 0], bias)
        if self.tap_sum is not None:
            return self._products_of_pairs(seen, bias, self.tap_sum)
        if not seen.is_cuda and self._is_two_matrices:
            return self._sum_of_products(seen, bias)
        image = seen.transpose(1, 2).unsqueeze(2)
        return self._convolve(image, bias).squeeze(2).transpose(1, 2)

    def _sum_of_products(self, seen: Tensor, bias: Tensor | None) -> Tensor:
        batch, steps = seen.shape[0], seen.shape[1] - self.context
        matrices = self.weight[:, :, 0].permute(2, 1, 0)[:, None].expand(-1, batch, -1, -1)
        if bias is None:
            y = torch.bmm(seen[:, :steps], matrices[0])
        else:
            y = torch.baddbmm(bias.expand(batch, steps, -1), seen[:, :steps], matrices[0])
        for i, matrix in enumerate(matrices[1:], start=1):
            y.baddbmm_(seen[:, i * self.dilation : i * self.dilation + steps], matrix)
        return y

    def _products_of_pairs(self, seen: Tensor, bias: Tensor | None, tap_sum: Tensor) -> Tensor:
        batch, steps, out = seen.shape[0], seen.shape[1] - 1, self.weight.shape[0]
        first, second = self.weight[:, :, 0].permute(2, 1, 0)
        change = seen[:, :-1] - seen[:, 1:]
        shared = seen[:, 1::2] @ tap_sum
        if bias is not None:
            shared += bias
        y = seen.new_empty(batch, steps // 2, 2, out)
        for row in range(batch):
            torch.addmm(shared[row], change[row, 0::2], first, out=y[row, :, 0])
            torch.addmm(shared[row], change[row, 1::2], second, alpha=-1, out=y[row, :, 1])
        return y.flatten(1, 2)

    def _from_one_channel(self, seen: Tensor, bias: Tensor | None) -> Tensor:
        span = self.context + 1
        windows = seen[:, :, 0].unfold(1, span, 1)[..., :: self.dilation]
        return F.linear(windows, self.weight[:, 0, 0], bias)

    def _to_one(self, seen: Tensor, bias: Tensor | None) -> Tensor:
        parts = F.linear(seen, self.weight[0, :, 0].T)  # contribution of each step to later ones
        steps, taps = parts.shape[1], parts.shape[2]
        shape = (parts.shape[0], steps - self.context, taps)
        own = parts.as_strided(shape, (steps * taps, taps, self.dilation * taps + 1))
        y = own.sum(dim=2, keepdim=True)
        return y if bias is None else y.add_(bias)

    def _convolve(self, image: Tensor, bias: Tensor | None) -> Tensor:
        if image.device.type == "cpu" and image.dtype in _ONEDNN:
            # conv2d runs other code for small images, whose sums differ in the last bits.
            return torch.mkldnn_convolution(
                image, self.weight, bias, (0, 0), (1, 1), (1, self.dilation), self.groups
            )
        return F.conv2d(image, self.weight, bias, dilation=(1, self.dilation), groups=self.groups)

    def _with_past(
        self, x: Tensor, memory: Memory, activation: Activation | None, before: Tensor | None
    ) -> Tensor:
        batch, steps, width = x.shape
        least = LEAST_STEPS if self.tap_sum is None else 2 * LEAST_STEPS
        spare = 0 if x.is_cuda else max(0, least - steps)
        width *= PARTS if self.split else 1
        seen = x.new_empty(batch, self.context + steps + spare, width, dtype=self.weight.dtype)
        present = seen[:, self.context : self.context + steps]
        seen[:, self.context + steps :] = 0
        fill(x, present, activation, bias=before, split=self.split)
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
    """Transposed convolution by `rate`; samples beyond the last step are cut off."""

    def __init__(self, weight: Tensor, bias: Tensor, *, rate: int) -> None:
        super().__init__()
        self.rate = rate
        by_step = weight.unflatten(2, (weight.shape[2] // rate, rate)).flip(2)
        unfolded = by_step.permute(3, 1, 0, 2).flatten(0, 1)
        self.conv = CausalConv(unfolded, bias.repeat(rate))

    def forward(self, x: Tensor, memory: Memory, activation: Activation | None = None) -> Tensor:
        """Upsample ``activation(x)``, (batch, time, in) → (batch, rate * time, out)."""
        y: Tensor = self.conv(x, memory, activation)
        return y.reshape(y.shape[0], y.shape[1] * self.rate, -1)


def _as_image(weight: Tensor) -> Tensor:
    return weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
