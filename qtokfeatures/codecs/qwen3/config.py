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
MOST_CODES = 2**15  # codes are int16


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
    """Sizes of the whole codec, and its rates."""

    sample_rate: int
    hop_length: int
    n_codebooks: int
    encoder: EncoderConfig
    decoder: DecoderConfig

    @classmethod
    def read(cls, path: Path) -> Qwen3Config:
        """Read ``config.json``."""
        fields = ConfigFields.read(path)
        kind = fields.option("model_type", None)
        if kind != MODEL_TYPE:
            raise CodecError(f"{path}: expected model_type {MODEL_TYPE!r}, got {kind!r}")
        hop = fields.size("encode_downsample_rate")
        config = cls(
            sample_rate=fields.size("input_sample_rate"),
            hop_length=hop,
            n_codebooks=fields.size("encoder_valid_num_quantizers"),
            encoder=_encoder(fields.table("encoder_config"), hop),
            decoder=_decoder(fields.table("decoder_config")),
        )
        config.check(fields)
        return config

    def check_room(self, folder: Path, n_tensors: int) -> None:
        """Raise for more layers or codebooks than the weights have tensors."""
        encoder, decoder = self.encoder, self.decoder
        layers = max(
            encoder.residual_layers, encoder.transformer.layers, decoder.transformer.layers,
            encoder.codebooks_stored, self.n_codebooks,
        )  # fmt: skip
        if layers > n_tensors:
            raise CodecError(
                f"config.json in {folder} has {layers} layers or codebooks, but the weights have "
                f"{n_tensors} tensors"
            )

    def check(self, fields: ConfigFields) -> None:
        """Raise for options that would load and then compute something else."""
        encoder, decoder = fields.table("encoder_config"), fields.table("decoder_config")
        expected = (
            ("output_sample_rate", fields.option("output_sample_rate", None), self.sample_rate),
            ("decode_upsample_rate", fields.option("decode_upsample_rate", None), self.hop_length),
            ("encoder use_causal_conv", encoder.option("use_causal_conv", True), True),
            ("encoder use_conv_shortcut", encoder.option("use_conv_shortcut", False), False),
            ("encoder pad_mode", encoder.option("pad_mode", "constant"), "constant"),
            ("encoder hidden_act", encoder.option("hidden_act", "gelu"), "gelu"),
            ("encoder audio_channels", encoder.option("audio_channels", 1), 1),
            ("encoder num_semantic_quantizers", encoder.option("num_semantic_quantizers", 1), 1),
            ("encoder rotary positions", _rope_type(encoder), "default"),
            ("decoder hidden_act", decoder.option("hidden_act", "silu"), "silu"),
            ("decoder num_semantic_quantizers", decoder.option("num_semantic_quantizers", 1), 1),
            ("decoder rotary positions", _rope_type(decoder), "default"),
            ("decoder num_quantizers", decoder.size("num_quantizers"), self.n_codebooks),
            ("decoder codebook_size", self.decoder.codebook_size, self.encoder.codebook_size),
            ("decoder rates", math.prod(self.decoder.upsampling) * math.prod(self.decoder.rates),
             self.hop_length),
            ("encoder strides", math.prod(self.encoder.strides) * self.encoder.downsample,
             self.hop_length),
        )  # fmt: skip
        wrong = [f"{name} is {got!r}, expected {want!r}" for name, got, want in expected
                 if got != want]  # fmt: skip
        if self.encoder.codebooks_stored < self.n_codebooks:
            wrong.append(f"the encoder stores {self.encoder.codebooks_stored} codebooks only")
        if wrong:
            raise CodecError(f"{fields.path} describes another architecture: {'; '.join(wrong)}")


def _encoder(fields: ConfigFields, hop: int) -> EncoderConfig:
    strides = fields.sizes("upsampling_ratios")[::-1]
    filters, compress = fields.size("num_filters"), fields.size("compress")
    if filters % compress:
        raise fields.wrong("compress", f"a divisor of num_filters, {filters}")
    return EncoderConfig(
        filters=filters,
        strides=strides,
        kernel=fields.size("kernel_size"),
        last_kernel=fields.size("last_kernel_size"),
        residual_kernel=fields.size("residual_kernel_size"),
        residual_layers=fields.size("num_residual_layers", least=0),
        dilation_growth=fields.size("dilation_growth_rate"),
        compress=compress,
        downsample=hop // math.prod(strides),
        transformer=_transformer(fields, eps="norm_eps"),
        codebooks_stored=fields.size("num_quantizers"),
        codebook_size=_codebook_size(fields),
        codebook_dim=fields.size("codebook_dim"),
    )


