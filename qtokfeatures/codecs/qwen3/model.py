"""Encoder, quantisers and decoder, built from the weights of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.checkpoint import Shape
from qtokfeatures.codecs.nn.linear import linear
from qtokfeatures.codecs.nn.memory import Memory
from qtokfeatures.codecs.nn.precision import fast_dtype, tf32
from qtokfeatures.codecs.nn.quantizer import SplitQuantizer, residual_decode
from qtokfeatures.codecs.qwen3.checkpoint import Checkpoint, Expected, TensorSource, Weights
from qtokfeatures.codecs.qwen3.config import Qwen3Config
from qtokfeatures.codecs.qwen3.decoder import Decoder
from qtokfeatures.codecs.qwen3.encoder import Encoder
from qtokfeatures.codecs.stored import loaded
from qtokfeatures.exceptions import CodecError

_LEAST_USAGE = 1e-5  # of a codebook entry, as in the reference


class EncoderQuantizer(SplitQuantizer):
    """Latents → codes."""

    def __init__(self, config: Qwen3Config, weights: Weights) -> None:
        semantic = weights.at("semantic_residual_vector_quantizer")
        acoustic = weights.at("acoustic_residual_vector_quantizer")
        used = config.n_codebooks - 1
        entries = _encoder_entries(config, semantic, stored=1, used=1)
        entries += _encoder_entries(
            config, acoustic, stored=config.encoder.codebooks_stored - 1, used=used
        )
        width, dim = config.encoder.transformer.width, config.encoder.codebook_dim
        projections = [branch.at("input_proj") for branch in (semantic, acoustic)]
        for branch in (semantic, acoustic):
            branch.at("output_proj").leave("weight", width, dim, 1)
        super().__init__(
            torch.stack(entries),
            torch.cat([p.take("weight", dim, width, 1)[..., 0] for p in projections]),
        )


class DecoderQuantizer(nn.Module):
    """Codes → the decoder's input."""

    entries: Tensor
    project: Tensor

    def __init__(self, config: Qwen3Config, weights: Weights) -> None:
        super().__init__()
        width, dim = config.decoder.quantizer_dim, config.decoder.codebook_dim
        branches = [weights.at("rvq_first"), weights.at("rvq_rest")]
        entries, projections = [], []
        for branch, layers in zip(branches, (1, config.n_codebooks - 1), strict=True):
            branch.at("input_proj").leave("weight", dim, width, 1)
            projections.append(branch.at("output_proj").take("weight", width, dim, 1)[..., 0])
            for layer in range(layers):
                book = branch.at("vq").at("layers").at(layer).at("_codebook")
                entries.append(_entries(book, "embedding_sum", config.decoder.codebook_size, dim))
        self.register_buffer("entries", torch.stack(entries))
        self.register_buffer("project", torch.cat(projections, dim=1))

    def forward(self, codes: Tensor) -> Tensor:
        """Look up codes (row, codebook), of the first codebooks or all → (row, width)."""
        semantic = residual_decode(codes[:, :1], self.entries[:1])
        acoustic = residual_decode(codes[:, 1:], self.entries[1:])
        return linear(torch.cat([semantic, acoustic], dim=1), self.project)


def _encoder_entries(
    config: Qwen3Config, weights: Weights, *, stored: int, used: int
) -> list[Tensor]:
    size, dim = config.encoder.codebook_size, config.encoder.codebook_dim
    found = []
    for layer in range(stored):
        book = weights.at("layers").at(layer).at("codebook")
        book.leave("initialized", 1)
        if layer < used:
            found.append(_entries(book, "embed_sum", size, dim))
        else:
            book.leave("embed_sum", size, dim)
            book.leave("cluster_usage", size)
    return found


def _entries(book: Weights, name: str, size: int, dim: int) -> Tensor:
    usage = book.take("cluster_usage", size).clamp(min=_LEAST_USAGE)
    return book.take(name, size, dim) / usage[:, None]


