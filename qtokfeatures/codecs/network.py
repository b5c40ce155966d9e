"""The interface that every codec implements: a network that runs in steps and carries state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from typing_extensions import Self, TypeVar

from qtokfeatures.codecs.nn.precision import inference
from qtokfeatures.codecs.threads import default_threads, survive_forks, unclaimed_threads
from qtokfeatures.exceptions import CodecError
from qtokfeatures.labelled import CodecSpec

EncoderState = TypeVar("EncoderState", default=Any)
DecoderState = TypeVar("DecoderState", default=Any)
Codes = npt.NDArray[np.int16]
Vectors = npt.NDArray[np.float32]

# Seconds of audio in a batch, padding included. On a CPU, larger batches leave the caches.
BATCH_S = 120.0
BATCH_ON_CPU_S = 10.0


class CodecNetwork(ABC, Generic[EncoderState, DecoderState]):
    """Base of codecs: subclasses encode and decode chunks of whole frames.

    Parameters
    ----------
    spec : CodecSpec
        Rates, sizes and fingerprint of the codes.
    device : torch.device
        Device that runs the network.
    """

    # Threads of a CPU; None is torch's number. Threads wait for each other some hundred times per
    # second of audio. On a busy machine each wait costs a turn of the scheduler, more than further
    # threads gain with the short steps of a small network.
    threads: int | None = 1

    def __init__(self, spec: CodecSpec, device: torch.device) -> None:
        self.spec, self._device = spec, device
        survive_forks()

    @property
    def device(self) -> torch.device:
        """Device that runs the network."""
        return self._device

    @abstractmethod
    def start_encoding(self) -> EncoderState:
        """Return the encoder's state before the first sample."""

    @abstractmethod
    def latent_chunk(self, y: Tensor, state: EncoderState) -> Tensor:
        """Encode whole frames, ``(batch, sample)`` → ``(batch, frame, dim)``; advances `state`."""

    @abstractmethod
    def code_chunk(self, latent: Tensor) -> Tensor:
        """Quantise ``(batch, frame, dim)`` → int64 ``(batch, codebook, frame)``."""

    @abstractmethod
    def start_decoding(self) -> DecoderState:
        """Return the decoder's state before the first frame."""

    @abstractmethod
    def decode_chunk(self, codes: Tensor, state: DecoderState) -> Tensor:
        """Decode ``(batch, codebook, frame)`` → ``(batch, sample)``; advances `state`."""

    @abstractmethod
    def codebook_vectors(self, k: int) -> Vectors:
        """Return the entries of codebook `k` of the encoder as float32 ``(code, dim)``."""

    def start_refining(self) -> Any:
        """Return the state of :meth:`refine_chunk` before the first sample."""
        raise CodecError(
            f"{self.spec.describe()} cannot refine codes, only codecs of mini's format can: "
            "leave refine out"
        )

    def refine_chunk(
        self, y: Tensor, latent: Tensor, codes: Tensor, state: Any, *, steps: int
    ) -> Tensor:
        """Refine `codes` (1, codebook, frame) of `y` (1, sample), `latent` (1, frame, dim)."""
        raise NotImplementedError

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the network without gradients, on as many threads as `threads` says."""
        device = self.device
        with default_threads(self.threads), inference(device):
            yield

    @property
    def workers(self) -> int:
        """Batches that run at once, each on one thread, where nobody chose a number of threads."""
        is_chosen = "threads" in vars(self) or self.threads != 1
        return 1 if is_chosen or self.device.type != "cpu" else unclaimed_threads()

    @property
    def batch_s(self) -> float:
        """Seconds of audio that pass through the network at once, padding included."""
        return BATCH_S if self.device.type == "cuda" else BATCH_ON_CPU_S

    def padded_frames(self, frames: int) -> int:
        """Frames to which a batch is padded when its longest clip has `frames`."""
        return frames

    def __copy__(self) -> Self:
        """Return this object: codecs are immutable."""
        return self

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Self:
        """Return this object, so that `sklearn.base.clone` does not copy weights."""
        return self

    def __repr__(self) -> str:
        """Name the codec, its fingerprint and its device."""
        return f"<{type(self).__name__} {self.spec.describe()} on {self._device}>"
