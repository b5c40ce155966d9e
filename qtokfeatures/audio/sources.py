"""Every kind of audio that a caller may pass, opened as one stream of mono blocks."""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from qtokfeatures.audio.clip import AudioClip, Samples
from qtokfeatures.audio.containers import MemoryFile, is_audio, open_container
from qtokfeatures.audio.excerpts import (
    Excerpt,
    as_excerpt,
    checked_times,
    cut,
    excerpt_source,
    from_fragment,
)
from qtokfeatures.audio.fetching import fetch, public_url
from qtokfeatures.audio.paths import expanded
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.audio.stream import Limits, Stream, check_agreement
from qtokfeatures.audio.waveforms import channel_samples, is_array
from qtokfeatures.exceptions import AudioError

Opener = Callable[[Any, Any, "str | None", Limits], AbstractContextManager[Stream]]

_ADVICE = {
    "list": "a list is several clips, for load_many; samples go into a NumPy array, with sr=",
    "dict": "pass its array and its rate as (y, sr)",
}
_KINDS = (
    "audio is a path, URL, bytes, base64 or data URL, file object, (y, sr), array with sr=, "
    "AudioSegment, AudioClip or Excerpt"
)


def open_audio(
    audio: Any, *, sr: Any = None, source: str | None = None, limits: Limits
) -> AbstractContextManager[Stream]:
    """Open any kind of `audio`; :func:`~qtokfeatures.audio.load_audio` lists them."""
    return _opener(audio)(audio, sr, source, limits)


@dataclass(frozen=True)
class Held:
    """Encoded audio that was downloaded or read, and can be decoded more than once."""

    file: BinaryIO
    source: str
    hint: str = ""
    is_download: bool = False


def reopenable(audio: Any, source: str | None, limits: Limits) -> Any:
    """Return audio that can be opened repeatedly: a URL or file object is read and held."""
    excerpt = as_excerpt(audio)
    if excerpt is not None:
        return excerpt._replace(audio=reopenable(excerpt.audio, source, limits))
    if isinstance(audio, str) and _is_web(audio):
        excerpt = from_fragment(audio)
        if excerpt is not None:
            return excerpt._replace(audio=_downloaded(excerpt.audio, source, limits))
        return _downloaded(audio, source, limits)
    is_file = _opener(audio) is _open_file_object
    return _read_file_object(audio, source, limits) if is_file else audio


def is_segment(value: Any) -> bool:
    """Return whether this is a pydub ``AudioSegment``."""
    return hasattr(value, "raw_data") and hasattr(value, "frame_rate")


def is_file_object(value: Any) -> bool:
    """Return whether this has a ``read`` method."""
    return callable(getattr(value, "read", None))


def _opener(audio: Any) -> Opener:
    tests: tuple[tuple[Any, Opener], ...] = (
        (AudioClip, _open_clip),
        (Held, _open_held),
        (str, _open_text),
        (os.PathLike, _open_path),
        ((bytes, bytearray, memoryview), _open_bytes),
        (tuple, _open_pair),
    )
    if as_excerpt(audio) is not None:
        return _open_excerpt
    for kind, opener in tests:
        if isinstance(audio, kind):
            return opener
    if is_segment(audio):
        return _open_segment
    if is_array(audio):
        return _open_array
    return _open_file_object if is_file_object(audio) else _refuse


def _refuse(audio: Any, sr: Any, source: str | None, limits: Limits) -> Any:
    kind = type(audio).__name__
    shown = repr(audio) if isinstance(audio, (int, float, type(None))) else f"a {kind}"
    source = source or f"<{kind}>"
    raise AudioError(f"{source}: {shown} is not audio; {_ADVICE.get(kind, _KINDS)}", source=source)


