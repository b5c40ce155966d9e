"""Mimi of `transformers` as a codec."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from qtokfeatures.codecs.hf import HfCodec, new_cache, part_of
from qtokfeatures.codecs.nn.precision import tf32
from qtokfeatures.codecs.nn.quantizer import SplitQuantizer
from qtokfeatures.codecs.semantic import SemanticCodec
from qtokfeatures.codecs.stored import loaded
from qtokfeatures.exceptions import CodecError


@dataclass(frozen=True)
class Half:
    """Mimi's encoder or decoder."""

    convolve: Callable[[Tensor], Tensor]
    transform: Any
    change_rate: Callable[[Tensor], Tensor]  # between the rates of frames and transformer steps
    context: int  # steps of the past that `convolve` needs


@dataclass(frozen=True)
class MimiParts:
    """The needed parts of a MimiModel."""

    quantizer: SplitQuantizer
    dequantize: Callable[[Tensor], Tensor]
    encoder: Half | None
    decoder: Half | None
    step: int
    steps_a_frame: int


@dataclass
class MimiState:
    """The past of a stream: inputs that convolutions still need, and the transformer's cache."""

    pieces: dict[str, Tensor] = field(default_factory=dict)
    cache: Any = None

    def joined(self, name: str, x: Tensor, most: int) -> tuple[Tensor, int]:
        """Prepend the past to `x` along its last dimension; return both joined, and its length."""
        past = self.pieces.get(name, x[..., :0])
        seen = torch.cat([past, x], dim=-1)
        self.pieces[name] = seen[..., max(0, seen.shape[-1] - most) :].clone()
        return seen, past.shape[-1]


