"""Codecs with a semantic codebook and acoustic ones that quantise the same latent."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from qtokfeatures.codecs.checks import as_embedding, as_vectors
from qtokfeatures.codecs.network import DecoderState, EncoderState
from qtokfeatures.codecs.nn.precision import inference, tf32
from qtokfeatures.codecs.nn.quantizer import SplitQuantizer
from qtokfeatures.codecs.stored import Model, StoredCodec


class SemanticCodec(
    StoredCodec[EncoderState, DecoderState, Model], Generic[EncoderState, DecoderState, Model]
):
    """Mimi's kind of codec: embeddings are ``[semantic | sum of acoustic]`` entries."""

    @property
    @abstractmethod
    def quantizer(self) -> SplitQuantizer:
        """The encoder's quantiser; loaded with either half."""

    def code_chunk(self, latent: Tensor) -> Tensor:
        """Quantise latents.

        Parameters
        ----------
        latent : Tensor, shape (batch, frame, dim)
            What :meth:`latent_chunk` returns.

        Returns
        -------
        Tensor of int64, shape (batch, codebook, frame)
            Codes.
        """
        with tf32(self.device, allowed=False):
            projected: Tensor = self.quantizer(latent)
        return self.nearest(projected)

    def nearest(self, projected: Tensor) -> Tensor:
        """Quantise projected latents.

        Parameters
        ----------
        projected : Tensor, shape (batch, frame, 2 * dim)
            ``[semantic | acoustic]``.

        Returns
        -------
        Tensor of int64, shape (batch, codebook, frame)
            Codes.
        """
        with tf32(self.device, allowed=False):
            return self.quantizer.codes(projected)

    def project(self, latents: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return what the codebooks quantise: ``[semantic | acoustic]`` projections of latents.

        Parameters
        ----------
        latents : array of float, shape (frame, dim)
            What :meth:`latents` returns.

        Returns
        -------
        ndarray of float32, shape (frame, dim)
            The space of :meth:`codebook_vectors`, :meth:`embed` and :meth:`quantize`.
        """
        width = self.quantizer.project.shape[1]
        vectors = torch.from_numpy(as_vectors(latents, width, f"latents of {self.spec.name}"))
        with inference(self.device), tf32(self.device, allowed=False):
            projected: Tensor = self.quantizer(vectors.to(self.device))
        return projected.cpu().numpy()

    @property
    def semantic_dims(self) -> slice:
        """Which dimensions of what :meth:`project` returns codebook 0 quantises: the first half."""
        return slice(0, self.spec.embedding_dim // 2)

    def quantize(self, embedding: npt.ArrayLike) -> npt.NDArray[np.int16]:
        """Find the codes whose entries add up nearest to given vectors, layer by layer.

        Parameters
        ----------
        embedding : array of float, shape (frame, dim)
            Vectors such as :meth:`embed` returns: ``[semantic | sum of acoustic]``. Latents are
            another space, see :meth:`project`.

        Returns
        -------
        ndarray of int16, shape (codebook, frame)
            Codes. Approximate: greedy search need not find the entries that were added up.
        """
        vectors = as_embedding(embedding, self.spec)
        with inference(self.device):
            codes = self.nearest(torch.from_numpy(vectors)[None].to(self.device))
        return codes[0].to(torch.int16).cpu().numpy()

    def entries(self, k: int) -> Tensor:
        """Return the entries of codebook `k`; the decoder may have other tables.

        Semantic entries are in the first half of the dimensions, acoustic ones in the second; the
        other half is 0.
        """
        entries = self.quantizer.entries[k]
        room = (0, entries.shape[1]) if k == 0 else (entries.shape[1], 0)
        return F.pad(entries, room)
