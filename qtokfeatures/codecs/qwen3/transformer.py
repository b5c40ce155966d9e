"""Transformer layers of encoder and decoder, which differ in norms and MLPs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qtokfeatures.codecs.nn.attention import WindowedAttention
from qtokfeatures.codecs.nn.linear import linear
from qtokfeatures.codecs.nn.memory import Memory
from qtokfeatures.codecs.qwen3.checkpoint import Weights
from qtokfeatures.codecs.qwen3.config import TransformerConfig


class TransformerLayer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), with layer scales folded into both."""

    def __init__(
        self,
        config: TransformerConfig,
        weights: Weights,
        *,
        norm: Callable[[TransformerConfig, Weights], nn.Module],
        mlp: Callable[[TransformerConfig, Weights, Tensor], nn.Module],
    ) -> None:
        super().__init__()
        scale = weights.at("self_attn_layer_scale").take("scale", config.width)
        self.attention_norm = norm(config, weights.at("input_layernorm"))
        self.attention = _attention(config, weights.at("self_attn"), scale)
        scale = weights.at("mlp_layer_scale").take("scale", config.width)
        self.mlp_norm = norm(config, weights.at("post_attention_layernorm"))
        self.mlp = mlp(config, weights.at("mlp"), scale)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        x = x + self.attention(self.attention_norm(x), memory)
        y: Tensor = x + self.mlp(self.mlp_norm(x))
        return y


class BiasedLayerNorm(nn.Module):
    """Layer norm with bias."""

    weight: Tensor
    bias: Tensor

    def __init__(self, config: TransformerConfig, weights: Weights) -> None:
        super().__init__()
        self.eps = config.eps
        self.register_buffer("weight", weights.take("weight", config.width))
        self.register_buffer("bias", weights.take("bias", config.width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class RmsNorm(nn.Module):
    """Root-mean-square norm (Zhang and Sennrich, 2019, arXiv:1910.07467)."""

    weight: Tensor

    def __init__(self, config: TransformerConfig, weights: Weights) -> None:
        super().__init__()
        self.eps = config.eps
        self.register_buffer("weight", weights.take("weight", config.width))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.eps) * self.weight


class GeluMlp(nn.Module):
    """Two layers without bias and a GELU."""

    widen: Tensor
    narrow: Tensor

    def __init__(self, config: TransformerConfig, weights: Weights, scale: Tensor) -> None:
        super().__init__()
        widen = weights.at("fc1").take("weight", config.hidden, config.width)
        narrow = weights.at("fc2").take("weight", config.width, config.hidden)
        self.register_buffer("widen", widen)
        self.register_buffer("narrow", scale[:, None] * narrow)

    def forward(self, x: Tensor) -> Tensor:
        return linear(F.gelu(linear(x, self.widen)), self.narrow)


class SwigluMlp(nn.Module):
    """SwiGLU (Shazeer, 2020, arXiv:2002.05202) without bias."""

    widen: Tensor
    narrow: Tensor

    def __init__(self, config: TransformerConfig, weights: Weights, scale: Tensor) -> None:
        super().__init__()
        gate = weights.at("gate_proj").take("weight", config.hidden, config.width)
        up = weights.at("up_proj").take("weight", config.hidden, config.width)
        down = weights.at("down_proj").take("weight", config.width, config.hidden)
        self.register_buffer("widen", torch.cat([gate, up]))
        self.register_buffer("narrow", scale[:, None] * down)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = linear(x, self.widen).chunk(2, dim=-1)
        return linear(F.silu(gate) * up, self.narrow)


def _attention(config: TransformerConfig, weights: Weights, scale: Tensor) -> WindowedAttention:
    width, head = config.width, config.head_dim
    rows = {"q": config.heads * head, "k": config.kv_heads * head, "v": config.kv_heads * head}
    out_bias = weights.at("o_proj").take("bias", width) * scale if config.bias else None
    qkv = [weights.at(f"{part}_proj").take("weight", n, width) for part, n in rows.items()]
    biases = [weights.at(f"{p}_proj").take("bias", n) for p, n in rows.items() if config.bias]
    out = weights.at("o_proj").take("weight", width, config.heads * head)
    return WindowedAttention(
        torch.cat(qkv),
        torch.cat(biases) if biases else None,
        scale[:, None] * out,
        out_bias,
        heads=config.heads,
        kv_heads=config.kv_heads,
        window=config.window,
        rope_base=config.rope_base,
        scores_dtype=torch.float64,
    )
