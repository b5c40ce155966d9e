"""Split residual quantisers: one semantic codebook, and acoustic ones, both of the same latent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.nn.linear import linear
from qtokfeatures.codecs.nn.quantizer import SplitQuantizer, residual_decode
from qtokfeatures.codecs.qwen3.checkpoint import Weights
from qtokfeatures.codecs.qwen3.config import Qwen3Config

_LEAST_USAGE = 1e-5


class EncoderQuantizer(SplitQuantizer):
    """Latents → codes.

    Parameters
    ----------
    config : Qwen3Config
        Sizes.
    weights : Weights
        The part ``encoder.quantizer.`` of a checkpoint.
    """

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
    """Codes → the decoder's input.

    Parameters
    ----------
    config : Qwen3Config
        Sizes.
    weights : Weights
        The part ``decoder.quantizer.`` of a checkpoint.
    """

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
        """Look up ``(row, codebook)``, any prefix → ``(row, width)``."""
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
