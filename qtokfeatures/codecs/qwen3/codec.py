"""Qwen3-TTS-Tokenizer-12Hz under the codec protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from qtokfeatures.codecs.nn.graphs import Graphed
from qtokfeatures.codecs.nn.memory import Memory
from qtokfeatures.codecs.nn.quantizer import SplitQuantizer
from qtokfeatures.codecs.qwen3.config import NAME, Qwen3Config
from qtokfeatures.codecs.qwen3.model import Qwen3Model, load_model
from qtokfeatures.codecs.semantic import SemanticCodec
from qtokfeatures.codecs.stored import loaded
from qtokfeatures.exceptions import CodecError
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


class Qwen3TTSTokenizer(SemanticCodec[Memory, Memory, Qwen3Model]):
    """Qwen3-TTS-Tokenizer-12Hz, loaded by :meth:`from_pretrained`; see ``docs/codecs.md``.

    Parameters
    ----------
    model : Qwen3Model or None
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

    FORGOTTEN: ClassVar[dict[str, Any]] = {**SemanticCodec.FORGOTTEN, "_graphs": {}}

    def __init__(
        self,
        model: Qwen3Model | None,
        spec: CodecSpec,
        device: torch.device,
        *,
        origin: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(model, spec, device, origin=origin)
        self._graphs: dict[str, Graphed] = {}

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
        model.prepare(device, fast=decode_dtype == "fast")
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
    def quantizer(self) -> SplitQuantizer:
        """The encoder's quantiser."""
        return self.model.quantizer

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
        loaded(self.model.encoder, "encoder")
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
        return self._run("quantize", projected, Memory())

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
        loaded(self.model.decoder, "decoder")
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

    def _run(self, step: str, x: Tensor, memory: Memory) -> Tensor:
        if step not in self._graphs:
            most = _GRAPHED_FRAMES * _VALUES_A_FRAME[step](self.spec)
            self._graphs[step] = Graphed(getattr(self.model, step), most_values=most)
        return self._graphs[step](x, memory)


def qwen3_spec(config: Qwen3Config, *, name: str, revision: str, digest: str) -> CodecSpec:
    """Return the spec of weights with the SHA-256 `digest`."""
    rates = f"{config.hop_length} samples at {config.sample_rate} Hz"
    facts = f"{SEMANTICS}:{config.encoder}:{rates}:float32:{digest}"
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
