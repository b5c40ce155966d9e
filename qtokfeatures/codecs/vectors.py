"""Codes and latents as vectors: what frames stand for, before and after quantisation."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from qtokfeatures.audio import load_audio
from qtokfeatures.codecs.batching import frames_of, latent_chunks
from qtokfeatures.codecs.checks import as_codes, as_embedding
from qtokfeatures.codecs.network import (
    CodecNetwork,
    Codes,
    DecoderState,
    EncoderState,
    Vectors,
)
from qtokfeatures.codecs.nn.precision import inference
from qtokfeatures.exceptions import InputError

SILENCE_LN_LEVEL = float(np.log(1e-6))


class CodecVectors(CodecNetwork[EncoderState, DecoderState]):
    """The part of a codec that deals in vectors."""

    def latents(self, audio: Any, *, sr: int | None = None) -> Vectors:
        """Return the encoder's vectors before quantisation.

        Parameters
        ----------
        audio : audio
            As for :meth:`encode`.
        sr : int, optional
            Rate of a bare array, in Hz.

        Returns
        -------
        ndarray of float32, shape (frame, dim)
            One vector a frame.
        """
        clip = load_audio(audio, sr=sr, target_sr=self.spec.sample_rate)
        with inference(self.device):
            latents = torch.cat(list(latent_chunks(self, [clip.y])), dim=1)
            frames = frames_of(len(clip.y), self.spec.hop_length)
            return latents[0, :frames].float().cpu().numpy()

    def project(self, latents: npt.ArrayLike) -> Vectors:
        """Return what the codebooks quantise: latents in the space of their entries.

        Parameters
        ----------
        latents : array of float, shape (frame, dim)
            What :meth:`latents` returns.

        Returns
        -------
        ndarray of float32, shape (frame, dim)
            Vectors as wide as ``spec.embedding_dim``; for most codecs the latents themselves.
        """
        return np.asarray(latents, dtype=np.float32)

    @property
    def semantic_dims(self) -> slice:
        """Which dimensions of what :meth:`project` returns codebook 0 quantises."""
        return slice(None)

    def embed(
        self, codes: npt.ArrayLike, *, codebooks: int | Sequence[int] | None = None
    ) -> Vectors:
        """Return the vectors that frames of codes stand for.

        Parameters
        ----------
        codes : array of int, shape (codebook, frame)
            Codes, from the first codebook on.
        codebooks : int or sequence of int, optional
            The codebooks to add up: the first so many, or the ones named. All by default.

        Returns
        -------
        ndarray of float32, shape (frame, dim)
            Sum of the entries.
        """
        checked = as_codes(codes, self.spec)
        total = np.zeros((checked.shape[1], self.spec.embedding_dim), dtype=np.float32)
        entries = np.empty_like(total)
        for k in _chosen(codebooks, len(checked)):
            # Checked codes need no clipping: with the default mode, `out` would be buffered.
            np.take(self.codebook_vectors(k), checked[k], axis=0, out=entries, mode="clip")
            total += entries
        return total

    def quantize(self, embedding: npt.ArrayLike) -> Codes:
        """Find the codes whose entries add up nearest to given vectors, layer by layer.

        Parameters
        ----------
        embedding : array of float, shape (frame, dim)
            Vectors such as :meth:`embed` or :meth:`latents` return.

        Returns
        -------
        ndarray of int16, shape (codebook, frame)
            Codes. Approximate: greedy search need not find the entries that were added up.
        """
        vectors = as_embedding(embedding, self.spec)
        with inference(self.device):
            codes = self.code_chunk(torch.from_numpy(vectors)[None].to(self.device))
        return codes[0].to(torch.int16).cpu().numpy()


def _chosen(codebooks: int | Sequence[int] | None, count: int) -> list[int]:
    if codebooks is None:
        return list(range(count))
    try:
        chosen = list(range(index(codebooks)))  # type: ignore[arg-type]
    except TypeError:
        try:
            chosen = [index(k) for k in codebooks]  # type: ignore[union-attr]
        except TypeError:
            chosen = []
    if not chosen or min(chosen) < 0 or max(chosen) >= count:
        raise InputError(
            f"codebooks must name some of the {count} codebooks given (0 … {count - 1}), "
            f"got {codebooks!r}"
        )
    return chosen


"""Level that quieter frames get, −120 dB relative to full scale."""


def frame_levels(y: npt.ArrayLike, hop_length: int) -> npt.NDArray[np.float32]:
    """Natural logarithm of the RMS amplitude of each frame.

    Parameters
    ----------
    y : array of float, shape (sample,)
        Audio of whole frames.
    hop_length : int
        Samples a frame.

    Returns
    -------
    ndarray of float32, shape (frame,)
        At least ``ln(1e-6)``, −120 dB relative to full scale.

    Examples
    --------
    >>> np.exp(frame_levels([0.5, -0.5, 0.1, 0.1], 2)).round(3).tolist()
    [0.5, 0.10000000149011612]
    """
    frames = np.asarray(y, dtype=np.float64).reshape(-1, hop_length)
    ln_rms = 0.5 * np.log(np.maximum(np.square(frames).mean(axis=1), 1e-300))
    levels: npt.NDArray[np.float32] = np.maximum(ln_rms, SILENCE_LN_LEVEL).astype(np.float32)
    return levels