@dataclass(frozen=True)
class Qwen3Model:
    """The loaded halves; the encoder's quantiser is always loaded."""

    config: Qwen3Config
    quantizer: EncoderQuantizer
    encoder: Encoder | None
    lookup: DecoderQuantizer | None
    decoder: Decoder | None

    def prepare(self, device: torch.device, *, fast: bool = False) -> None:
        """Select the fastest convolutions on `device`, in lower precision for a `fast` decoder."""
        if device.type == "cuda":
            _prepare_for_gpu(self.encoder, self.decoder, fast=fast)
        else:
            _prepare_for_cpu(self.encoder, self.decoder, fast_dtype(device) if fast else None)

    def encode(self, y: Tensor, memory: Memory) -> Tensor:
        """Encode whole frames, ``(batch, sample)`` → ``(batch, frame, dim)``."""
        with tf32(y.device, allowed=False):
            latent: Tensor = loaded(self.encoder, "encoder")(y, memory)
        return latent

    def quantize(self, projected: Tensor, memory: Memory) -> Tensor:
        """Quantise ``(batch, frame, dim)`` → int64 ``(batch, codebook, frame)``."""
        with tf32(projected.device, allowed=False):
            return self.quantizer.codes(projected)

    def decode(self, codes: Tensor, memory: Memory) -> Tensor:
        """Decode ``(batch, codebook, frame)`` → ``(batch, sample)``."""
        lookup, decoder = loaded(self.lookup, "decoder"), loaded(self.decoder, "decoder")
        rows = codes.transpose(1, 2).flatten(0, 1)
        with tf32(codes.device, allowed=False):
            vectors = lookup(rows).unflatten(0, (codes.shape[0], codes.shape[2]))
            y: Tensor = decoder(vectors, memory)
        return y


def _prepare_for_cpu(
    encoder: Encoder | None, decoder: Decoder | None, lower: torch.dtype | None
) -> None:
    if encoder is not None:
        for convolution in encoder.paired_convolutions():
            convolution.pair_steps()
    if decoder is not None:
        for convolution in decoder.early_convolutions():
            convolution.multiply_taps()
        if lower is not None:
            for convolution in decoder.robust_convolutions():
                convolution.lower_precision(lower)


def _prepare_for_gpu(encoder: Encoder | None, decoder: Decoder | None, *, fast: bool) -> None:
    if encoder is not None:
        encoder.enter.multiply_taps()
        for convolution in encoder.convolutions():
            convolution.multiply_taps()
            convolution.add_bias_late()
    if decoder is not None:
        decoder.leave.multiply_taps()
        for convolution in decoder.convolutions():
            convolution.add_bias_late()
            if fast:
                convolution.round_factors()
            else:
                convolution.split_precision()


def build_model(
    config: Qwen3Config, source: TensorSource, *, encoder: bool = True, decoder: bool = True
) -> Qwen3Model:
    """Build the network with weights from `source`."""
    ours, theirs = Weights(source).at("encoder"), Weights(source).at("decoder")
    return Qwen3Model(
        config,
        quantizer=EncoderQuantizer(config, ours.at("quantizer")),
        encoder=Encoder(config.encoder, ours) if encoder else None,
        lookup=DecoderQuantizer(config, theirs.at("quantizer")) if decoder else None,
        decoder=Decoder(config.decoder, theirs) if decoder else None,
    )


def expected_tensors(config: Qwen3Config) -> dict[str, Shape]:
    """Names and shapes of the tensors of a checkpoint of these sizes."""
    expected = Expected()
    build_model(config, expected)
    return expected.shapes


def load_model(
    folder: Path, *, device: torch.device, encoder: bool = True, decoder: bool = True
) -> tuple[Qwen3Model, str]:
    """Load the model of a folder, and the SHA-256 of its weights; all of it is checked."""
    config = Qwen3Config.read(folder / "config.json")
    checkpoint = Checkpoint(folder, device)
    config.check_room(folder, len(checkpoint.shapes))
    try:
        expected = expected_tensors(config)
    except (RuntimeError, TypeError, OverflowError, MemoryError) as error:  # beyond 2^63 values
        raise CodecError(f"config.json in {folder} has impossible sizes: {error}") from error
    checkpoint.check(expected)
    model = build_model(config, checkpoint, encoder=encoder, decoder=decoder)
    checkpoint.check_values()
    return model, checkpoint.digest()