@contextmanager
def _open_excerpt(audio: Any, sr: Any, source: str | None, limits: Limits) -> Iterator[Stream]:
    excerpt = as_excerpt(audio) or Excerpt(audio)
    with open_audio(excerpt.audio, sr=sr, source=source, limits=limits) as stream:
        checked_times(excerpt.start_s, excerpt.end_s, source=stream.source)
        name = source or excerpt_source(stream.source, *excerpt[1:])
        yield cut(replace(stream, source=name), excerpt)


@contextmanager
def _open_clip(clip: AudioClip, sr: Any, source: str | None, limits: Limits) -> Iterator[Stream]:
    check_agreement(clip.sr, sr, source=clip.source)
    yield _stream_of(clip.y[None], clip.sr, source or clip.source)


def _stream_of(samples: Samples, sr: int, source: str) -> Stream:
    """Return samples (channel, sample) as a stream of one block."""
    n_channels, length = samples.shape
    return Stream(
        source, sr, n_channels, lambda start: iter([samples[:, start:]]), length, is_encoded=False
    )


@contextmanager
def _open_array(y: Any, sr: Any, source: str | None, limits: Limits) -> Iterator[Stream]:
    """Open an array ``(..., sample)``, whose rate must be given."""
    source = source or "<array>"
    if sr is None:
        raise AudioError(
            f"{source}: an array does not say its sampling rate; pass sr=, or (y, sr)",
            source=source,
        )
    rate = checked_rate(sr, source=source)
    yield _stream_of(channel_samples(y, source=source, sr=rate), rate, source)