def _decoder(fields: ConfigFields) -> DecoderConfig:
    dim, width, rates = fields.size("codebook_dim"), fields.size("decoder_dim"), "upsample_rates"
    if dim % 2:
        raise fields.wrong("codebook_dim", "even")
    if width % 2 ** len(fields.sizes(rates)):
        raise fields.wrong("decoder_dim", f"divisible by 2 for each of {rates}")
    return DecoderConfig(
        quantizer_dim=dim,
        latent=fields.size("latent_dim"),
        width=width,
        upsampling=fields.sizes("upsampling_ratios", fewest=0),
        rates=fields.sizes(rates),
        transformer=_transformer(fields, eps="rms_norm_eps"),
        codebook_size=_codebook_size(fields),
    )


def _transformer(fields: ConfigFields, *, eps: str) -> TransformerConfig:
    heads, width = fields.size("num_attention_heads"), fields.size("hidden_size")
    kv_heads = fields.size("num_key_value_heads", default=heads)
    if heads % kv_heads:
        raise fields.wrong("num_key_value_heads", f"a divisor of num_attention_heads, {heads}")
    head_dim = fields.size("head_dim", default=width // heads)
    if head_dim < 1 or head_dim % 2:
        raise fields.wrong("head_dim", "even, or left out where hidden_size / heads is")
    return TransformerConfig(
        layers=fields.size("num_hidden_layers", least=0),
        width=width,
        hidden=fields.size("intermediate_size"),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        window=fields.size("sliding_window"),
        rope_base=_rope_base(fields),
        eps=fields.positive(eps),
        bias=bool(fields.option("attention_bias", False)),
    )


def _rope_base(fields: ConfigFields) -> float:
    """Base of the rotary frequencies, in a table of its own since transformers 5."""
    inside = fields.option("rope_theta", None) is None
    own = fields.table("rope_parameters") if inside and _rope_table(fields) else fields
    return own.positive("rope_theta")


def _rope_table(fields: ConfigFields) -> Any:
    return fields.option("rope_parameters", None) or fields.option("rope_scaling", None)


def _rope_type(fields: ConfigFields) -> Any:
    """Scaling of the rotary positions; "default" is none."""
    table = _rope_table(fields)
    if not isinstance(table, dict):
        return table or "default"
    return table.get("rope_type", table.get("type", "default"))


def _codebook_size(fields: ConfigFields) -> int:
    size = fields.size("codebook_size")
    if size > MOST_CODES:
        raise fields.wrong("codebook_size", f"at most {MOST_CODES}: codes are int16")
    return size


@dataclass(frozen=True)
class ConfigFields:
    """A table of a ``config.json``."""

    path: Path
    values: Mapping[str, Any]
    name: str = ""

    @classmethod
    def read(cls, path: Path) -> ConfigFields:
        """Read the top-level table of a file."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise CodecError(f"{path} is not a readable JSON file: {error}") from error
        if not isinstance(values, dict):
            raise CodecError(f"{path}: expected a table, got {type(values).__name__}")
        return cls(path, values)

    def table(self, name: str) -> ConfigFields:
        """Return the table under `name`."""
        value = self._held(name)
        if not isinstance(value, dict):
            raise self.wrong(name, "a table")
        return ConfigFields(self.path, value, name)

    def size(self, name: str, *, least: int = 1, default: int | None = None) -> int:
        """Return a whole number of at least `least`; null or missing is the default."""
        if default is not None and self.values.get(name) is None:
            return default
        value = self._held(name)
        if not _is_whole(value, least):
            raise self.wrong(name, f"a whole number of at least {least}")
        return int(value)

    def sizes(self, name: str, *, fewest: int = 1) -> tuple[int, ...]:
        """Return a list of whole numbers above 0."""
        value = self._held(name)
        if not isinstance(value, list) or len(value) < fewest or not all(map(_is_whole, value)):
            raise self.wrong(name, f"a list of {fewest} or more whole numbers above 0")
        return tuple(value)

    def positive(self, name: str) -> float:
        """Return a finite number above 0."""
        value = self._held(name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 < value < math.inf:
            raise self.wrong(name, "a number above 0")
        return float(value)

    def option(self, name: str, default: Any) -> Any:
        """Return a value of any kind, or the default if it is missing."""
        return self.values.get(name, default)

    def wrong(self, name: str, expected: str) -> CodecError:
        """Error for a wrong value of the field `name`."""
        got = repr(self.values.get(name))
        got = got if len(got) <= 80 else f"{got[:80]}…"
        return CodecError(f"{self.path}: {self._place(name)} must be {expected}, got {got}")

    def _held(self, name: str) -> Any:
        if name not in self.values:
            raise CodecError(f"{self.path} lacks {self._place(name)}")
        return self.values[name]

    def _place(self, name: str) -> str:
        return f"{self.name}.{name}" if self.name else name


def _is_whole(value: Any, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
