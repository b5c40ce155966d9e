"""The codec of an estimator, found again after cloning and pickling.

A codec is large and sits on a device, so a clone shares it and a pickle keeps only its name,
revision and fingerprint. It is loaded on first use, once per process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from sklearn.base import BaseEstimator

from qtokfeatures.estimators.xarray_output import XarrayOutputMixin
from qtokfeatures.exceptions import CodecError, InputError, NotFittedError

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec
    from qtokfeatures.labelled import CodecSpec

_LOADED_AT_ONCE = 4

Files = tuple[tuple[str, int, int], ...]

_in_use: WeakValueDictionary[str, Any] = WeakValueDictionary()


@dataclass(frozen=True)
class CodecReference:
    """Name, revision and fingerprint of a codec: the part of it that is pickled."""

    name: str
    revision: str
    fingerprint: str

    @classmethod
    def of(cls, spec: CodecSpec) -> CodecReference:
        """Refer to the codec that `spec` describes."""
        return cls(spec.name, spec.revision, spec.fingerprint)


def find_codec(codec: Any, *, device: str = "auto") -> Codec:
    """Return the codec that a name, folder or CodecReference means; a loaded codec as it is."""
    if isinstance(codec, CodecReference):
        return _find_referenced(codec, device)
    if isinstance(codec, (str, os.PathLike)):
        codec = _load(os.fspath(codec), None, device)
    elif not is_codec(codec):
        raise InputError(
            "codec must be a name for load_codec, a folder or a loaded codec, "
            f"got {type(codec).__name__}"
        )
    _in_use[codec.spec.fingerprint] = codec
    return codec  # type: ignore[no-any-return]


def is_codec(value: Any) -> bool:
    """Return True for a loaded codec, False for a name or a reference."""
    return hasattr(value, "spec") and callable(getattr(value, "encode", None))


def _find_referenced(reference: CodecReference, device: str) -> Codec:
    known = _in_use.get(reference.fingerprint)
    if known is not None:
        return known  # type: ignore[no-any-return]
    try:
        codec = _load(reference.name, reference.revision, device)
    except CodecError as error:
        raise CodecError(
            f"the codec {reference.name!r} of these codes or this estimator cannot be loaded "
            f"here: {error}"
        ) from error
    if codec.spec.fingerprint != reference.fingerprint:
        raise CodecError(
            f"load_codec({reference.name!r}) gives {codec.spec.describe()}, but fingerprint "
            f"{reference.fingerprint} is needed; pass that version of the codec as codec="
        )
    _in_use[reference.fingerprint] = codec
    return codec


def _load(name: str, revision: str | None, device: str) -> Codec:
    return _load_onto(name, revision, _resolved(device), _files_at(name))


@lru_cache(maxsize=_LOADED_AT_ONCE)
def _load_onto(name: str, revision: str | None, device: str, files: Files) -> Codec:
    from qtokfeatures.codecs import load_codec

    return load_codec(name, revision=revision, device=device)


@lru_cache
def _resolved(device: str) -> str:
    from qtokfeatures.codecs.devices import resolve_device

    return str(resolve_device(device))


def _files_at(name: str) -> Files:
    """Return name, time and size of the files of a local codec, so that new ones are loaded."""
    path = Path(name).expanduser()
    try:
        held = sorted(path.iterdir()) if path.is_dir() else [path]
        stats = [(file.name, file.stat()) for file in held if file.is_file()]
    except (OSError, RuntimeError, ValueError):
        return ()
    return tuple((file, found.st_mtime_ns, found.st_size) for file, found in stats)


class CodecHolder(XarrayOutputMixin, BaseEstimator):
    """An estimator with a parameter ``codec``, which is not pickled with it, and ``spec_``."""

    codec: Any

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if is_codec(self.codec):
            state["codec"] = CodecReference.of(self.codec.spec)
        return state

    def _check_fitted(self) -> None:
        if not hasattr(self, "spec_"):
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet; call fit or fit_transform first"
            )
