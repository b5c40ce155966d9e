"""Codecs that `transformers` implements, behind this package's protocol: Mimi.

The only module that imports `transformers` (the extra ``hf``). Another causal model takes a class
like :class:`MimiCodec`: a spec, and encoding and decoding of whole frames after a state.
"""

from __future__ import annotations

import hashlib
import json
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic

import torch
from torch import Tensor
from typing_extensions import Self

from qtokfeatures.codecs.network import DecoderState, EncoderState
from qtokfeatures.codecs.nn.precision import tf32
from qtokfeatures.codecs.nn.quantizer import SplitQuantizer
from qtokfeatures.codecs.qwen3.checkpoint import Checkpoint
from qtokfeatures.codecs.semantic import SemanticCodec
from qtokfeatures.codecs.stored import Model, StoredCodec, loaded
from qtokfeatures.exceptions import CodecError
from qtokfeatures.labelled import CodecSpec

_LISTED = 20
OLDEST = 5
"""Major version of transformers since which Mimi's attention has its configured window."""


class HfCodec(
    StoredCodec[EncoderState, DecoderState, Model], Generic[EncoderState, DecoderState, Model]
):
    """A codec with a model of `transformers`.

    A subclass names the model's class and its :data:`SEMANTICS`, and brings :meth:`take_parts`,
    :meth:`describe`, :meth:`encoder_settings` and what every codec has to bring.
    """

    CLASS_NAME: ClassVar[str]
    SEMANTICS: ClassVar[str]
    """Changes with whatever, but weights and settings, changes the codes of some audio."""

    @classmethod
    @abstractmethod
    def take_parts(cls, network: Any, *, encoder: bool, decoder: bool) -> Model:
        """Return what is needed of a loaded model of `transformers`."""

    @classmethod
    @abstractmethod
    def describe(cls, config: Any) -> dict[str, Any]:
        """Return the facts of a CodecSpec that a model's configuration tells."""

    @classmethod
    @abstractmethod
    def encoder_settings(cls, config: Any) -> dict[str, Any]:
        """Return whatever a configuration sets that changes codes, the same in any version."""

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
    ) -> Self:
        """Load a folder; most callers want :func:`~qtokfeatures.codecs.load_codec`.

        Parameters
        ----------
        folder : Path
            Holds ``config.json`` and safetensors weights.
        device : torch.device
            Where the network runs.
        name, revision : str, optional
            What the spec says; the folder and a hash of its weights by default.
        encoder, decoder : bool, default=True
            Keep only the half you need.
        decode_dtype : {"float32", "fast"}, default="float32"
            Both are float32 here.

        Returns
        -------
        HfCodec
            Ready to use.

        Raises
        ------
        CodecError
            `transformers` is not there or too old; weights that do not fit the configuration.
        """
        digest = Checkpoint(folder, torch.device("cpu")).digest()
        network = _loaded(cls.CLASS_NAME, folder)
        facts = cls.describe(network.config)
        settings = canonical({**facts, **cls.encoder_settings(network.config)})
        fingerprint = hashlib.sha256(f"{cls.SEMANTICS}:{settings}:float32:{digest}".encode())
        spec = CodecSpec(
            name=name or str(folder),
            revision=revision or digest[:12],
            fingerprint=fingerprint.hexdigest()[:16],
            **facts,
        )
        model = cls.take_parts(network.eval().to(device), encoder=encoder, decoder=decoder)
        origin = {
            "folder": folder, "device": device, "name": name, "revision": revision,
            "encoder": encoder, "decoder": decoder, "decode_dtype": decode_dtype,
        }  # fmt: skip
        return cls(model, spec, device, origin=origin)


@dataclass(frozen=True)
class Half:
    """Mimi's encoder or decoder.

    `change_rate` is the convolution between the codec's frames and the transformer's steps;
    `context` counts the transformer's steps before a piece that its `convolve` looks back on.
    """

    convolve: Callable[[Tensor], Tensor]
    transform: Any
    change_rate: Callable[[Tensor], Tensor]
    context: int


@dataclass(frozen=True)
class MimiParts:
    """The parts of a MimiModel, wherever a version of `transformers` has them."""

    quantizer: SplitQuantizer
    dequantize: Callable[[Tensor], Tensor]
    encoder: Half | None
    decoder: Half | None
    step: int
    steps_a_frame: int


@dataclass
class MimiState:
    """The past of a stream: what convolutions look back on, and the transformer's cache."""

    pieces: dict[str, Tensor] = field(default_factory=dict)
    cache: Any = None

    def joined(self, name: str, x: Tensor, most: int) -> tuple[Tensor, int]:
        """Put the past before `x` along its last dimension; return both, and the past's length."""
        past = self.pieces.get(name, x[..., :0])
        seen = torch.cat([past, x], dim=-1)
        self.pieces[name] = seen[..., max(0, seen.shape[-1] - most) :].clone()
        return seen, past.shape[-1]


