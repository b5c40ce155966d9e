"""Bidirectional GRU with a hand-derived gradient, for small layers on a CPU.

The autograd graph of every gate of every step dominates the time of small GRUs in PyTorch. Here
both directions advance together; parameters and results are those of :class:`torch.nn.GRU`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class BidirectionalGRU(nn.Module):
    """Gated recurrent units (Cho et al., 2014) in both directions, concatenated."""

    def __init__(self, width: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(width)

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))

        self.input_weight, self.input_bias = drawn(2, width, 3 * width), drawn(2, 1, 3 * width)
        self.hidden_weight, self.hidden_bias = drawn(2, width, 3 * width), drawn(2, 1, 3 * width)

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        """Map (clip, step, feature) to (clip, step, 2 * feature); padding is undefined."""
        n_clips, length, width = x.shape
        # Each clip is reversed within its own length, so that padding is last in both directions.
        turned = _turned_round(length, steps)
        both = torch.stack([x, _reordered(x, turned)]).transpose(1, 2)  # direction, step, clip
        gates = torch.baddbmm(self.input_bias, both.reshape(2, -1, width), self.input_weight)
        gates = gates.view(2, length, n_clips, 3 * width).transpose(0, 1).contiguous()
        hidden: Tensor = _Recurrence.apply(  # type: ignore[no-untyped-call]
            gates, self.hidden_weight, self.hidden_bias
        )
        onward, backward = hidden.permute(1, 2, 0, 3)  # direction, clip, step
        return torch.cat([onward, _reordered(backward, turned)], dim=2)


class _Recurrence(torch.autograd.Function):
    """``(step, direction, clip, 3 * width)`` → ``(step, direction, clip, width)``."""

    # With the gates r (reset), z (update) and n (new), in the order of torch.nn.GRU:
    #   n = tanh(x_n + r * u_n),  h = (1 - z) * n + z * h',  u = W h' + b.
    # Hence dh/dn = 1 - z and dh/dz = h' - n. With s' = s (1 - s) for sigmoids and 1 - n^2 for tanh,
    #   dh/dx_n = (1 - z)(1 - n^2),  dh/dx_z = (h' - n) z (1 - z),  dh/dx_r = dh/dx_n u_n r (1 - r).
    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        length, directions, n_clips, size = gates.shape
        width = size // 3
        hidden = gates.new_zeros(length + 1, directions, n_clips, width)
        reset_update = gates[..., : 2 * width].contiguous()
        new = gates[..., 2 * width :].contiguous()
        recurrent = torch.empty_like(new)
        own = torch.empty_like(gates[0])
        own_reset_update, own_new = own[..., : 2 * width], own[..., 2 * width :]
        resets, updates = (part.unbind() for part in reset_update.split(width, dim=-1))
        before = hidden.unbind()
        steps = zip(
            reset_update.unbind(), resets, updates, new.unbind(), recurrent.unbind(), strict=True
        )
        for step, (both, reset, update, candidate, kept) in enumerate(steps):
            torch.baddbmm(bias, before[step], weight, out=own)
            both.add_(own_reset_update).sigmoid_()
            kept.copy_(own_new)
            candidate.addcmul_(reset, own_new).tanh_()
            torch.lerp(candidate, before[step], update, out=before[step + 1])
        ctx.save_for_backward(hidden, reset_update, new, recurrent, weight)
        return hidden[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, Tensor, Tensor]:
        (grad_hidden,) = grads
        hidden, reset_update, new, recurrent, weight = ctx.saved_tensors
        length, directions, n_clips, width = new.shape
        reset, update = reset_update.split(width, dim=-1)
        # Derivatives of the hidden state by the input of each gate, for all steps at once.
        to_new = (1 - update) * (1 - new.square())
        to_update = (hidden[:-1] - new) * update * (1 - update)
        to_reset = to_new * recurrent * reset * (1 - reset)
        slopes = torch.cat([to_reset, to_update, to_new * reset], dim=-1)
        slopes = slopes.view(length, directions, n_clips, 3, width)
        totals, grad_own = torch.empty_like(new), torch.empty_like(slopes)
        back = weight.transpose(1, 2).contiguous()
        later = torch.zeros_like(new[0])
        gradients = grad_own.view(length, directions, n_clips, 3 * width).unbind()
        steps = zip(
            totals.unbind(), grad_hidden.unbind(), slopes.unbind(), grad_own.unbind(),
            gradients, update.unbind(), strict=True,
        )  # fmt: skip
        for total, given, slope, grad, gradient, kept in reversed(list(steps)):
            torch.add(given, later, out=total)
            torch.mul(slope, total.unsqueeze(2), out=grad)
            torch.baddbmm(total * kept, gradient, back, out=later)
        flat = grad_own.view(length, directions, n_clips, 3 * width)
        grad_gates = torch.cat([flat[..., : 2 * width], totals * to_new], dim=-1)
        over_time = flat.transpose(0, 1).reshape(directions, length * n_clips, 3 * width)
        before = hidden[:-1].transpose(0, 1).reshape(directions, length * n_clips, width)
        grad_weight = before.transpose(1, 2) @ over_time
        return grad_gates, grad_weight, over_time.sum(dim=1, keepdim=True)


def _turned_round(length: int, steps: Tensor) -> Tensor:
    """Return indices (clip, step) that reverse each clip and keep its padding in place."""
    step = torch.arange(length, device=steps.device)
    return torch.where(step < steps[:, None], steps[:, None] - 1 - step, step)


def _reordered(x: Tensor, index: Tensor) -> Tensor:
    return x.gather(1, index[..., None].expand(-1, -1, x.shape[2]))