class MimiCodec(
    SemanticCodec[MimiState, MimiState, MimiParts], HfCodec[MimiState, MimiState, MimiParts]
):
    """Mimi (Défossez et al., 2024, arXiv:2410.00037) as `transformers` implements it.

    Attention is cached; convolutions run over some of the past again, so that chunks of any
    length equal one pass. `transformers` counts positions in float32 from the stream's start:
    after hours, codes may differ from those of a short clip.
    """

    CLASS_NAME = "MimiModel"
    SEMANTICS = "mimi-1:window:whole-frames"
    # Fields of a MimiConfig that change codes, beside those in the spec and the rotary base.
    # Listed, so that a field that a later `transformers` adds changes no fingerprint.
    ENCODER_SETTINGS: ClassVar[tuple[str, ...]] = (
        "attention_bias", "audio_channels", "codebook_dim", "compress", "dilation_growth_rate",
        "head_dim", "hidden_act", "hidden_size", "intermediate_size", "kernel_size",
        "last_kernel_size", "norm_eps", "num_attention_heads", "num_filters", "num_hidden_layers",
        "num_key_value_heads", "num_residual_layers", "num_semantic_quantizers", "pad_mode",
        "residual_kernel_size", "sliding_window", "upsampling_ratios", "use_causal_conv",
        "use_conv_shortcut", "vector_quantization_hidden_dimension",
    )  # fmt: skip

    @classmethod
    def describe(cls, config: Any) -> dict[str, Any]:
        hop = round(config.sampling_rate / config.frame_rate)
        if config.num_semantic_quantizers != 1 or config.audio_channels != 1:
            raise CodecError("only Mimi with one channel and one semantic codebook is supported")
        rope_type = _rope(config).get("rope_type", "default")
        if not config.use_causal_conv or rope_type != "default":
            raise CodecError(
                "only Mimi with causal convolutions and plain rotary embeddings is supported, got "
                f"use_causal_conv {config.use_causal_conv!r} and rope_type {rope_type!r}"
            )
        return {
            "sample_rate": config.sampling_rate,
            "frame_rate": config.sampling_rate / hop,
            "hop_length": hop,
            "n_codebooks": config.num_quantizers,
            "codebook_size": config.codebook_size,
            "embedding_dim": 2 * config.codebook_dim,
        }

    @classmethod
    def encoder_settings(cls, config: Any) -> dict[str, Any]:
        fields = {name: getattr(config, name) for name in cls.ENCODER_SETTINGS}
        return {**fields, "rope_theta": _rope(config)["rope_theta"]}

    @classmethod
    def take_parts(cls, network: Any, *, encoder: bool, decoder: bool) -> MimiParts:
        config, step = network.config, math.prod(network.config.upsampling_ratios)
        hop = round(config.sampling_rate / config.frame_rate)
        encoding = decoding = None
        if encoder:
            encoding = Half(
                part_of(network, "encoder.encoder_seanet", "encoder"),
                part_of(network, "encoder.encoder_transformer", "encoder_transformer"),
                part_of(network, "encoder.downsample", "downsample"),
                _encoder_context(config),
            )
        if decoder:
            decoding = Half(
                part_of(network, "decoder.decoder_seanet", "decoder"),
                part_of(network, "decoder.decoder_transformer", "decoder_transformer"),
                part_of(network, "decoder.upsample", "upsample"),
                _decoder_context(config),
            )
        return MimiParts(
            _quantizer(network.quantizer), network.quantizer.decode, encoding, decoding,
            step, hop // step,
        )  # fmt: skip

    @property
    def quantizer(self) -> SplitQuantizer:
        return self.model.quantizer

    def start_encoding(self) -> MimiState:
        loaded(self.model.encoder, "encoder")
        return MimiState()

    def latent_chunk(self, y: Tensor, state: MimiState) -> Tensor:
        half, step = loaded(self.model.encoder, "encoder"), self.model.step
        if y.shape[1] == 0:
            return y.new_zeros(y.shape[0], 0, self.model.quantizer.project.shape[1])
        with tf32(self.device, allowed=False):
            seen, past = state.joined("audio", y[:, None], half.context * step)
            x = _attended(half.convolve(seen)[..., past // step :], half, state)
            # The kept past starts at a frame, so that strides stay aligned.
            seen, past = state.joined("steps", x, 2 * self.model.steps_a_frame)
            latent = half.change_rate(seen)[..., past // self.model.steps_a_frame :]
        return latent.transpose(1, 2)

    def start_decoding(self) -> MimiState:
        loaded(self.model.decoder, "decoder")
        return MimiState()

    def decode_chunk(self, codes: Tensor, state: MimiState) -> Tensor:
        half = loaded(self.model.decoder, "decoder")
        with tf32(self.device, allowed=False):
            seen, past = state.joined("frames", self.model.dequantize(codes), 2)
            x = half.change_rate(seen)[..., past * self.model.steps_a_frame :]
            seen, past = state.joined("steps", _attended(x, half, state), half.context)
            y = half.convolve(seen)[..., past * self.model.step :]
        return y[:, 0]


def _attended(x: Tensor, half: Half, state: MimiState) -> Tensor:
    """Run a transformer over ``(batch, channel, step)`` after its cache."""
    if state.cache is None:
        state.cache = new_cache(half.transform.config)
    found = half.transform(x.transpose(1, 2), past_key_values=state.cache, use_cache=True)
    y: Tensor = found.last_hidden_state
    return y.transpose(1, 2)


def _rope(config: Any) -> dict[str, Any]:
    """Settings of the rotary embedding: a table or single fields, depending on the version."""
    table = dict(getattr(config, "rope_parameters", None) or {})
    return {"rope_theta": getattr(config, "rope_theta", None), **table}


def _quantizer(quantizer: Any) -> SplitQuantizer:
    branches = [
        quantizer.semantic_residual_vector_quantizer,
        quantizer.acoustic_residual_vector_quantizer,
    ]
    entries = [layer.codebook.embed for branch in branches for layer in branch.layers]
    with torch.inference_mode():
        project = torch.cat([branch.input_proj.weight[..., 0] for branch in branches])
        return SplitQuantizer(torch.stack(entries).clone(), project)


def _encoder_context(config: Any) -> int:
    """Steps of past input that the encoder's convolutions need, rounded up."""
    reach: float = config.kernel_size - 1
    rate = 1
    for stride in reversed(config.upsampling_ratios):
        reach += rate * _residual_reach(config) + rate * (2 * stride - 1)
        rate *= stride
    reach += rate * (config.last_kernel_size - 1)
    return math.ceil(reach / rate) + 1


def _decoder_context(config: Any) -> int:
    """Steps of past input that the decoder's convolutions need, rounded up."""
    reach: float = config.kernel_size - 1
    rate = 1
    for stride in config.upsampling_ratios:
        reach += 1 / rate
        rate *= stride
        reach += _residual_reach(config) / rate
    reach += (config.last_kernel_size - 1) / rate
    return math.ceil(reach) + 1


def _residual_reach(config: Any) -> float:
    growth, layers = config.dilation_growth_rate, config.num_residual_layers
    return float(sum((config.residual_kernel_size - 1) * growth**i for i in range(layers)))
