"""Errors and warnings of the package.

Each error is a :class:`QtokError` and also the built-in (or scikit-learn) class that callers
already catch, so that ``except ValueError`` works.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class QtokError(Exception):
    """Base class of the errors that this package raises."""


class InputError(QtokError, ValueError):
    """An argument has a wrong value, shape or type."""


class InputTypeError(InputError, TypeError):
    """An argument, or a cell of a table, is of a wrong type."""


class AudioError(InputError):
    """Audio that cannot be read or used.

    Parameters
    ----------
    message : str
        What was expected, what was found, and what to do. Names the source.
    source : str
        Path, URL or ``"<array>"``-like description of the audio.
    """

    def __init__(self, message: str, *, source: str = "") -> None:
        super().__init__(message)
        self.source = source

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_audio_error, (type(self), str(self), self.source)


class CodesError(InputError):
    """Codes of a wrong shape or dtype, or outside ``0 … codebook_size - 1``."""


class SchemaError(InputError):
    """A Dataset that does not follow the codes schema."""


class CodecMismatchError(QtokError, ValueError):
    """Codes of one codec were used with another codec, or another version of it."""


class CodecError(QtokError, RuntimeError):
    """A codec that cannot be found, downloaded or loaded."""


class WriteError(QtokError, OSError):
    """A file that cannot be written: no space left, no permission, a read-only or failing disk.

    Parameters
    ----------
    errno : int
        Number of the system's error, such as ``errno.ENOSPC``.
    strerror : str
        Which file cannot be written, and why.
    """

    def __str__(self) -> str:
        return str(self.strerror)


class StreamClosedError(QtokError, RuntimeError):
    """A stream was used after it ended."""


class UnsupportedVersionError(QtokError, RuntimeError):
    """Another package is installed in a version that is not supported."""


class MissingExtraError(QtokError, ImportError):
    """An optional dependency that is not installed.

    Parameters
    ----------
    package : str
        The missing distribution.
    extra : str
        The extra of ``qtokfeatures`` that installs it.
    purpose : str
        The feature that needs it.
    """

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, which is not installed: "
            f"pip install 'qtokfeatures[{extra}]'"
        )
        self.package, self.extra, self.purpose = package, extra, purpose

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_missing_extra, (self.package, self.extra, self.purpose)


def require(package: str, *, extra: str = "eval", purpose: str) -> ModuleType:
    """Import an optional package, or raise :class:`MissingExtraError`."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(package, extra=extra, purpose=purpose) from error


class ChannelsWarning(UserWarning):
    """Rows of an array were averaged as channels of one clip, and may be clips instead."""


class SkippedClipWarning(UserWarning):
    """A clip of a batch could not be used and was skipped."""


def _rebuild_audio_error(cls: type[AudioError], message: str, source: str) -> AudioError:
    return cls(message, source=source)


def _rebuild_missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    return MissingExtraError(package, extra=extra, purpose=purpose)


def __getattr__(name: str) -> Any:
    """Define ``NotFittedError`` on first use, because it needs scikit-learn."""
    if name != "NotFittedError":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sklearn.exceptions import NotFittedError as SklearnNotFittedError

    error = type(
        "NotFittedError",
        (QtokError, SklearnNotFittedError),
        {"__doc__": "An estimator was used before `fit`.", "__module__": __name__},
    )
    globals()[name] = error
    return error
