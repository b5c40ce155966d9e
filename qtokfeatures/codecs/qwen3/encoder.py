"""Encoder of Mimi (Défossez et al., 2024, arXiv:2410.00037): waveform → latents at 12.5 Hz."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor, nn

from qtokfeatures.codecs.nn.activation import Elu
from qtokfeatures.codecs.nn.convolution import CausalConv
from qtokfeatures.codecs.nn.fused import add
from qtokfeatures.codecs.nn.memory import Memory, in_segments
from qtokfeatures.codecs.qwen3.checkpoint import Weights
from qtokfeatures.codecs.qwen3.config import EncoderConfig
from qtokfeatures.codecs.qwen3.transformer import BiasedLayerNorm, GeluMlp, TransformerLayer

_MOST_VALUES = 2**21  # of a block at once: what stays in a processor's caches
_MOST_VALUES_ON_GPU = 2**25
_ELU = Elu()


class ResidualBlock(nn.Module):
    """x + conv(ELU(conv(ELU(x)))), half as wide in the middle."""

    def __init__(self, config: EncoderConfig, weights: Weights, *, width: int, layer: int) -> None:
        super().__init__()
        inner, kernel = width // config.compress, config.residual_kernel
        block = weights.at("block")
        self.narrow = _conv(
            block.at(1), width, inner, kernel, dilation=config.dilation_growth**layer
        )
        self.widen = _conv(block.at(3), inner, width, 1)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        late = self.widen.late_bias
        y: Tensor = self.narrow(x, memory, _ELU, biased=not late)
        if late:
            y = self.widen(y, memory, _ELU, before=self.narrow.bias, biased=False)
            return add(y, x, self.widen.bias)
        y = self.widen(y, memory, _ELU)
        return y.add_(x)


class DownBlock(nn.Module):
    """Residual blocks, then a strided convolution to twice the width and 1 / stride steps."""

    def __init__(
        self, config: EncoderConfig, weights: Weights, *, width: int, stride: int, first: int
    ) -> None:
        super().__init__()
        self.residual = nn.ModuleList(
            ResidualBlock(config, weights.at(first + layer), width=width, layer=layer)
            for layer in range(config.residual_layers)
        )
        down = weights.at(first + config.residual_layers + 1)
        self.down = _conv(down, width, 2 * width, 2 * stride, stride=stride)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        for block in self.residual:
            x = block(x, memory)
        y: Tensor = self.down(x, memory, _ELU)
        return y


class Encoder(nn.Module):
    """Convolutions to 25 Hz, a transformer, and one more convolution to 12.5 Hz."""

    def __init__(self, config: EncoderConfig, weights: Weights) -> None:
        super().__init__()
        layers = weights.at("encoder").at("layers")
        width, place = config.filters, 1
        self.enter = _conv(layers.at(0), 1, width, config.kernel)
        self.blocks = nn.ModuleList()
        for stride in config.strides:
            self.blocks.append(DownBlock(config, layers, width=width, stride=stride, first=place))
            width, place = 2 * width, place + config.residual_layers + 2
        self.leave = _conv(
            layers.at(place + 1), width, config.transformer.width, config.last_kernel
        )
        transformer = weights.at("encoder_transformer").at("layers")
        self.transformer = nn.ModuleList(
            TransformerLayer(
                config.transformer, transformer.at(i), norm=BiasedLayerNorm, mlp=GeluMlp
            )
            for i in range(config.transformer.layers)
        )
        self.halve = _halving(config, weights.at("downsample"))
        self.samples_a_frame = math.prod(config.strides) * config.downsample
        self.values_a_frame = [
            self.samples_a_frame // math.prod(config.strides[:i]) * (config.filters << i)
            for i in range(len(self.blocks))
        ]

    def forward(self, y: Tensor, memory: Memory) -> Tensor:
        """Encode whole frames (batch, sample) → (batch, frame, dim); advances `memory`."""
        x = self._after_block(len(self.blocks) - 1, y, memory)
        x = self.leave(x, memory, _ELU)
        for layer in self.transformer:
            x = layer(x, memory)
        latent: Tensor = self.halve(x, memory)
        return latent

    def paired_convolutions(self) -> Iterator[CausalConv]:
        """Yield the strided ones with an even number of steps per frame: half of the arithmetic."""
        steps = self.samples_a_frame
        for module in self.blocks.modules():
            if isinstance(module, CausalConv) and module.stride > 1:
                steps //= module.stride
                if steps % 2 == 0:
                    yield module

    def convolutions(self) -> Iterator[CausalConv]:
        """Yield those before the transformer: nearly all of the arithmetic."""
        for part in (*self.blocks, self.leave):
            yield from (module for module in part.modules() if isinstance(module, CausalConv))

    def _after_block(self, i: int, y: Tensor, memory: Memory) -> Tensor:
        """Run the blocks up to `i` over segments, whose length depends on the rate."""
        if i < 0:
            entered: Tensor = self.enter(y[..., None], memory)
            return entered
        block = self.blocks[i]
        return in_segments(
            lambda segment: block(self._after_block(i - 1, segment.flatten(1), memory), memory),
            y.unflatten(1, (-1, self.samples_a_frame)),
            values_a_step=self.values_a_frame[i],
            most_values=_MOST_VALUES_ON_GPU if y.is_cuda else _MOST_VALUES,
        )


def _conv(
    weights: Weights, channels: int, out: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> CausalConv:
    conv = weights.at("conv")
    weight, bias = conv.take("weight", out, channels, kernel), conv.take("bias", out)
    return CausalConv(weight, bias, stride=stride, dilation=dilation)


def _halving(config: EncoderConfig, weights: Weights) -> CausalConv:
    width, stride = config.transformer.width, config.downsample
    weight = weights.at("conv").take("weight", width, width, 2 * stride)
    return CausalConv(weight, stride=stride, repeat_first=True)
