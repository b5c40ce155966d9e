"""Causal self-attention over a sliding window, with a cache of keys and values."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qtokfeatures.codecs.nn.linear import linear
from qtokfeatures.codecs.nn.memory import Memory


class WindowedAttention(nn.Module):
    """Attention of each step to itself and the ``window - 1`` steps before it."""

    # Rotary positions (Su et al., 2021, arXiv:2104.09864) are counted from the oldest cached key,
    # not from the start of the stream, so that angles stay exact for hours. With scores in
    # float64, that origin hardly changes the output, and chunks equal one pass to the last bits.
    qkv_weight: Tensor
    qkv_bias: Tensor | None
    out_weight: Tensor
    out_bias: Tensor | None
    frequencies: Tensor

    def __init__(
        self,
        qkv_weight: Tensor,
        qkv_bias: Tensor | None,
        out_weight: Tensor,
        out_bias: Tensor | None,
        *,
        heads: int,
        kv_heads: int,
        window: int,
        rope_base: float,
        scores_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.scores_dtype = scores_dtype
        self.heads, self.kv_heads, self.window = heads, kv_heads, window
        self.head_dim = out_weight.shape[1] // heads
        self.register_buffer("qkv_weight", qkv_weight)
        self.register_buffer("qkv_bias", qkv_bias)
        self.register_buffer("out_weight", out_weight)
        self.register_buffer("out_bias", out_bias)
        powers = torch.arange(0, self.head_dim, 2, device=qkv_weight.device) / self.head_dim
        self.register_buffer("frequencies", rope_base ** -powers.to(scores_dtype))

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Attend, ``(batch, time, channel)`` → ``(batch, time, channel)``; advances `memory`."""
        time = x.shape[1]
        qkv = linear(x, self.qkv_weight, self.qkv_bias)
        heads = qkv.unflatten(2, (-1, self.head_dim)).transpose(1, 2)
        query, fresh = heads.split([self.heads, 2 * self.kv_heads], dim=1)
        seen = torch.cat([memory[self], fresh], dim=2) if self in memory else fresh
        kept = min(seen.shape[2], self.window - 1)
        memory[self] = seen[:, :, seen.shape[2] - kept :].clone()
        key, value = seen.to(self.scores_dtype).split(self.kv_heads, dim=1)
        query = query.to(self.scores_dtype)
        cos, sin = self._rotation(seen.shape[2])
        query, key = _rotated(query, cos[-time:], sin[-time:]), _rotated(key, cos, sin)
        shared = self.heads // self.kv_heads
        if shared > 1:
            key, value = (t.repeat_interleave(shared, dim=1) for t in (key, value))
        mask = self._mask(time, seen.shape[2], x.device)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        y = y.transpose(1, 2).flatten(2).to(x.dtype)
        return linear(y, self.out_weight, self.out_bias)

    def _rotation(self, steps: int) -> tuple[Tensor, Tensor]:
        place = torch.arange(steps, device=self.frequencies.device, dtype=self.scores_dtype)
        angle = torch.outer(place, self.frequencies)
        return angle.cos(), angle.sin()

    def _mask(self, queries: int, keys: int, device: torch.device) -> Tensor:
        key = torch.arange(keys, device=device)
        query = torch.arange(keys - queries, keys, device=device)[:, None]
        return (key <= query) & (key > query - self.window)


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