class MimiCodec(
    SemanticCodec[MimiState, MimiState, MimiParts], HfCodec[MimiState, MimiState, MimiParts]
):
    """Mimi (Défossez et al., 2024, arXiv:2410.00037) as `transformers` implements it.

    Attention is cached and convolutions run over a little of the past again, so that a piece of
    any length continues the one before. Positions are counted from the start of a stream in
    float32, as `transformers` does: after hours its codes may differ from those of a short clip.
    """

    CLASS_NAME = "MimiModel"
    SEMANTICS = "mimi-1:window:whole-frames"
    ENCODER_SETTINGS: ClassVar[tuple[str, ...]] = (
        "attention_bias", "audio_channels", "codebook_dim", "compress", "dilation_growth_rate",
        "head_dim", "hidden_act", "hidden_size", "intermediate_size", "kernel_size",
        "last_kernel_size", "norm_eps", "num_attention_heads", "num_filters", "num_hidden_layers",
        "num_key_value_heads", "num_residual_layers", "num_semantic_quantizers", "pad_mode",
        "residual_kernel_size", "sliding_window", "upsampling_ratios", "use_causal_conv",
        "use_conv_shortcut", "vector_quantization_hidden_dimension",
    )  # fmt: skip
    """Fields of a MimiConfig that change codes, beside those in the spec and the rotary base.

    Named one by one, so that fields that a version of `transformers` adds change no fingerprint.
    """

    @classmethod
    def describe(cls, config: Any) -> dict[str, Any]:
        """Return the facts of a CodecSpec that a model's configuration tells."""
        hop = round(config.sampling_rate / config.frame_rate)
        if config.num_semantic_quantizers != 1 or config.audio_channels != 1:
            raise CodecError("only Mimi with one channel and one semantic codebook is supported")
        rope_type = _rope(config).get("rope_type", "default")
        if not config.use_causal_conv or rope_type != "default":
            raise CodecError(
                "only Mimi with causal convolutions and plain rotary embeddings is supported, got "
                f"use_causal_conv {config.use_causal_conv!r} and rope_type {rope_type!r}"
            )
        return {
            "sample_rate": config.sampling_rate,
            "frame_rate": config.sampling_rate / hop,
            "hop_length": hop,
            "n_codebooks": config.num_quantizers,
            "codebook_size": config.codebook_size,
            "embedding_dim": 2 * config.codebook_dim,
        }

    @classmethod
    def encoder_settings(cls, config: Any) -> dict[str, Any]:
        """Return whatever a configuration sets that changes codes."""
        fields = {name: getattr(config, name) for name in cls.ENCODER_SETTINGS}
        return {**fields, "rope_theta": _rope(config)["rope_theta"]}

    @classmethod
    def take_parts(cls, network: Any, *, encoder: bool, decoder: bool) -> MimiParts:
        """Return what is needed of a MimiModel."""
        config, step = network.config, math.prod(network.config.upsampling_ratios)
        hop = round(config.sampling_rate / config.frame_rate)
        encoding = decoding = None
        if encoder:
            encoding = Half(
                _part(network, "encoder.encoder_seanet", "encoder"),
                _part(network, "encoder.encoder_transformer", "encoder_transformer"),
                _part(network, "encoder.downsample", "downsample"),
                _encoder_context(config),
            )
        if decoder:
            decoding = Half(
                _part(network, "decoder.decoder_seanet", "decoder"),
                _part(network, "decoder.decoder_transformer", "decoder_transformer"),
                _part(network, "decoder.upsample", "upsample"),
                _decoder_context(config),
            )
        return MimiParts(
            _quantizer(network.quantizer), network.quantizer.decode, encoding, decoding,
            step, hop // step,
        )  # fmt: skip

    @property
    def quantizer(self) -> SplitQuantizer:
        """The encoder's quantiser."""
        return self.model.quantizer

    def start_encoding(self) -> MimiState:
        """Return the encoder's state before the first sample."""
        loaded(self.model.encoder, "encoder")
        return MimiState()

    def latent_chunk(self, y: Tensor, state: MimiState) -> Tensor:
        """Encode whole frames; see :class:`~qtokfeatures.codecs.Codec`."""
        half, step = loaded(self.model.encoder, "encoder"), self.model.step
        if y.shape[1] == 0:
            return y.new_zeros(y.shape[0], 0, self.model.quantizer.project.shape[1])
        with tf32(self.device, allowed=False):
            seen, past = state.joined("audio", y[:, None], half.context * step)
            x = _attended(half.convolve(seen)[..., past // step :], half, state)
            # Kept from a frame's start on, so that strides begin where they did.
            seen, past = state.joined("steps", x, 2 * self.model.steps_a_frame)
            latent = half.change_rate(seen)[..., past // self.model.steps_a_frame :]
        return latent.transpose(1, 2)

    def start_decoding(self) -> MimiState:
        """Return the decoder's state before the first frame."""
        loaded(self.model.decoder, "decoder")
        return MimiState()

    def decode_chunk(self, codes: Tensor, state: MimiState) -> Tensor:
        """Decode frames; see :class:`~qtokfeatures.codecs.Codec`."""
        half = loaded(self.model.decoder, "decoder")
        with tf32(self.device, allowed=False):
            seen, past = state.joined("frames", self.model.dequantize(codes), 2)
            x = half.change_rate(seen)[..., past * self.model.steps_a_frame :]
            seen, past = state.joined("steps", _attended(x, half, state), half.context)
            y = half.convolve(seen)[..., past * self.model.step :]
        return y[:, 0]


def _attended(x: Tensor, half: Half, state: MimiState) -> Tensor:
    """Run a transformer over ``(batch, channel, step)`` after its cache."""
    if state.cache is None:
        from transformers import DynamicCache

        state.cache = DynamicCache(config=half.transform.config)
    found = half.transform(x.transpose(1, 2), past_key_values=state.cache, use_cache=True)
    y: Tensor = found.last_hidden_state
    return y.transpose(1, 2)


def canonical(settings: Mapping[str, Any]) -> str:
    """Write settings down in one way, whether a number came as ``1`` or ``1.0``.

    Parameters
    ----------
    settings : mapping of str to bool, number, str, sequence or None
        Names and values.

    Returns
    -------
    str
        JSON.

    Examples
    --------
    >>> canonical({"rate": 2, "act": "gelu", "ratios": (8, 6)})
    '{"act": "gelu", "rate": 2.0, "ratios": [8.0, 6.0]}'
    """
    return json.dumps({name: _plain(settings[name]) for name in sorted(settings)})


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else value


def _rope(config: Any) -> dict[str, Any]:
    """Settings of the rotary embedding, which versions keep in a table or as single fields."""
    table = dict(getattr(config, "rope_parameters", None) or {})
    return {"rope_theta": getattr(config, "rope_theta", None), **table}


def _loaded(class_name: str, folder: Path) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise CodecError(
            "this codec needs the package transformers: pip install 'qtokfeatures[hf]'"
        ) from error
    if int(transformers.__version__.partition(".")[0]) < OLDEST:
        raise CodecError(
            f"this codec needs transformers {OLDEST} or newer, found {transformers.__version__}: "
            "older ones ignore the attention's window"
        )
    from huggingface_hub.errors import StrictDataclassError

    try:
        with _quiet(transformers.logging):
            network, facts = getattr(transformers, class_name).from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32,
                output_loading_info=True, ignore_mismatched_sizes=True,
            )  # fmt: skip
    except (OSError, ValueError, RuntimeError, StrictDataclassError) as error:
        raise CodecError(f"transformers cannot load {folder}: {error}") from error
    wrong = {
        kind.replace("_", " "): sorted(map(_named, facts[kind]))
        for kind in ("missing_keys", "mismatched_keys", "unexpected_keys")
        if facts.get(kind)
    }
    if wrong:
        parts = [f"{kind}: {', '.join(names[:_LISTED])}" for kind, names in wrong.items()]
        raise CodecError(
            f"the weights in {folder} do not fit their config.json: {'; '.join(parts)}"
        )
    return network


def _named(key: Any) -> str:
    """Return the name of a tensor, with both shapes where it has another one than it should."""
    if isinstance(key, str):
        return key
    name, found, expected = key
    return f"{name} {list(found)} instead of {list(expected)}"


@contextmanager
def _quiet(log: Any) -> Iterator[None]:
    """Keep a table of what does not fit off stderr: the error says it."""
    before = log.get_verbosity()
    log.set_verbosity_error()
    try:
        yield
    finally:
        log.set_verbosity(before)


def _part(network: Any, *places: str) -> Any:
    """Return the first of several places that a model has: versions nest its parts differently."""
    for place in places:
        try:
            return network.get_submodule(place)
        except AttributeError:
            continue
    raise CodecError(f"this version of transformers has no {places[-1]} where it is looked for")


def _quantizer(quantizer: Any) -> SplitQuantizer:
    branches = [
        quantizer.semantic_residual_vector_quantizer,
        quantizer.acoustic_residual_vector_quantizer,
    ]
    entries = [layer.codebook.embed for branch in branches for layer in branch.layers]
    with torch.inference_mode():
        project = torch.cat([branch.input_proj.weight[..., 0] for branch in branches])
        return SplitQuantizer(torch.stack(entries).clone(), project)


def _encoder_context(config: Any) -> int:
    """Steps that the encoder's convolutions look back: their reach in samples, rounded up."""
    reach: float = config.kernel_size - 1
    rate = 1
    for stride in reversed(config.upsampling_ratios):
        reach += rate * _residual_reach(config) + rate * (2 * stride - 1)
        rate *= stride
    reach += rate * (config.last_kernel_size - 1)
    return math.ceil(reach / rate) + 1


def _decoder_context(config: Any) -> int:
    """Steps that the decoder's convolutions look back, rounded up."""
    reach: float = config.kernel_size - 1
    rate = 1
    for stride in config.upsampling_ratios:
        reach += 1 / rate
        rate *= stride
        reach += _residual_reach(config) / rate
    reach += (config.last_kernel_size - 1) / rate
    return math.ceil(reach) + 1


def _residual_reach(config: Any) -> float:
    growth, layers = config.dilation_growth_rate, config.num_residual_layers
    return float(sum((config.residual_kernel_size - 1) * growth**i for i in range(layers)))
