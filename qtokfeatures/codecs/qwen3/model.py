"""Encoder, quantisers and decoder, built from the weights in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from qtokfeatures.codecs.qwen3.checkpoint import Checkpoint, Expected, Shape, TensorSource, Weights
from qtokfeatures.codecs.qwen3.config import Qwen3Config
from qtokfeatures.codecs.qwen3.decoder import Decoder
from qtokfeatures.codecs.qwen3.encoder import Encoder
from qtokfeatures.codecs.qwen3.quantizer import DecoderQuantizer, EncoderQuantizer


@dataclass(frozen=True)
class Qwen3Model:
    """The parts that were asked for; the encoder's codebooks are always there."""

    config: Qwen3Config
    quantizer: EncoderQuantizer
    encoder: Encoder | None
    lookup: DecoderQuantizer | None
    decoder: Decoder | None


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
    return model, checkpoint.digest()
