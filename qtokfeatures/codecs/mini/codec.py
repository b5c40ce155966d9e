"""`mini` under the codec protocol."""

from __future__ import annotations

import hashlib
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from qtokfeatures.codecs.base import Codec
from qtokfeatures.codecs.mini.config import HOP_LENGTH, SAMPLE_RATE, TINY
from qtokfeatures.codecs.mini.model import DecoderState, EncoderState, MiniModel
from qtokfeatures.codecs.mini.weights import load_weights
from qtokfeatures.exceptions import CodecError, CodecMismatchError, InputError
from qtokfeatures.labelled import CodecSpec

SEMANTICS = "mini-encoder-2"
"""Changes with anything but the weights that changes the codes of some audio."""
ENCODE_DTYPE = "float64"
"""What the encoder computes in: sums that are grouped in another way, for another batch, chunk or
number of threads, then differ by so little that hardly ever another entry is the nearest."""


class MiniCodec(Codec[EncoderState, DecoderState]):
    """The bundled codec; see ``docs/mini.md``.

    Parameters
    ----------
    model : MiniModel
        The network, in evaluation mode.
    spec : CodecSpec
        What its codes depend on.
    device : torch.device
        Where it runs.
    origin : dict, optional
        Arguments of :meth:`load` that bring it back after pickling.
    """

    def __init__(
        self,
        model: MiniModel | None,
        spec: CodecSpec,
        device: torch.device,
        *,
        origin: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(spec, device)
        self._model, self._origin = model, origin
        self._vectors: dict[int, npt.NDArray[np.float32]] = {}

    @classmethod
    def load(
        cls, path: Path, *, device: torch.device, encoder: bool = True, decoder: bool = True
    ) -> MiniCodec:
        """Load weights; see :func:`~qtokfeatures.codecs.load_codec`."""
        model, digest = load_weights(path)
        if not encoder:
            del model.encoder.meaning, model.encoder.shape
        if not decoder:
            del model.decoder
        name = "mini" if path == bundled_weights() else str(path)
        origin = {"path": path, "device": device, "encoder": encoder, "decoder": decoder}
        spec = mini_spec(model, name=name, digest=digest)
        model.encoder.double()
        return cls(model.to(device), spec, device, origin=origin)

    @property
    def model(self) -> MiniModel:
        """The network; an unpickled codec loads it on first use."""
        if self._model is None:
            if self._origin is None:
                raise CodecError("this codec was made in memory: it cannot be unpickled")
            found = type(self).load(**self._origin)
            if found.spec.fingerprint != self.spec.fingerprint:
                raise CodecMismatchError(
                    f"the weights at {self._origin['path']} have changed: expected "
                    f"{self.spec.describe()}, found {found.spec.describe()}"
                )
            self._model = found.model
        return self._model

    @cached_property
    def _search_books(self) -> tuple[Tensor, Tensor]:
        return self.model.meanings.double(), self.model.codebooks.double()

    def start_encoding(self) -> EncoderState:
        """Return the encoder's state before the first sample."""
        if not hasattr(self.model.encoder, "shape"):
            raise CodecError("this codec was loaded with encoder=False: it cannot encode")
        return EncoderState()

    def latent_chunk(self, y: Tensor, state: EncoderState) -> Tensor:
        """Encode whole frames; see :class:`Codec`."""
        latent: Tensor = self.model.encoder(y.double(), state)
        return latent

    def code_chunk(self, latent: Tensor) -> Tensor:
        """Quantise; see :class:`Codec`."""
        meanings, books = self._search_books
        codes = self.model.quantize(latent.flatten(0, 1).double(), meanings=meanings, books=books)
        return codes.reshape(*latent.shape[:2], -1).transpose(1, 2)

    def start_decoding(self) -> DecoderState:
        """Return the decoder's state before the first frame."""
        if not hasattr(self.model, "decoder"):
            raise CodecError("this codec was loaded with decoder=False: it cannot decode")
        return DecoderState()

    def decode_chunk(self, codes: Tensor, state: DecoderState) -> Tensor:
        """Decode; see :class:`Codec`."""
        rows = codes.transpose(1, 2).flatten(0, 1)
        embedding = self.model.embed(rows).reshape(codes.shape[0], codes.shape[2], -1)
        y: Tensor = self.model.decoder(embedding, state)
        return y

    def codebook_vectors(self, k: int) -> npt.NDArray[np.float32]:
        """Entries of codebook `k`: meaning, shape, and the log level.

        Parameters
        ----------
        k : int
            Codebook, 0 = coarsest. Only codebook 0 has a meaning, only codebook 1 tells levels
            apart.

        Returns
        -------
        ndarray of float32, shape (2048, spec.embedding_dim)
            The last column is the natural logarithm of an RMS amplitude in codebook 1, and 0 in
            the others. Entries of codebook 0 that are never used repeat the first.

        Raises
        ------
        InputError
            There is no such codebook.
        """
        if not 0 <= k < self.spec.n_codebooks:
            raise InputError(f"mini has codebooks 0 … {self.spec.n_codebooks - 1}, got {k}")
        if k not in self._vectors:
            with torch.inference_mode():
                self._vectors[k] = self._entries(k).cpu().numpy()
            self._vectors[k].flags.writeable = False
        return self._vectors[k]

    def _entries(self, k: int) -> Tensor:
        config, model = self.model.config, self.model
        index = torch.arange(config.codebook_size, device=self.device)
        meaning = model.meanings.new_zeros(config.codebook_size, config.meaning_dim)
        ln_level = meaning[:, :1]
        if k == 0:
            index = torch.where(index < config.meaning_count, index, 0)
            meaning = model.meanings[index]
        elif k == 1:
            ladder = model.encoder.levels.ln_levels.float()
            ln_level = ladder[index // config.shape_count][:, None]
            index = index % config.shape_count
        return torch.cat([meaning, model.codebooks[k][index], ln_level], dim=1)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the weights out: they are loaded again on first use, and compared."""
        kept = {name: value for name, value in self.__dict__.items() if name != "_search_books"}
        return {**kept, "_model": None, "_vectors": {}}


def mini_spec(model: MiniModel, *, name: str, digest: str) -> CodecSpec:
    """Return the spec of weights with the SHA-256 `digest`."""
    facts = f"{SEMANTICS}:{ENCODE_DTYPE}:{digest}"
    return CodecSpec(
        name=name,
        revision=digest[:12],
        sample_rate=SAMPLE_RATE,
        frame_rate=SAMPLE_RATE / HOP_LENGTH,
        hop_length=HOP_LENGTH,
        n_codebooks=model.config.n_codebooks,
        codebook_size=model.config.codebook_size,
        fingerprint=hashlib.sha256(facts.encode()).hexdigest()[:16],
        embedding_dim=model.config.embedding_dim,
    )


@lru_cache(maxsize=1)
def bundled_weights() -> Path:
    """Return the path of the weights inside the package."""
    return Path(str(files("qtokfeatures.codecs.mini") / "mini.safetensors"))


def random_mini(seed: int = 0) -> MiniCodec:
    """Return an untrained codec of the same format, small and quick, for tests.

    Parameters
    ----------
    seed : int, default=0
        Codecs of one seed are equal, of two seeds differ.

    Returns
    -------
    MiniCodec
        On the CPU. It does not survive pickling.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MiniModel(TINY).eval()
        model.encoder.double()
    spec = mini_spec(model, name="mini-random", digest=f"random-{seed}")
    return MiniCodec(model, spec, torch.device("cpu"))
