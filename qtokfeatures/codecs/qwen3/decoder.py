"""Decoder: vectors at 12.5 Hz → waveform."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from qtokfeatures.codecs.nn.activation import Snake
from qtokfeatures.codecs.nn.convolution import CausalConv, Upsample
from qtokfeatures.codecs.nn.fused import add
from qtokfeatures.codecs.nn.linear import Linear
from qtokfeatures.codecs.nn.memory import Memory, in_segments
from qtokfeatures.codecs.qwen3.checkpoint import Weights
from qtokfeatures.codecs.qwen3.config import DecoderConfig
from qtokfeatures.codecs.qwen3.transformer import RmsNorm, SwigluMlp, TransformerLayer

_MOST_VALUES = 2**21  # of a block at once: what stays in a processor's caches
_MOST_VALUES_ON_GPU = 2**24
_NORM_EPS = 1e-6
_DILATIONS = (1, 3, 9)


class Transformer(nn.Module):
    """Projection in, layers, norm, projection out."""

    def __init__(self, config: DecoderConfig, weights: Weights) -> None:
        super().__init__()
        sizes = config.transformer
        self.enter = _linear(weights.at("input_proj"), config.latent, sizes.width)
        self.layers = nn.ModuleList(
            TransformerLayer(sizes, weights.at("layers").at(i), norm=RmsNorm, mlp=SwigluMlp)
            for i in range(sizes.layers)
        )
        self.norm = RmsNorm(sizes, weights.at("norm"))
        self.leave = _linear(weights.at("output_proj"), sizes.width, config.latent)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        x = self.enter(x)
        for layer in self.layers:
            x = layer(x, memory)
        y: Tensor = self.leave(self.norm(x))
        return y


class ConvNeXt(nn.Module):
    """Depthwise causal convolution, norm, two-layer MLP, scaled residual (arXiv:2201.03545)."""

    norm_weight: Tensor
    norm_bias: Tensor

    def __init__(self, width: int, weights: Weights) -> None:
        super().__init__()
        depthwise, norm = weights.at("dwconv").at("conv"), weights.at("norm")
        self.depthwise = CausalConv(
            depthwise.take("weight", width, 1, 7), depthwise.take("bias", width), groups=width
        )
        self.register_buffer("norm_weight", norm.take("weight", width))
        self.register_buffer("norm_bias", norm.take("bias", width))
        self.widen = _linear(weights.at("pwconv1"), width, 4 * width)
        gamma = weights.take("gamma", width)
        self.narrow = _linear(weights.at("pwconv2"), 4 * width, width, scale=gamma)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        y: Tensor = self.depthwise(x, memory)
        y = F.layer_norm(y, self.norm_weight.shape, self.norm_weight, self.norm_bias, _NORM_EPS)
        wide: Tensor = self.narrow(F.gelu(self.widen(y)))
        return x + wide


class ResidualUnit(nn.Module):
    """x + conv(snake(conv(snake(x)))), with a dilated first convolution."""

    def __init__(self, width: int, weights: Weights, *, dilation: int) -> None:
        super().__init__()
        first, second = weights.at("conv1").at("conv"), weights.at("conv2").at("conv")
        self.outer = Snake(*_snake(weights.at("act1"), width))
        self.inner = Snake(*_snake(weights.at("act2"), width), scaled=True)
        factor = weights.at("act2").take("alpha", width).exp()
        self.wide = CausalConv(
            first.take("weight", width, width, 7) * factor[:, None, None],
            first.take("bias", width) * factor,
            dilation=dilation,
        )
        self.point = CausalConv(
            second.take("weight", width, width, 1) / factor[:, None], second.take("bias", width)
        )

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        if self.point.late_bias:
            y = self.wide(x, memory, self.outer, biased=False)
            y = self.point(y, memory, self.inner, before=self.wide.bias, biased=False)
            return add(x, y, self.point.bias)
        y = self.wide(x, memory, self.outer)
        y = self.point(y, memory, self.inner)
        return x.add_(y)


class UpBlock(nn.Module):
    """Snake, transposed convolution to half the width at `rate` times the rate, three units."""

    def __init__(self, width: int, weights: Weights, *, rate: int) -> None:
        super().__init__()
        block = weights.at("block")
        self.snake = Snake(*_snake(block.at(0), width))
        up, half = block.at(1).at("conv"), width // 2
        self.up = Upsample(
            up.take("weight", width, half, 2 * rate), up.take("bias", half), rate=rate
        )
        self.units = nn.ModuleList(
            ResidualUnit(half, block.at(2 + i), dilation=dilation)
            for i, dilation in enumerate(_DILATIONS)
        )

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        y: Tensor = self.up(x, memory, self.snake).float()
        for unit in self.units:
            y = unit(y, memory)
        return y


class Decoder(nn.Module):
    """Transformer at 12.5 Hz, ConvNeXt up to 50 Hz, convolutions with snakes up to 24 kHz."""

    def __init__(self, config: DecoderConfig, weights: Weights) -> None:
        super().__init__()
        self.enter = _conv(weights.at("pre_conv"), config.quantizer_dim, config.latent, 3)
        self.transformer = Transformer(config, weights.at("pre_transformer"))
        self.upsample = nn.ModuleList()
        for i, rate in enumerate(config.upsampling):
            stage = weights.at("upsample").at(i)
            up = stage.at(0).at("conv")
            latent = config.latent
            self.upsample.append(
                Upsample(
                    up.take("weight", latent, latent, rate), up.take("bias", latent), rate=rate
                )
            )
            self.upsample.append(ConvNeXt(latent, stage.at(1)))
        layers, width = weights.at("decoder"), config.width
        self.widen = _conv(layers.at(0), config.latent, width, 7)
        self.blocks = nn.ModuleList()
        self.values_a_step: list[int] = []
        for i, rate in enumerate(config.rates, start=1):
            self.blocks.append(UpBlock(width, layers.at(i), rate=rate))
            width //= 2
            self.values_a_step.append(rate * width)
        self.snake = Snake(*_snake(layers.at(len(config.rates) + 1), width))
        self.leave = _conv(layers.at(len(config.rates) + 2), width, 1, 7)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Decode vectors (batch, frame, dim) → (batch, sample) within ±1; advances `memory`."""
        x = self.transformer(self.enter(x, memory), memory)
        for stage in self.upsample:
            x = stage(x, memory)
        y = self._from_block(0, self.widen(x, memory), memory)
        return y.squeeze(2)

    def convolutions(self) -> Iterator[CausalConv]:
        """Yield all convolutions above 50 Hz but the last: nearly all of the arithmetic."""
        for part in (self.widen, *self.blocks):
            yield from (module for module in part.modules() if isinstance(module, CausalConv))

    def early_convolutions(self) -> Iterator[CausalConv]:
        """Yield those whose errors grow most, for which one sum per tap is more exact."""
        for part in (self.widen, self.blocks[0]):
            yield from (module for module in part.modules() if isinstance(module, CausalConv))

    def robust_convolutions(self) -> Iterator[CausalConv]:
        """Yield the late ones, whose precision matters least, since early errors grow."""
        # In bfloat16, these alone keep the small checkpoint of the tests above 20 dB.
        units = (m for block in self.blocks[1:2] for m in block.modules())
        yield from (unit.wide for unit in units if isinstance(unit, ResidualUnit))
        later = (m for block in self.blocks[2:] for m in block.modules())
        yield from (module for module in later if isinstance(module, CausalConv))

    def _from_block(self, i: int, x: Tensor, memory: Memory) -> Tensor:
        """Run block `i` and those after it over segments, whose length depends on the rate."""
        if i == len(self.blocks):
            y: Tensor = self.leave(x, memory, self.snake)
            return y.float().clamp_(-1, 1)
        block = self.blocks[i]
        return in_segments(
            lambda segment: self._from_block(i + 1, block(segment, memory), memory),
            x,
            values_a_step=self.values_a_step[i],
            most_values=_MOST_VALUES_ON_GPU if x.is_cuda else _MOST_VALUES,
        )


def _snake(weights: Weights, width: int) -> tuple[Tensor, Tensor]:
    return weights.take("alpha", width), weights.take("beta", width)


def _conv(weights: Weights, channels: int, out: int, kernel: int) -> CausalConv:
    conv = weights.at("conv")
    return CausalConv(conv.take("weight", out, channels, kernel), conv.take("bias", out))


def _linear(weights: Weights, channels: int, out: int, *, scale: Tensor | None = None) -> Linear:
    weight, bias = weights.take("weight", out, channels), weights.take("bias", out)
    if scale is not None:
        weight, bias = scale[:, None] * weight, scale * bias
    return Linear(weight, bias)
