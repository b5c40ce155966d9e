"""Audio given as a file, in memory or on disk: paths, URLs, bytes, base64, file objects."""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from qtokfeatures.audio.containers import MemoryFile, is_audio, open_container
from qtokfeatures.audio.fetching import fetch, public_url
from qtokfeatures.audio.paths import expanded
from qtokfeatures.audio.streams import Limits, MonoStream, check_agreement
from qtokfeatures.exceptions import AudioError

__all__ = ["open_bytes", "open_file_object", "open_path", "open_text"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://")
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")
_LONGEST_PATH = 4096
_PIECE = 2**20


def open_text(
    text: str, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[MonoStream]:
    """Open a string: a data URL, a URL, a path, or else base64 of audio."""
    if text[:5].lower() == "data:":
        return _open_data_url(text, sr, source, limits)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return _open_url(text, scheme[1].lower(), sr, source, limits)
    if _exists(text):
        return open_path(text, sr, source, limits)
    data = _decoded(text) if _BASE64.fullmatch(text) else None
    if data is not None and is_audio(data):
        return open_bytes(data, sr, source or "<base64>", limits)
    if len(text) > 512:
        source = source or f"{text[:24]}…"
        raise AudioError(
            f"{source}: {len(text)} characters that are neither an existing path nor valid "
            "base64 of audio",
            source=source,
        )
    return open_path(text, sr, source, limits)


def _exists(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_PATH and "\0" not in text and os.path.lexists(expanded(text))


def _decoded(text: str) -> bytes | None:
    """Decode base64, of the URL alphabet too, with or without its padding; None if it is not."""
    compact = "".join(text.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _open_data_url(
    text: str, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[MonoStream]:
    head, comma, payload = text.partition(",")
    kind = head[5:].partition(";")[0]
    source = source or (f"<data URL {kind}>" if 0 < len(kind) < 64 else "<data URL>")
    if not comma:
        raise AudioError(
            f"{source}: has no comma; a data URL is data:[type][;base64],DATA", source=source
        )
    if head.lower().endswith(";base64"):
        data = _decoded(urllib.parse.unquote(payload))
    else:
        data = urllib.parse.unquote_to_bytes(payload)
    if data is None:
        raise AudioError(f"{source}: what follows the comma is not valid base64", source=source)
    return open_bytes(data, sr, source, limits)


def _open_url(
    url: str, scheme: str, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[MonoStream]:
    name = source or public_url(url)
    if scheme in ("http", "https"):
        return _open_download(url, sr, name, limits)
    if scheme != "file":
        raise AudioError(
            f"{name}: {scheme}:// is not read; use http://, https:// or a path", source=name
        )
    parts = urllib.parse.urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise AudioError(
            f"{name}: is on another computer ({parts.netloc}); use file:///path or a path",
            source=name,
        )
    return open_path(urllib.request.url2pathname(parts.path), sr, name, limits)


@contextmanager
def _open_download(url: str, sr: Any, source: str, limits: Limits) -> Iterator[MonoStream]:
    with fetch(url, timeout_s=limits.timeout_s, max_bytes=limits.max_bytes) as download:
        hint = f"; the server calls it {download.content_type}"
        with _open_encoded(download.file, sr, source=source, hint=hint) as stream:
            yield stream


@contextmanager
def open_path(path: Any, sr: Any, source: str | None, limits: Limits) -> Iterator[MonoStream]:
    """Open the path of a file."""
    source = source or os.fsdecode(path)
    with (
        _open_file(expanded(path), source=source) as handle,
        _open_encoded(handle, sr, source=source) as stream,
    ):
        yield stream


@contextmanager
def _open_encoded(
    handle: BinaryIO, sr: Any, *, source: str, hint: str = ""
) -> Iterator[MonoStream]:
    with open_container(handle, source=source, hint=hint) as reader:
        check_agreement(reader.sr, sr, source=source)
        yield MonoStream(source, reader.sr, reader.blocks(), reader.promised)


def _open_file(path: Path, *, source: str) -> BinaryIO:
    try:
        _check_regular(path, source=source)
        return path.open("rb")
    except FileNotFoundError as error:
        where = "" if path.is_absolute() else f" (looked in {Path.cwd()})"
        raise AudioError(f"{source}: no such file{where}", source=source) from error
    except PermissionError as error:
        raise AudioError(f"{source}: no permission to read it", source=source) from error
    except AudioError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"{source}: cannot be opened ({reason})", source=source) from error


def _check_regular(path: Path, *, source: str) -> None:
    if not source:
        raise AudioError("an empty string is not a path; expected the path of an audio file")
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise AudioError(
            f"{source}: is a folder, not a file; qtokfeatures.audio.find_audio lists the files "
            "in it",
            source=source,
        )
    if not stat.S_ISREG(mode):
        raise AudioError(
            f"{source}: is a pipe or device, not a file; open it and pass the file object",
            source=source,
        )


def open_bytes(
    data: Any, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[MonoStream]:
    """Open the bytes of an audio file."""
    source = source or "<bytes>"
    size = memoryview(data).nbytes
    if size > limits.max_bytes:
        raise _too_large(size, limits, source=source)
    return _open_encoded(MemoryFile(data), sr, source=source)


def _too_large(size: int, limits: Limits, *, source: str) -> AudioError:
    return AudioError(
        f"{source}: {size} bytes or more exceed max_bytes={limits.max_bytes}; allow more, or "
        "write it to a file and pass its path",
        source=source,
    )


def open_file_object(
    file: Any, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[MonoStream]:
    """Open a binary file object, read from where it stands; it is left open."""
    name = getattr(file, "name", None)
    source = source or (name if isinstance(name, str) and name else "<file>")
    return open_bytes(_read_all(file, limits, source=source), sr, source, limits)


def _read_all(file: Any, limits: Limits, *, source: str) -> bytearray:
    data = bytearray()
    while piece := _read_piece(file, source=source):
        data += piece
        if len(data) > limits.max_bytes:
            raise _too_large(len(data), limits, source=source)
    return data


def _read_piece(file: Any, *, source: str) -> bytes:
    try:
        piece = file.read(_PIECE)
    except (OSError, ValueError) as error:
        raise AudioError(f"{source}: cannot be read ({error})", source=source) from error
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    advice = "; open it in binary mode, 'rb'" if isinstance(piece, str) else ""
    raise AudioError(
        f"{source}: its read() gives {type(piece).__name__}, not bytes{advice}", source=source
    )
