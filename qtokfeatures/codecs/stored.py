"""Codecs whose weights lie in a file: copies travel without them and load them on first use."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Generic

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from typing_extensions import Self, TypeVar

from qtokfeatures.codecs.base import Codec
from qtokfeatures.codecs.devices import resolve_device
from qtokfeatures.codecs.network import DecoderState, EncoderState
from qtokfeatures.codecs.nn.precision import inference
from qtokfeatures.exceptions import CodecError, CodecMismatchError, InputError
from qtokfeatures.labelled import CodecSpec

Model = TypeVar("Model", default=Any)
Part = TypeVar("Part")


class StoredCodec(Codec[EncoderState, DecoderState], Generic[EncoderState, DecoderState, Model]):
    """A codec with a network that :meth:`load` reads from a file.

    Parameters
    ----------
    model : Model or None
        The network; None when it is to be loaded on first use.
    spec : CodecSpec
        What its codes depend on.
    device : torch.device
        Where it runs.
    origin : dict, optional
        Arguments of :meth:`load` that bring it back after pickling.
    """

    FORGOTTEN: ClassVar[dict[str, Any]] = {"_model": None, "_vectors": {}}
    """Attributes that are not pickled, and what takes their place."""

    def __init__(
        self,
        model: Model | None,
        spec: CodecSpec,
        device: torch.device,
        *,
        origin: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(spec, device)
        self._model, self._origin = model, origin
        self._vectors: dict[int, npt.NDArray[np.float32]] = {}

    @classmethod
    @abstractmethod
    def load(cls, *args: Any, **kwargs: Any) -> Self:
        """Load a codec; takes what `origin` holds."""

    @abstractmethod
    def entries(self, k: int) -> Tensor:
        """Return the entries of the encoder's codebook `k`, as wide as ``spec.embedding_dim``."""

    @property
    def device(self) -> torch.device:
        """Where the network runs; an unpickled codec looks whether that is there."""
        return self._device if self._model is not None else resolve_device(self._device)

    @property
    def model(self) -> Model:
        """The network; an unpickled codec loads it on first use."""
        if self._model is None:
            if self._origin is None:
                raise CodecError("this codec was made in memory: it cannot be unpickled")
            found = type(self).load(**{**self._origin, "device": self.device})
            if found.spec.fingerprint != self.spec.fingerprint:
                raise CodecMismatchError(
                    f"the weights of {self.spec.name} have changed: expected "
                    f"{self.spec.describe()}, found {found.spec.describe()}"
                )
            self._model = found.model
        return self._model

    def codebook_vectors(self, k: int) -> npt.NDArray[np.float32]:
        """Entries of the encoder's codebook `k`.

        Parameters
        ----------
        k : int
            Codebook, 0 = coarsest.

        Returns
        -------
        ndarray of float32, shape (code, dim)
            One row an entry; read-only. Embeddings are sums of entries.

        Raises
        ------
        InputError
            There is no such codebook.
        """
        if not isinstance(k, (int, np.integer)) or not 0 <= k < self.spec.n_codebooks:
            raise InputError(
                f"{self.spec.name} has codebooks 0 … {self.spec.n_codebooks - 1}, got {k!r}"
            )
        if k not in self._vectors:
            with inference(self.device):
                self._vectors[k] = self.entries(k).float().cpu().numpy()
            self._vectors[k].flags.writeable = False
        return self._vectors[k]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the weights out: they are loaded again on first use, and compared."""
        return {**self.__dict__, **self.FORGOTTEN}


def loaded(part: Part | None, half: str) -> Part:
    """Return a part of a network that is there.

    Parameters
    ----------
    part : Part or None
        The part.
    half : {"encoder", "decoder"}
        What it belongs to.

    Returns
    -------
    Part
        The same.

    Raises
    ------
    CodecError
        That half was not loaded.
    """
    if part is None:
        raise CodecError(f"this codec was loaded with {half}=False: it cannot {half[:-1]}")
    return part
