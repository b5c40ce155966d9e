"""Codecs that `transformers` implements, behind this package's protocol.

The only module that imports `transformers` (the extra ``hf``). A causal model takes a class such
as :class:`~qtokfeatures.codecs.mimi.MimiCodec`: a spec, and encoding and decoding of whole frames
after a state.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic

import torch
from typing_extensions import Self

from qtokfeatures.codecs.network import DecoderState, EncoderState
from qtokfeatures.codecs.qwen3.checkpoint import Checkpoint
from qtokfeatures.codecs.stored import Model, StoredCodec
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


def part_of(network: Any, *places: str) -> Any:
    """Return the first of several places that a model has: versions nest its parts differently."""
    for place in places:
        try:
            return network.get_submodule(place)
        except AttributeError:
            continue
    raise CodecError(f"this version of transformers has no {places[-1]} where it is looked for")


def new_cache(config: Any) -> Any:
    """Return the empty cache of a transformer's keys and values."""
    from transformers import DynamicCache

    return DynamicCache(config=config)
