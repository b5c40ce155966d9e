"""Qwen3-TTS-Tokenizer-12Hz under the codec protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from qtokfeatures.codecs.base import Codec
from qtokfeatures.codecs.checks import as_embedding
from qtokfeatures.codecs.nn.graphs import Graphed
from qtokfeatures.codecs.nn.memory import Memory
from qtokfeatures.codecs.nn.precision import fast_dtype, tf32
from qtokfeatures.codecs.qwen3.config import NAME, Qwen3Config
from qtokfeatures.codecs.qwen3.model import Qwen3Model, load_model
from qtokfeatures.exceptions import CodecError, CodecMismatchError, InputError
from qtokfeatures.labelled import CodecSpec

SEMANTICS = "qwen3-encoder-1:window:whole-frames"
"""Changes with anything but weights and sizes that changes the codes of some audio.

The encoder's attention sees the window that is configured, as transformers 5 has it and 4 has
not, and a clip is padded with zeros to whole frames first.
"""

_EXACT_FRAMES = 16
_GRAPHED_FRAMES = 512
_VALUES_A_FRAME: dict[str, Callable[[CodecSpec], int]] = {
    "encode": lambda spec: spec.hop_length,
    "quantize": lambda spec: spec.embedding_dim,
    "decode": lambda spec: spec.n_codebooks,
}


class Qwen3TTSTokenizer(Codec[Memory, Memory]):
    """Qwen3-TTS-Tokenizer-12Hz, loaded by :meth:`from_pretrained`; see ``docs/codecs.md``.

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

    Examples
    --------
    The weights are 651 MB; a folder that holds them will do instead of the name.

    >>> tokenizer = qt.Qwen3TTSTokenizer.from_pretrained(
    ...     "qwen-tts-tokenizer-12hz", device="cuda"
    ... )  # doctest: +SKIP
    >>> codes = tokenizer.encode("live_guitar.wav")  # doctest: +SKIP
    >>> wav, sr = tokenizer.decode(codes)  # doctest: +SKIP
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
        self._graphs: dict[str, Graphed] = {}
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
    ) -> Qwen3TTSTokenizer:
        """Load a folder; most callers want :meth:`from_pretrained`.

        Parameters
        ----------
        folder : Path
            Holds ``config.json`` and the weights.
        device : torch.device
            Where the network runs.
        name, revision : str, optional
            What the spec says; the folder and a hash of its weights by default.
        encoder, decoder : bool, default=True
            Load only the half you need.
        decode_dtype : {"float32", "fast"}, default="float32"
            Precision of the decoder.

        Returns
        -------
        Qwen3TTSTokenizer
            Ready to use.

        Raises
        ------
        CodecError
            A missing or damaged file; weights that do not fit the configuration.
        """
        model, digest = load_model(folder, device=device, encoder=encoder, decoder=decoder)
        lower = fast_dtype(device) if decode_dtype == "fast" else None
        model.prepare(device, decode_dtype=lower)
        spec = qwen3_spec(
            model.config, name=name or str(folder), revision=revision or digest[:12], digest=digest
        )
        origin = {
            "folder": folder, "device": device, "name": name, "revision": revision,
            "encoder": encoder, "decoder": decoder, "decode_dtype": decode_dtype,
        }  # fmt: skip
        return cls(model, spec, device, origin=origin)

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path = NAME,
        *,
        device: str | torch.device = "auto",
        decode_dtype: str = "float32",
        revision: str | None = None,
        encoder: bool = True,
        decoder: bool = True,
    ) -> Qwen3TTSTokenizer:
        """Load the tokenizer: :func:`~qtokfeatures.codecs.load_codec` for this codec alone.

        Parameters
        ----------
        name_or_path : str or Path, default="Qwen/Qwen3-TTS-Tokenizer-12Hz"
            That name or ``"qwen-tts-tokenizer-12hz"``, which download 651 MB once; another name
            on the hub; or a folder.
        device : str or torch.device, default="auto"
            ``"cpu"``, ``"cuda"``, …; "auto" takes a CUDA device where there is one.
        decode_dtype : {"float32", "fast"}, default="float32"
            Precision of the decoder.
        revision : str, optional
            Branch, tag or commit on the hub.
        encoder, decoder : bool, default=True
            Load only the half you need.

        Returns
        -------
        Qwen3TTSTokenizer
            ``encode(audio)`` gives codes (16, frame), ``decode(codes)`` audio and its rate.

        Raises
        ------
        CodecError
            It cannot be found, downloaded or loaded, or is another codec.
        """
        from qtokfeatures.codecs.registry import load_codec

        codec = load_codec(
            name_or_path,
            device=device,
            decode_dtype=decode_dtype,
            revision=revision,
            encoder=encoder,
            decoder=decoder,
        )
        if not isinstance(codec, cls):
            raise CodecError(
                f"{str(name_or_path)!r} is not Qwen3-TTS-Tokenizer-12Hz: it is {codec}"
            )
        return codec

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
        """Start a stream of audio.

        Returns
        -------
        Memory
            The encoder's state before the first sample.

        Raises
        ------
        CodecError
            The encoder was not loaded.
        """
        if self.model.encoder is None:
            raise CodecError("this codec was loaded with encoder=False: it cannot encode")
        return Memory()

    def latent_chunk(self, y: Tensor, state: Memory) -> Tensor:
        """Encode whole frames.

        Parameters
        ----------
        y : Tensor, shape (batch, sample)
            Audio, a multiple of the hop length.
        state : Memory
            The stream's past; moves on.

        Returns
        -------
        Tensor, shape (batch, frame, dim)
            Latents.
        """
        if y.shape[1] == 0:
            return y.new_zeros(y.shape[0], 0, self.model.config.encoder.transformer.width)
        return self._run("encode", y, state)

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
        with tf32(allowed=False):
            projected = self.model.quantizer(latent)
        return self._run("quantize", projected, Memory())

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
        vectors = torch.from_numpy(np.ascontiguousarray(latents, dtype=np.float32))
        with torch.inference_mode(), tf32(allowed=False):
            projected: Tensor = self.model.quantizer(vectors.to(self.device))
        return projected.cpu().numpy()

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
            codes = self.model.quantize(torch.from_numpy(vectors)[None].to(self.device), Memory())
        return codes[0].to(torch.int16).cpu().numpy()

    def start_decoding(self) -> Memory:
        """Start a stream of codes.

        Returns
        -------
        Memory
            The decoder's state before the first frame.

        Raises
        ------
        CodecError
            The decoder was not loaded.
        """
        if self.model.decoder is None:
            raise CodecError("this codec was loaded with decoder=False: it cannot decode")
        return Memory()

    def decode_chunk(self, codes: Tensor, state: Memory) -> Tensor:
        """Decode frames.

        Parameters
        ----------
        codes : Tensor of int64, shape (batch, codebook, frame)
            Any number of codebooks from the first on.
        state : Memory
            The stream's past; moves on.

        Returns
        -------
        Tensor, shape (batch, sample)
            Audio.
        """
        return self._run("decode", codes, state)

    def padded_frames(self, frames: int) -> int:
        """Frames that a batch is filled up to: on a GPU, few lengths for which there are graphs.

        Parameters
        ----------
        frames : int
            What the longest clip has.

        Returns
        -------
        int
            Up to an eighth more.
        """
        if self.device.type != "cuda" or frames <= _EXACT_FRAMES:
            return frames
        step = 1 << (frames.bit_length() - 4)
        return -(-frames // step) * step

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
        return {**self.__dict__, "_model": None, "_vectors": {}, "_graphs": {}}

    def _run(self, step: str, x: Tensor, memory: Memory) -> Tensor:
        if step not in self._graphs:
            most = _GRAPHED_FRAMES * _VALUES_A_FRAME[step](self.spec)
            self._graphs[step] = Graphed(getattr(self.model, step), most_values=most)
        return self._graphs[step](x, memory)


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
