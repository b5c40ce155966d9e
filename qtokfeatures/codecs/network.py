"""What a new codec has to bring: a network, in steps that carry their state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from typing_extensions import Self, TypeVar

from qtokfeatures.exceptions import CodecError
from qtokfeatures.labelled import CodecSpec

EncoderState = TypeVar("EncoderState", default=Any)
DecoderState = TypeVar("DecoderState", default=Any)
Codes = npt.NDArray[np.int16]
Vectors = npt.NDArray[np.float32]
BATCH_S = 120.0
"""Audio in a batch of clips, padding included, unless a codec knows better."""
BATCH_ON_CPU_S = 10.0
"""The same on a processor, where many clips at once only leave its caches."""


class CodecNetwork(ABC, Generic[EncoderState, DecoderState]):
    """The network of a codec, and what is to be known of it.

    :class:`~qtokfeatures.codecs.Codec` makes everything else of it.

    Parameters
    ----------
    spec : CodecSpec
        What its codes depend on.
    device : torch.device
        Where the network runs.
    """

    def __init__(self, spec: CodecSpec, device: torch.device) -> None:
        self.spec, self._device = spec, device

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self._device

    @abstractmethod
    def start_encoding(self) -> EncoderState:
        """Return the encoder's state before the first sample."""

    @abstractmethod
    def latent_chunk(self, y: Tensor, state: EncoderState) -> Tensor:
        """Encode whole frames, ``(batch, sample)`` → ``(batch, frame, dim)``; moves `state` on."""

    @abstractmethod
    def code_chunk(self, latent: Tensor) -> Tensor:
        """Quantise ``(batch, frame, dim)`` → int64 ``(batch, codebook, frame)``."""

    @abstractmethod
    def start_decoding(self) -> DecoderState:
        """Return the decoder's state before the first frame."""

    @abstractmethod
    def decode_chunk(self, codes: Tensor, state: DecoderState) -> Tensor:
        """Decode ``(batch, codebook, frame)`` → ``(batch, sample)``; moves `state` on."""

    @abstractmethod
    def codebook_vectors(self, k: int) -> Vectors:
        """Entries of one of the encoder's codebooks.

        Parameters
        ----------
        k : int
            Codebook, 0 = coarsest.

        Returns
        -------
        ndarray of float32, shape (code, dim)
            One row an entry.
        """

    def start_refining(self) -> Any:
        """Return what :meth:`refine_chunk` remembers, before the first sample.

        Returns
        -------
        object
            The state.

        Raises
        ------
        CodecError
            This codec cannot fit codes to what they decode to.
        """
        raise CodecError(
            f"{self.spec.describe()} cannot refine codes, only codecs of mini's format can: "
            "leave refine out"
        )

    def refine_chunk(
        self, y: Tensor, latent: Tensor, codes: Tensor, state: Any, *, steps: int
    ) -> Tensor:
        """Fit the `codes` (1, codebook, frame) of `y` (1, sample) in `steps` steps.

        `latent` (1, frame, dim) is what they were found for; moves `state` on.
        """
        raise NotImplementedError

    @property
    def batch_s(self) -> float:
        """Seconds of audio that go through the network at once, padding included."""
        return BATCH_S if self.device.type == "cuda" else BATCH_ON_CPU_S

    def padded_frames(self, frames: int) -> int:
        """Say how many frames a batch is filled up to.

        A codec that prepares itself for each length wants few of them.

        Parameters
        ----------
        frames : int
            What the longest clip has.

        Returns
        -------
        int
            As many, or more.
        """
        return frames

    def __copy__(self) -> Self:
        """Return this object: nothing in it changes."""
        return self

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Self:
        """Return this object, so that `sklearn.base.clone` does not copy weights."""
        return self

    def __repr__(self) -> str:
        """Name the codec, its fingerprint and its device."""
        return f"<{type(self).__name__} {self.spec.describe()} on {self._device}>"
