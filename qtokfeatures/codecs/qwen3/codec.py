"""Qwen3-TTS-Tokenizer-12Hz as a codec."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from qtokfeatures.codecs.nn.graphs import Graphed
from qtokfeatures.codecs.nn.memory import Memory
from qtokfeatures.codecs.nn.precision import building
from qtokfeatures.codecs.nn.quantizer import SplitQuantizer
from qtokfeatures.codecs.qwen3.config import NAME, Qwen3Config
from qtokfeatures.codecs.qwen3.model import Qwen3Model, load_model
from qtokfeatures.codecs.semantic import SemanticCodec
from qtokfeatures.codecs.stored import LoadOptions, loaded
from qtokfeatures.exceptions import CodecError
from qtokfeatures.labelled import CodecSpec

# To change with the code, whenever codes of some audio change. The encoder's attention has its
# configured window, as in transformers 5 but not 4; clips are zero-padded to whole frames.
SEMANTICS = "qwen3-encoder-1:window:whole-frames"

_EXACT_FRAMES = 16  # shorter batches are not padded: streams would pay for it
_GRAPHED_FRAMES = 512  # longer inputs keep a GPU busy without graphs
_VALUES_A_FRAME: dict[str, Callable[[CodecSpec], int]] = {
    "encode": lambda spec: spec.hop_length,
    "quantize": lambda spec: spec.embedding_dim,
    "decode": lambda spec: spec.n_codebooks,
}


class Qwen3TTSTokenizer(SemanticCodec[Memory, Memory, Qwen3Model]):
    """Qwen3-TTS-Tokenizer-12Hz, loaded by :meth:`from_pretrained`; see ``docs/codecs.md``.

    Parameters
    ----------
    loaded : SharedNetwork or None
        Network and its spec; None loads it on first use.
    spec : CodecSpec
        Rates, sizes and fingerprint of the codes.
    device : torch.device
        Device that runs the network.
    origin : dict, optional
        Arguments of :meth:`load`, to load the weights again after pickling.
    threads : int, optional
        Threads of the network on a CPU.

    Examples
    --------
    The weights are 651 MB. The path of a folder that holds them can replace the name.

    >>> tokenizer = qt.Qwen3TTSTokenizer.from_pretrained(
    ...     "qwen-tts-tokenizer-12hz", device="cuda"
    ... )  # doctest: +SKIP
    >>> codes = tokenizer.encode("live_guitar.wav")  # doctest: +SKIP
    >>> wav, sr = tokenizer.decode(codes)  # doctest: +SKIP
    """

    threads = None  # further threads gain with large layers

    @classmethod
    def read(cls, path: Path, options: LoadOptions) -> tuple[Qwen3Model, CodecSpec]:
        with building(torch.device("cpu")):
            model, digest = load_model(
                path, device=options.device, encoder=options.encoder, decoder=options.decoder
            )
        model.prepare(options.device, fast=options.decode_dtype == "fast")
        name, revision = options.name or str(path), options.revision or digest[:12]
        return model, qwen3_spec(model.config, name=name, revision=revision, digest=digest)

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
            This name or ``"qwen-tts-tokenizer-12hz"`` download 651 MB once. Also another name on
            the hub, or a folder.
        device : str or torch.device, default="auto"
            ``"cpu"``, ``"cuda"``, …; "auto" is a CUDA device if there is one.
        decode_dtype : {"float32", "fast"}, default="float32"
            Precision of the decoder; "fast" is lower where that is faster on this processor.
        revision : str, optional
            Branch, tag or commit on the hub.
        encoder, decoder : bool, default=True
            Halves to load; without one, its methods raise.

        Returns
        -------
        Qwen3TTSTokenizer
            ``encode(audio)`` gives codes (16, frame), ``decode(codes)`` audio and its rate.

        Raises
        ------
        CodecError
            If it cannot be found, downloaded or loaded, or is another codec.
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
        return self.model.quantizer

    def start_encoding(self) -> Memory:
        loaded(self.model.encoder, "encoder")
        return Memory()

    def latent_chunk(self, y: Tensor, state: Memory) -> Tensor:
        if y.shape[1] == 0:
            return y.new_zeros(y.shape[0], 0, self.model.config.encoder.transformer.width)
        return self._run("encode", y, state)

    def nearest(self, projected: Tensor) -> Tensor:
        return self._run("quantize", projected, Memory())

    def start_decoding(self) -> Memory:
        loaded(self.model.decoder, "decoder")
        return Memory()

    def decode_chunk(self, codes: Tensor, state: Memory) -> Tensor:
        return self._run("decode", codes, state)

    def padded_frames(self, frames: int) -> int:
        if self.device.type != "cuda" or frames <= _EXACT_FRAMES:
            return frames
        # Eighths of a power of two: few lengths, whose graphs recur, and little padding.
        step = 1 << (frames.bit_length() - 4)
        return -(-frames // step) * step

    def _run(self, step: str, x: Tensor, memory: Memory) -> Tensor:
        def capture() -> Graphed:
            most = _GRAPHED_FRAMES * _VALUES_A_FRAME[step](self.spec)
            return Graphed(getattr(self.model, step), most_values=most)

        graphed: Graphed = self.computed(step, capture)
        return graphed(x, memory)


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