def _open_pair(
    pair: tuple[Any, ...], sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[Stream]:
    """Open ``(y, sr)``, or ``(sr, y)`` with y ``(sample, channel)`` as SciPy and Gradio have it."""
    name = source or "<array>"
    y, rate = _array_and_rate(pair, source=name)
    own = checked_rate(rate, source=name)
    check_agreement(own, sr, source=name)
    return _open_array(y, own, source, limits)


def _array_and_rate(pair: tuple[Any, ...], *, source: str) -> tuple[Any, Any]:
    arrays = [is_array(value) and np.ndim(value) > 0 for value in pair]
    if arrays == [True, False]:
        return pair[0], pair[1]
    if arrays == [False, True]:
        return (pair[1].T if np.ndim(pair[1]) == 2 else pair[1]), pair[0]
    kinds = ", ".join(type(value).__name__ for value in pair)
    raise AudioError(
        f"{source}: a tuple of audio is (y, sr), an array and its rate, or (audio, start_s, "
        f"end_s); got ({kinds})",
        source=source,
    )


def _open_segment(
    segment: Any, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[Stream]:
    """Open a pydub ``AudioSegment``: interleaved signed integers of 1 to 4 bytes."""
    source = source or "<AudioSegment>"
    width, channels = int(segment.sample_width), int(segment.channels)
    raw = np.frombuffer(segment.raw_data, dtype=np.uint8)
    if width not in (1, 2, 3, 4) or channels < 1 or raw.size % (width * channels):
        raise AudioError(
            f"{source}: {raw.size} bytes are not whole frames of {channels} channels of "
            f"{width} bytes",
            source=source,
        )
    wide = np.zeros((raw.size // width, 4), dtype=np.uint8)
    wide[:, 4 - width :] = raw.reshape(-1, width)  # left-justified: one full scale for all widths
    y = wide.view("<i4").reshape(-1, channels).T
    rate = checked_rate(segment.frame_rate, source=source)
    check_agreement(rate, sr, source=source)
    return _open_array(y, rate, source, limits)


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://")
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")
_LONGEST_PATH = 4096
_PIECE = 2**20


def _open_text(
    text: str, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[Stream]:
    """Open a string: a data URL, a URL, a path, or else base64 of audio."""
    if text[:5].lower() == "data:":
        return _open_data_url(text, sr, source, limits)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return _open_url(text, scheme[1].lower(), sr, source, limits)
    if _exists(text):
        return _open_path(text, sr, source, limits)
    data = _decoded(text) if _BASE64.fullmatch(text) else None
    if data is not None and is_audio(data):
        return _open_bytes(data, sr, source or "<base64>", limits)
    if len(text) > 512:
        source = source or f"{text[:24]}…"
        raise AudioError(
            f"{source}: {len(text)} characters that are neither an existing path nor valid "
            "base64 of audio",
            source=source,
        )
    return _open_path(text, sr, source, limits)


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
) -> AbstractContextManager[Stream]:
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
    return _open_bytes(data, sr, source, limits)


def _open_url(
    url: str, scheme: str, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[Stream]:
    excerpt = from_fragment(url)
    if excerpt is not None:
        return _open_excerpt(excerpt, sr, source, limits)
    if _is_web(url):
        return _open_download(url, sr, source, limits)
    name = source or public_url(url)
    if scheme != "file":
        raise AudioError(
            f"{name}: {scheme}:// is not read; use http://, https:// or a path", source=name
        )
    if limits.allow_private is False:
        raise AudioError(
            f"{name}: file:// is not read with allow_private=False; pass the path", source=name
        )
    parts = urllib.parse.urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise AudioError(
            f"{name}: is on another computer ({parts.netloc}); use file:///path or a path",
            source=name,
        )
    return _open_path(urllib.request.url2pathname(parts.path), sr, name, limits)


def _is_web(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://"))


def _downloaded(url: str, source: str | None, limits: Limits) -> Held:
    file, kind = fetch(
        url,
        timeout_s=limits.timeout_s,
        max_bytes=limits.max_bytes,
        allow_private=limits.allow_private,
    )
    hint = f"; the server calls it {kind}"
    return Held(file, source or public_url(url), hint, is_download=True)


@contextmanager
def _open_download(url: str, sr: Any, source: str | None, limits: Limits) -> Iterator[Stream]:
    held = _downloaded(url, source, limits)
    with held.file, _open_held(held, sr, None, limits) as stream:
        yield stream


@contextmanager
def _open_held(held: Held, sr: Any, source: str | None, limits: Limits) -> Iterator[Stream]:
    source = source or held.source
    with _open_encoded(held.file, sr, source=source, hint=held.hint) as stream:
        yield replace(stream, is_download=held.is_download)


@contextmanager
def _open_path(path: Any, sr: Any, source: str | None, limits: Limits) -> Iterator[Stream]:
    """Open the path of a file, or of an excerpt of one."""
    excerpt = None if os.path.lexists(expanded(path)) else from_fragment(os.fsdecode(path))
    if excerpt is not None and os.path.lexists(expanded(excerpt.audio)):
        with _open_excerpt(excerpt, sr, source, limits) as part:
            yield part
        return
    source = source or os.fsdecode(path)
    with (
        _open_file(expanded(path), source=source) as handle,
        _open_encoded(handle, sr, source=source) as stream,
    ):
        yield stream


@contextmanager
def _open_encoded(handle: BinaryIO, sr: Any, *, source: str, hint: str = "") -> Iterator[Stream]:
    with open_container(handle, source=source, hint=hint) as reader:
        check_agreement(reader.sr, sr, source=source)
        yield Stream(
            source,
            reader.sr,
            reader.n_channels,
            reader.blocks,
            reader.promised,
            container=reader.container,
            encoding=reader.encoding,
        )


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


def _open_bytes(
    data: Any, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[Stream]:
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


def _open_file_object(
    file: Any, sr: Any, source: str | None, limits: Limits
) -> AbstractContextManager[Stream]:
    """Open a binary file object, read from its position on; it is left open."""
    return _open_held(_read_file_object(file, source, limits), sr, source, limits)


def _read_file_object(file: Any, source: str | None, limits: Limits) -> Held:
    name = getattr(file, "name", None)
    source = source or (name if isinstance(name, str) and name else "<file>")
    return Held(MemoryFile(_read_all(file, limits, source=source)), source)


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
