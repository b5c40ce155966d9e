"""Codecs whose weights are in files: pickles leave the weights out and reload them on first use."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from typing_extensions import Self, TypeVar

from qtokfeatures.codecs.base import Codec
from qtokfeatures.codecs.devices import resolve_device
from qtokfeatures.codecs.network import DecoderState, EncoderState, Vectors
from qtokfeatures.exceptions import CodecError, CodecMismatchError, InputError
from qtokfeatures.labelled import CodecSpec

Model = TypeVar("Model", default=Any)
Part = TypeVar("Part")


@dataclass(frozen=True)
class LoadOptions:
    """How to load a codec; see :meth:`StoredCodec.load`."""

    device: torch.device
    name: str | None = None
    revision: str | None = None
    encoder: bool = True
    decoder: bool = True
    decode_dtype: str = "float32"


@dataclass(eq=False)
class SharedNetwork(Generic[Model]):
    """A network and the values computed from its weights, shared by codecs of one process."""

    model: Model
    spec: CodecSpec
    computed: dict[Any, Any] = field(default_factory=dict)


_Key = tuple[Any, ...]
_shared: WeakValueDictionary[_Key, SharedNetwork[Any]] = WeakValueDictionary()
_lock = threading.RLock()


class StoredCodec(Codec[EncoderState, DecoderState], Generic[EncoderState, DecoderState, Model]):
    """A codec that :meth:`load` reads from a file or folder; `origin` holds its arguments."""

    NOT_PICKLED: ClassVar[dict[str, Any]] = {"_loaded": None}  # and the replacements

    def __init__(
        self,
        loaded: SharedNetwork[Model] | None,
        spec: CodecSpec,
        device: torch.device,
        *,
        origin: dict[str, Any] | None = None,
        threads: int | None = None,
    ) -> None:
        super().__init__(spec, device)
        self._loaded, self._origin = loaded, origin
        if threads is not None:
            self.threads = threads

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        device: torch.device,
        name: str | None = None,
        revision: str | None = None,
        encoder: bool = True,
        decoder: bool = True,
        decode_dtype: str = "float32",
        threads: int | None = None,
    ) -> Self:
        """Load a codec; :func:`~qtokfeatures.codecs.load_codec` finds the path and the class.

        Parameters
        ----------
        path : Path
            File of weights, or folder with ``config.json`` and the weights.
        device : torch.device
            Device that runs the network.
        name, revision : str, optional
            Name and revision in the spec. By default the path and a hash of the weights.
        encoder, decoder : bool, default=True
            Halves to load; without one, its methods raise.
        decode_dtype : {"float32", "fast"}, default="float32"
            Precision of the decoder.
        threads : int, optional
            Threads of the network on a CPU.

        Returns
        -------
        Codec
            Codec of this class.

        Raises
        ------
        CodecError
            If a file is missing or damaged, or the weights do not fit their configuration.
        """
        options = LoadOptions(device, name, revision, encoder, decoder, decode_dtype)
        loaded = cls._share(path, options)
        origin = {"path": path, **asdict(options)}
        return cls(loaded, loaded.spec, device, origin=origin, threads=threads)

    @classmethod
    def _share(cls, path: Path, options: LoadOptions) -> SharedNetwork[Model]:
        """Return the network of these files if a codec in this process holds it, or read it."""
        key = (cls, path, options, _signature(path))
        with _lock:
            loaded: SharedNetwork[Model] | None = _shared.get(key)
            if loaded is None:
                loaded = _shared[key] = SharedNetwork(*cls.read(path, options))
            return loaded

    @classmethod
    @abstractmethod
    def read(cls, path: Path, options: LoadOptions) -> tuple[Model, CodecSpec]:
        """Read the network and its spec from `path`."""

    @abstractmethod
    def entries(self, k: int) -> Tensor:
        """Return the entries of the encoder's codebook `k`, as wide as ``spec.embedding_dim``."""

    @property
    def device(self) -> torch.device:
        """Device that runs the network; an unpickled codec checks that it is available."""
        return self._device if self._loaded is not None else resolve_device(self._device)

    @property
    def model(self) -> Model:
        """The network; an unpickled codec loads it on first use."""
        return self._network().model

    def computed(self, name: Any, compute: Callable[[], Any]) -> Any:
        """Return a value that is computed once from the weights."""
        values = self._network().computed
        if name not in values:
            values[name] = compute()
        return values[name]

    def _network(self) -> SharedNetwork[Model]:
        if self._loaded is None:
            if self._origin is None:
                raise CodecError("this codec has no file of weights: it cannot be unpickled")
            arguments = {**self._origin, "device": self.device}
            path = arguments.pop("path")
            found = self._share(path, LoadOptions(**arguments))
            if found.spec.fingerprint != self.spec.fingerprint:
                raise CodecMismatchError(
                    f"the weights of {self.spec.name} have changed: expected "
                    f"{self.spec.describe()}, found {found.spec.describe()}"
                )
            self._loaded = found
        return self._loaded

    def codebook_vectors(self, k: int) -> npt.NDArray[np.float32]:
        """Return the entries of a codebook of the encoder.

        Parameters
        ----------
        k : int
            Codebook, 0 = coarsest.

        Returns
        -------
        ndarray of float32, shape (code, dim)
            One row per entry; read-only. Embeddings are sums of entries.

        Raises
        ------
        InputError
            If there is no such codebook.
        """
        if not isinstance(k, (int, np.integer)) or not 0 <= k < self.spec.n_codebooks:
            raise InputError(
                f"{self.spec.name} has codebooks 0 … {self.spec.n_codebooks - 1}, got {k!r}"
            )
        vectors: Vectors = self.computed(int(k), lambda: self._entry_vectors(int(k)))
        return vectors

    def _entry_vectors(self, k: int) -> Vectors:
        with self.running():
            vectors: Vectors = self.entries(k).float().cpu().numpy()
        vectors.flags.writeable = False
        return vectors

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the weights: they are loaded again on first use, and compared."""
        return {**self.__dict__, **self.NOT_PICKLED}


def loaded(part: Part | None, half: str) -> Part:
    """Return a part of the "encoder" or "decoder", or raise if that half was not loaded."""
    if part is None:
        raise CodecError(f"this codec was loaded with {half}=False: it cannot {half[:-1]}")
    return part


def _signature(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Names, sizes and times of the files at `path`, which differ after a change."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    facts = [(file.name, file.stat()) for file in files if file.is_file()]
    return tuple((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in facts)
