"""Encoder, quantisers and decoder, built from the weights in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from qtokfeatures.codecs.nn.memory import Memory
from qtokfeatures.codecs.nn.precision import fast_dtype, tf32
from qtokfeatures.codecs.qwen3.checkpoint import Checkpoint, Expected, Shape, TensorSource, Weights
from qtokfeatures.codecs.qwen3.config import Qwen3Config
from qtokfeatures.codecs.qwen3.decoder import Decoder
from qtokfeatures.codecs.qwen3.encoder import Encoder
from qtokfeatures.codecs.qwen3.quantizer import DecoderQuantizer, EncoderQuantizer
from qtokfeatures.codecs.stored import loaded


@dataclass(frozen=True)
class Qwen3Model:
    """The parts that were asked for; the encoder's codebooks are always there."""

    config: Qwen3Config
    quantizer: EncoderQuantizer
    encoder: Encoder | None
    lookup: DecoderQuantizer | None
    decoder: Decoder | None

    def prepare(self, device: torch.device, *, fast: bool = False) -> None:
        """Choose how to convolve on `device`, the decoder in lower precision where that gains."""
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
    """Build the network, taking weights from `source`."""
    ours, theirs = Weights(source).at("encoder"), Weights(source).at("decoder")
    return Qwen3Model(
        config,
        quantizer=EncoderQuantizer(config, ours.at("quantizer")),
        encoder=Encoder(config.encoder, ours) if encoder else None,
        lookup=DecoderQuantizer(config, theirs.at("quantizer")) if decoder else None,
        decoder=Decoder(config.decoder, theirs) if decoder else None,
    )


def expected_tensors(config: Qwen3Config) -> dict[str, Shape]:
    """Name and shape of every tensor in a checkpoint of these sizes."""
    expected = Expected()
    build_model(config, expected)
    return expected.shapes


def load_model(
    folder: Path, *, device: torch.device, encoder: bool = True, decoder: bool = True
) -> tuple[Qwen3Model, str]:
    """Load a folder.

    Parameters
    ----------
    folder : Path
        Holds ``config.json`` and the weights.
    device : torch.device
        Where the network runs.
    encoder, decoder : bool, default=True
        Load only the half you need. All of the checkpoint is checked in any case.

    Returns
    -------
    model : Qwen3Model
        Float32.
    digest : str
        SHA-256 of all weights, hexadecimal.

    Raises
    ------
    CodecError
        A missing or damaged file; weights that do not fit the configuration.
    """
    config = Qwen3Config.read(folder / "config.json")
    checkpoint = Checkpoint(folder, device)
    checkpoint.check(expected_tensors(config))
    model = build_model(config, checkpoint, encoder=encoder, decoder=decoder)
    checkpoint.check_values()
    return model, checkpoint.digest()
