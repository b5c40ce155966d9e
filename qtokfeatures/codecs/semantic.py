"""Codecs with a semantic codebook and acoustic ones that quantise the same latent."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic

import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from qtokfeatures.codecs.checks import as_embedding, as_vectors
from qtokfeatures.codecs.network import Codes, DecoderState, EncoderState, Vectors
from qtokfeatures.codecs.nn.precision import tf32
from qtokfeatures.codecs.nn.quantizer import SplitQuantizer
from qtokfeatures.codecs.stored import Model, StoredCodec


class SemanticCodec(
    StoredCodec[EncoderState, DecoderState, Model], Generic[EncoderState, DecoderState, Model]
):
    """A codec like Mimi, whose embeddings are ``[semantic | sum of acoustic]`` entries."""

    @property
    @abstractmethod
    def quantizer(self) -> SplitQuantizer:
        """The encoder's quantiser; loaded with either half."""

    def code_chunk(self, latent: Tensor) -> Tensor:
        with tf32(self.device, allowed=False):
            projected: Tensor = self.quantizer(latent)
        return self.nearest(projected)

    def nearest(self, projected: Tensor) -> Tensor:
        """Quantise projections (batch, frame, 2 * dim) → int64 (batch, codebook, frame)."""
        with tf32(self.device, allowed=False):
            return self.quantizer.codes(projected)

    def project(self, latents: npt.ArrayLike) -> Vectors:
        width = self.quantizer.project.shape[1]
        vectors = torch.from_numpy(as_vectors(latents, width, f"latents of {self.spec.name}"))
        with self.running(), tf32(self.device, allowed=False):
            projected: Tensor = self.quantizer(vectors.to(self.device))
        return projected.cpu().numpy()

    @property
    def semantic_dims(self) -> slice:
        return slice(0, self.spec.embedding_dim // 2)

    def quantize(self, embedding: npt.ArrayLike) -> Codes:
        # Embeddings are projected already: unlike latents, they skip `code_chunk`.
        vectors = as_embedding(embedding, self.spec)
        with self.running():
            codes = self.nearest(torch.from_numpy(vectors)[None].to(self.device))
        return codes[0].to(torch.int16).cpu().numpy()

    def entries(self, k: int) -> Tensor:
        # Semantic entries fill the first half of the dimensions, acoustic ones the second.
        entries = self.quantizer.entries[k]
        room = (0, entries.shape[1]) if k == 0 else (entries.shape[1], 0)
        return F.pad(entries, room)
