"""Sizes of a Qwen3-TTS-Tokenizer-12Hz checkpoint, from its ``config.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtokfeatures.exceptions import CodecError

MODEL_TYPE = "qwen3_tts_tokenizer_12hz"
NAME = "Qwen/Qwen3-TTS-Tokenizer-12Hz"


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of one of the two transformers."""

    layers: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    window: int
    rope_base: float
    eps: float
    bias: bool


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the encoder and its codebooks."""

    filters: int
    strides: tuple[int, ...]
    kernel: int
    last_kernel: int
    residual_kernel: int
    residual_layers: int
    dilation_growth: int
    compress: int
    downsample: int
    transformer: TransformerConfig
    codebooks_stored: int
    codebook_size: int
    codebook_dim: int


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoder and its codebooks."""

    quantizer_dim: int
    latent: int
    width: int
    upsampling: tuple[int, ...]
    rates: tuple[int, ...]
    transformer: TransformerConfig
    codebook_size: int

    @property
    def codebook_dim(self) -> int:
        """Width of an entry."""
        return self.quantizer_dim // 2


@dataclass(frozen=True)
class Qwen3Config:
    """All sizes, and the format of audio and codes."""

    sample_rate: int
    hop_length: int
    n_codebooks: int
    encoder: EncoderConfig
    decoder: DecoderConfig

    @classmethod
    def read(cls, path: Path) -> Qwen3Config:
        """Read ``config.json``.

        Raises
        ------
        CodecError
            Not JSON, another kind of model, or an option that this implementation does not have.
        """
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CodecError(f"{path} is not a readable JSON file: {error}") from error
        if not isinstance(fields, dict) or fields.get("model_type") != MODEL_TYPE:
            kind = fields.get("model_type") if isinstance(fields, dict) else type(fields).__name__
            raise CodecError(f"{path}: expected model_type {MODEL_TYPE!r}, got {kind!r}")
        try:
            config = cls._from(fields)
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise CodecError(f"{path} lacks a size, or has a wrong one: {error!r}") from error
        config.check(fields, path)
        return config

    @classmethod
    def _from(cls, fields: Mapping[str, Any]) -> Qwen3Config:
        hop = int(fields["encode_downsample_rate"])
        return cls(
            sample_rate=int(fields["input_sample_rate"]),
            hop_length=hop,
            n_codebooks=int(fields["encoder_valid_num_quantizers"]),
            encoder=_encoder(fields["encoder_config"], hop),
            decoder=_decoder(fields["decoder_config"]),
        )

    def check(self, fields: Mapping[str, Any], path: Path) -> None:
        """Refuse what would load and then compute something else.

        Raises
        ------
        CodecError
            Names every option that is not the public architecture's.
        """
        encoder, decoder = fields["encoder_config"], fields["decoder_config"]
        expected = (
            ("output_sample_rate", fields.get("output_sample_rate"), self.sample_rate),
            ("decode_upsample_rate", fields.get("decode_upsample_rate"), self.hop_length),
            ("encoder use_causal_conv", encoder.get("use_causal_conv", True), True),
            ("encoder use_conv_shortcut", encoder.get("use_conv_shortcut", False), False),
            ("encoder pad_mode", encoder.get("pad_mode", "constant"), "constant"),
            ("encoder hidden_act", encoder.get("hidden_act", "gelu"), "gelu"),
            ("encoder audio_channels", encoder.get("audio_channels", 1), 1),
            ("encoder num_semantic_quantizers", encoder.get("num_semantic_quantizers", 1), 1),
            ("decoder hidden_act", decoder.get("hidden_act", "silu"), "silu"),
            ("decoder num_semantic_quantizers", decoder.get("num_semantic_quantizers", 1), 1),
            ("decoder num_quantizers", decoder["num_quantizers"], self.n_codebooks),
            ("decoder codebook_size", self.decoder.codebook_size, self.encoder.codebook_size),
            ("decoder rates", _rate(decoder["upsampling_ratios"], decoder["upsample_rates"]),
             self.hop_length),
            ("encoder strides", _rate(self.encoder.strides, [self.encoder.downsample]),
             self.hop_length),
        )  # fmt: skip
        wrong = [f"{name} is {got!r}, expected {want!r}" for name, got, want in expected
                 if got != want]  # fmt: skip
        if self.encoder.codebooks_stored < self.n_codebooks:
            wrong.append(f"the encoder stores {self.encoder.codebooks_stored} codebooks only")
        if wrong:
            raise CodecError(f"{path} describes another architecture: {'; '.join(wrong)}")


def _encoder(fields: Mapping[str, Any], hop: int) -> EncoderConfig:
    strides = tuple(int(ratio) for ratio in reversed(fields["upsampling_ratios"]))
    return EncoderConfig(
        filters=int(fields["num_filters"]),
        strides=strides,
        kernel=int(fields["kernel_size"]),
        last_kernel=int(fields["last_kernel_size"]),
        residual_kernel=int(fields["residual_kernel_size"]),
        residual_layers=int(fields["num_residual_layers"]),
        dilation_growth=int(fields["dilation_growth_rate"]),
        compress=int(fields["compress"]),
        downsample=hop // math.prod(strides),
        transformer=_transformer(fields, eps=fields["norm_eps"]),
        codebooks_stored=int(fields["num_quantizers"]),
        codebook_size=int(fields["codebook_size"]),
        codebook_dim=int(fields["codebook_dim"]),
    )


def _decoder(fields: Mapping[str, Any]) -> DecoderConfig:
    return DecoderConfig(
        quantizer_dim=int(fields["codebook_dim"]),
        latent=int(fields["latent_dim"]),
        width=int(fields["decoder_dim"]),
        upsampling=tuple(int(rate) for rate in fields["upsampling_ratios"]),
        rates=tuple(int(rate) for rate in fields["upsample_rates"]),
        transformer=_transformer(fields, eps=fields["rms_norm_eps"]),
        codebook_size=int(fields["codebook_size"]),
    )


def _transformer(fields: Mapping[str, Any], *, eps: float) -> TransformerConfig:
    heads, width = int(fields["num_attention_heads"]), int(fields["hidden_size"])
    # transformers 5 writes the base of the rotary embedding into a table of its own.
    rope = fields.get("rope_parameters") or {}
    return TransformerConfig(
        layers=int(fields["num_hidden_layers"]),
        width=width,
        hidden=int(fields["intermediate_size"]),
        heads=heads,
        kv_heads=int(fields.get("num_key_value_heads") or heads),
        head_dim=int(fields.get("head_dim") or width // heads),
        window=int(fields["sliding_window"]),
        rope_base=float(fields.get("rope_theta") or rope["rope_theta"]),
        eps=float(eps),
        bias=bool(fields.get("attention_bias", False)),
    )


def _rate(first: Any, second: Any) -> int:
    return int(math.prod(first) * math.prod(second))
