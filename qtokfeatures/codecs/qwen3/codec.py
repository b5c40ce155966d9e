"""Qwen3-TTS-Tokenizer-12Hz under the codec protocol."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from qtokfeatures.codecs.base import Codec
from qtokfeatures.codecs.checks import as_embedding
from qtokfeatures.codecs.nn.memory import Memory
from qtokfeatures.codecs.qwen3.config import Qwen3Config
from qtokfeatures.codecs.qwen3.model import Qwen3Model, load_model
from qtokfeatures.exceptions import CodecError, CodecMismatchError, InputError
from qtokfeatures.labelled import CodecSpec

SEMANTICS = "qwen3-encoder-1:window:whole-frames"
"""Changes with anything but weights and sizes that changes the codes of some audio.

The encoder's attention sees the window that is configured, as transformers 5 has it and 4 has
not, and a clip is padded with zeros to whole frames first.
"""


class Qwen3Codec(Codec[Memory, Memory]):
    """Qwen3-TTS-Tokenizer-12Hz; see ``docs/codecs.md``.

    Parameters
    ----------
    model : Qwen3Model
        The network.
    spec : CodecSpec
        What its codes depend on.
    device : torch.device
        Where it runs.
    origin : dict, optional
        Arguments of :meth:`load` that bring it back after pickling.
    """

    def __init__(
        self,
        model: Qwen3Model | None,
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
        cls,
        folder: Path,
        *,
        device: torch.device,
        name: str | None = None,
        revision: str | None = None,
        encoder: bool = True,
        decoder: bool = True,
        decode_dtype: str = "float32",
    ) -> Qwen3Codec:
        """Load a folder; see :func:`~qtokfeatures.codecs.load_codec`."""
        model, digest = load_model(folder, device=device, encoder=encoder, decoder=decoder)
        spec = qwen3_spec(
            model.config, name=name or str(folder), revision=revision or digest[:12], digest=digest
        )
        origin = {
            "folder": folder, "device": device, "name": name, "revision": revision,
            "encoder": encoder, "decoder": decoder, "decode_dtype": decode_dtype,
        }  # fmt: skip
        return cls(model, spec, device, origin=origin)

    @property
    def model(self) -> Qwen3Model:
        """The network; an unpickled codec loads it on first use."""
        if self._model is None:
            if self._origin is None:
                raise CodecError("this codec was made in memory: it cannot be unpickled")
            found = type(self).load(**self._origin)
            if found.spec.fingerprint != self.spec.fingerprint:
                raise CodecMismatchError(
                    f"the weights in {self._origin['folder']} have changed: expected "
                    f"{self.spec.describe()}, found {found.spec.describe()}"
                )
            self._model = found.model
        return self._model

    def start_encoding(self) -> Memory:
        """Return the encoder's state before the first sample."""
        if self.model.encoder is None:
            raise CodecError("this codec was loaded with encoder=False: it cannot encode")
        return Memory()

    def latent_chunk(self, y: Tensor, state: Memory) -> Tensor:
        """Encode whole frames; see :class:`Codec`."""
        if self.model.encoder is None:
            raise CodecError("this codec was loaded with encoder=False: it cannot encode")
        if y.shape[1] == 0:
            return y.new_zeros(y.shape[0], 0, self.model.config.encoder.transformer.width)
        latent: Tensor = self.model.encoder(y, state)
        return latent

    def code_chunk(self, latent: Tensor) -> Tensor:
        """Quantise; see :class:`Codec`."""
        projected = self.model.quantizer(latent)
        return self._codes(projected)

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
        with torch.inference_mode():
            codes = self._codes(torch.from_numpy(vectors)[None].to(self.device))
        return codes[0].to(torch.int16).cpu().numpy()

    def start_decoding(self) -> Memory:
        """Return the decoder's state before the first frame."""
        if self.model.decoder is None:
            raise CodecError("this codec was loaded with decoder=False: it cannot decode")
        return Memory()

    def decode_chunk(self, codes: Tensor, state: Memory) -> Tensor:
        """Decode; see :class:`Codec`."""
        if self.model.decoder is None or self.model.lookup is None:
            raise CodecError("this codec was loaded with decoder=False: it cannot decode")
        rows = codes.transpose(1, 2).flatten(0, 1)
        vectors = self.model.lookup(rows).unflatten(0, (codes.shape[0], codes.shape[2]))
        y: Tensor = self.model.decoder(vectors, state)
        return y

    def codebook_vectors(self, k: int) -> npt.NDArray[np.float32]:
        """Entries of the encoder's codebook `k`; the decoder has other tables.

        Parameters
        ----------
        k : int
            Codebook, 0 = the semantic one, the others acoustic.

        Returns
        -------
        ndarray of float32, shape (code, dim)
            The semantic entries are in the first half of the dimensions, the acoustic ones in
            the second; the other half is 0. So embeddings are sums of entries.

        Raises
        ------
        InputError
            There is no such codebook.
        """
        if not 0 <= k < self.spec.n_codebooks:
            raise InputError(
                f"{self.spec.name} has codebooks 0 … {self.spec.n_codebooks - 1}, got {k}"
            )
        if k not in self._vectors:
            entries = self.model.quantizer.entries[k]
            room = (0, entries.shape[1]) if k == 0 else (entries.shape[1], 0)
            self._vectors[k] = F.pad(entries, room).cpu().numpy()
            self._vectors[k].flags.writeable = False
        return self._vectors[k]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the weights out: they are loaded again on first use, and compared."""
        return {**self.__dict__, "_model": None, "_vectors": {}}

    def _codes(self, projected: Tensor) -> Tensor:
        codes: Tensor = self.model.quantizer.codes(projected.flatten(0, 1))
        return codes.reshape(*projected.shape[:2], -1).transpose(1, 2)


def qwen3_spec(config: Qwen3Config, *, name: str, revision: str, digest: str) -> CodecSpec:
    """Return the spec of weights with the SHA-256 `digest`."""
    facts = f"{SEMANTICS}:{config.encoder}:float32:{digest}"
    return CodecSpec(
        name=name,
        revision=revision,
        sample_rate=config.sample_rate,
        frame_rate=config.sample_rate / config.hop_length,
        hop_length=config.hop_length,
        n_codebooks=config.n_codebooks,
        codebook_size=config.encoder.codebook_size,
        fingerprint=hashlib.sha256(facts.encode()).hexdigest()[:16],
        embedding_dim=2 * config.encoder.codebook_dim,
    )
