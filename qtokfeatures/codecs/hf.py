"""Base of codecs implemented by `transformers`, the extra ``hf``; its only importer here."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic

import torch

from qtokfeatures.codecs.folders import CONFIG
from qtokfeatures.codecs.network import DecoderState, EncoderState
from qtokfeatures.codecs.qwen3.checkpoint import Checkpoint
from qtokfeatures.codecs.stored import LoadOptions, Model, StoredCodec
from qtokfeatures.exceptions import CodecError
from qtokfeatures.labelled import CodecSpec

_LISTED = 20  # tensors named in an error
_FILTERS = 4096  # the counts named num_ that are not layers, such as filters, are smaller
OLDEST = 5  # major version of transformers: before it, Mimi's attention ignores its window


class HfCodec(
    StoredCodec[EncoderState, DecoderState, Model], Generic[EncoderState, DecoderState, Model]
):
    """A codec whose network is a model of `transformers`; see ``docs/codecs.md``."""

    threads = None  # further threads gain with large layers

    CLASS_NAME: ClassVar[str]
    SEMANTICS: ClassVar[str]  # to change with the code, whenever codes of some audio change

    @classmethod
    @abstractmethod
    def take_parts(cls, network: Any, *, encoder: bool, decoder: bool) -> Model:
        """Return the needed parts of a loaded model of `transformers`."""

    @classmethod
    @abstractmethod
    def describe(cls, config: Any) -> dict[str, Any]:
        """Return the fields of a CodecSpec that a model's configuration determines."""

    @classmethod
    @abstractmethod
    def encoder_settings(cls, config: Any) -> dict[str, Any]:
        """Return the settings that change codes, equal for all versions of `transformers`."""

    @classmethod
    def read(cls, path: Path, options: LoadOptions) -> tuple[Model, CodecSpec]:
        checkpoint = Checkpoint(path, torch.device("cpu"))
        digest = checkpoint.digest()
        _check_room(path, len(checkpoint.shapes))
        network = _loaded(cls.CLASS_NAME, path)
        facts = cls.describe(network.config)
        settings = canonical({**facts, **cls.encoder_settings(network.config)})
        fingerprint = hashlib.sha256(f"{cls.SEMANTICS}:{settings}:float32:{digest}".encode())
        spec = CodecSpec(
            name=options.name or str(path),
            revision=options.revision or digest[:12],
            fingerprint=fingerprint.hexdigest()[:16],
            **facts,
        )
        network = network.eval().to(options.device)
        model = cls.take_parts(network, encoder=options.encoder, decoder=options.decoder)
        return model, spec


def _check_room(folder: Path, n_tensors: int) -> None:
    """Raise for more layers or codebooks than the weights have tensors."""
    fields = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    for name, value in fields.items():
        if name.startswith("num_") and isinstance(value, int) and value > max(n_tensors, _FILTERS):
            raise CodecError(
                f"{name} in {folder / CONFIG} is {value}, but the weights have {n_tensors} tensors"
            )


def canonical(settings: Mapping[str, Any]) -> str:
    """Settings as sorted JSON in which ``1`` and ``1.0`` are equal."""
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
    """Name of a tensor, with the found and the expected shape where they differ."""
    if isinstance(key, str):
        return key
    name, found, expected = key
    return f"{name} {list(found)} instead of {list(expected)}"


@contextmanager
def _quiet(log: Any) -> Iterator[None]:
    """Suppress the table of misfits that `transformers` logs: the error lists them."""
    before = log.get_verbosity()
    log.set_verbosity_error()
    try:
        yield
    finally:
        log.set_verbosity(before)


def part_of(network: Any, *places: str) -> Any:
    """Return the submodule at the first place that exists: versions nest parts differently."""
    for place in places:
        try:
            return network.get_submodule(place)
        except AttributeError:
            continue
    raise CodecError(
        f"this version of transformers has no submodule {' or '.join(places)}: install another one"
    )


def new_cache(config: Any) -> Any:
    """Return the empty cache of a transformer's keys and values."""
    from transformers import DynamicCache

    return DynamicCache(config=config)
