"""WAV, AIFF, AU, W64 and CAF files whose header and length disagree, or that stand in a row."""

from __future__ import annotations

from itertools import pairwise
from typing import BinaryIO, Literal

from qtokfeatures.audio.mpeg import mpeg_parts
from qtokfeatures.audio.splicing import (
    MOST_IN_A_ROW,
    Part,
    bytes_at,
    patched,
    size_of,
    too_many,
    window,
)
from qtokfeatures.exceptions import AudioError

_MPEG_TAGS = (0x50, 0x55)  # wFormatTag of MPEG layers I and II, and of MP3
_LEAST_REST = 256  # bytes; fewer are what taggers leave
_UNKNOWN_64 = 2**63  # CAF writes -1 for an unknown size


def is_placeholder(size: int) -> bool:
    """Return whether a size means "unknown", as programs that cannot seek back write it."""
    # SoX writes 0x7F000000 or 0x7FFFF000, others 2**31 or 2**32 - 1, with or without the header.
    return (
        0x7F000000 <= size <= 0x7F001000
        or 0x7FFF0000 <= size <= 0x80000100
        or 0xFFFF0000 <= size <= 0xFFFFFFFF
    )


def chunk_parts(handle: BinaryIO, *, source: str) -> list[Part] | None:
    """Return the files in a row of a chunked format; None for other formats."""
    magic = bytes_at(handle, 0, 4)
    find = _READERS.get(magic)
    if find is None:
        return None
    starts, end = [0], size_of(handle)
    while starts[-1] < end:
        found = find(handle, starts[-1], end, source)
        if isinstance(found, list):
            return found
        following = _next_file(handle, magic, found, end, source)
        if following is None or following <= starts[-1]:  # as forged sizes say
            break
        if len(starts) == MOST_IN_A_ROW:
            raise too_many(source)
        starts.append(following)
    if len(starts) == 1:
        return [Part(handle)]
    return [Part(window(handle, first, last)) for first, last in pairwise([*starts, end])]


def _next_file(
    handle: BinaryIO, magic: bytes, behind: int | None, end: int, source: str
) -> int | None:
    """Return where another file of the format begins behind the audio; raise for other samples."""
    order: Literal["little", "big"] = "little" if magic in (b"RIFF", b"RF64", b"riff") else "big"
    wide = 4 if magic == b"caff" else 0  # more bytes of a size
    position = behind
    while position is not None and position < end:
        head = bytes_at(handle, position, 8 + wide)
        if head[:4] == magic:
            return position
        size = int.from_bytes(head[4:], order)
        following = position + 8 + wide + size + (0 if wide else size % 2)
        if magic in (b".snd", b"riff") or not _is_name(head) or following > end + 1:
            _check_rest(handle, position, end, source)
            return None
        position = following
    return None


def _check_rest(handle: BinaryIO, position: int, end: int, source: str) -> None:
    rest = end - position
    start = bytes_at(handle, position, _LEAST_REST)
    is_tag = start.startswith((b"ID3", b"TAG", b"APETAGEX", b"LIST", b"id3 "))
    if rest >= _LEAST_REST and any(start) and not is_tag:
        raise AudioError(
            f"{source}: its header counts {position} bytes, and {rest} more bytes follow, perhaps "
            "of a recording that was not finished; repair the header, for example with ffmpeg",
            source=source,
        )


def _is_name(head: bytes) -> bool:
    return len(head) >= 8 and all(0x20 <= byte < 0x7F for byte in head[:4])


def _wav(handle: BinaryIO, start: int, end: int, source: str) -> int | list[Part] | None:
    """Return where the samples end; None if unknown, and the parts of MP3 inside."""
    order: Literal["little", "big"] = "big" if bytes_at(handle, start, 4) == b"RIFX" else "little"
    position, tag, size_64 = start + 12, 0, None
    while _is_name(head := bytes_at(handle, position, 8)):
        size = int.from_bytes(head[4:], order)
        if head[:4] == b"ds64":  # RF64: 64-bit sizes of the whole and of the data
            size_64 = int.from_bytes(bytes_at(handle, position + 16, 8), order)
        if head[:4] == b"fmt ":
            tag = int.from_bytes(bytes_at(handle, position + 8, 2), order)
        if head[:4] != b"data":
            position += 8 + size + size % 2
            continue
        position += 8
        if tag in _MPEG_TAGS:
            stop = end if is_placeholder(size) else min(end, position + size)
            return mpeg_parts(handle, source=source, start=position, end=stop) or None
        return _behind(handle, position, size if size_64 is None else size_64, end, source)
    return None


def _aiff(handle: BinaryIO, start: int, end: int, source: str) -> int | None:
    position = start + 12
    while _is_name(head := bytes_at(handle, position, 8)):
        size = int.from_bytes(head[4:], "big")
        if head[:4] == b"SSND":
            return _behind(handle, position + 8, size, end, source)
        position += 8 + size + size % 2
    return None


def _behind(handle: BinaryIO, start: int, size: int, end: int, source: str) -> int | None:
    """Return where a chunk of samples ends; raise for one of size 0 with samples behind."""
    if size == 0 and end - start >= _LEAST_REST and not _is_name(bytes_at(handle, start, 8)):
        raise AudioError(
            f"{source}: its header counts no samples, and {end - start} bytes follow, as when a "
            "recorder is stopped before it can write the size; repair the header, for example "
            "with ffmpeg or sox --ignore-length",
            source=source,
        )
    return None if is_placeholder(size) or start + size > end else start + size + size % 2


def _au(handle: BinaryIO, start: int, end: int, source: str) -> int | None:
    head = bytes_at(handle, start, 12)
    offset, size = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    return _behind(handle, start + offset, size, end, source)


def _w64(handle: BinaryIO, start: int, end: int, source: str) -> int | None:
    size = int.from_bytes(bytes_at(handle, start + 16, 8), "little")
    return start + size if 0 < start + size <= end else None


def _caf(handle: BinaryIO, start: int, end: int, source: str) -> int | list[Part] | None:
    """Return where the samples end; a size of -1, "unknown", is replaced by that of the rest."""
    position = start + 8
    while _is_name(head := bytes_at(handle, position, 12)):
        size = int.from_bytes(head[4:], "big")
        if head[:4] == b"data" and size >= _UNKNOWN_64:
            known = (end - position - 12).to_bytes(8, "big")
            return [Part(patched(handle, start, end, {position + 4: known}))]
        if head[:4] == b"data":
            return _behind(handle, position + 12, size, end, source)
        position += 12 + size
    return None


def unread_encoding(handle: BinaryIO) -> str | None:
    """Return the encoding in a WAV, AIFF-C or CAF header where libsndfile does not read it."""
    head = bytes_at(handle, 0, 2**16)
    if head[:4] in (b"RIFF", b"RF64") and (place := head.find(b"fmt ")) > 0:
        tag = int.from_bytes(head[place + 8 : place + 10], "little")
        return (
            None if tag in (0, *_READ_TAGS) else f"WAV of format 0x{tag:04x}{_NAMES.get(tag, '')}"
        )
    for magic, chunk, offset, name in (
        (b"AIFC", b"COMM", 26, "AIFF-C of compression"),
        (b"caff", b"desc", 20, "CAF of format"),
    ):
        place = head.find(chunk)
        if magic in (head[:4], head[8:12]) and place > 0:
            code = head[place + offset : place + offset + 4].decode("latin-1")
            return None if code in _READ_CODES else f"{name} {code!r}"
    return None


_READERS = {
    b"RIFF": _wav, b"RIFX": _wav, b"RF64": _wav, b"FORM": _aiff, b".snd": _au, b"riff": _w64,
    b"caff": _caf,
}  # fmt: skip
_READ_TAGS = (0x01, 0x02, 0x03, 0x06, 0x07, 0x11, 0x14, 0x31, 0x40, 0x45, 0x50, 0x55, 0x64, 0xFFFE)
_READ_CODES = {
    "NONE", "sowt", "twos", "raw ", "fl32", "FL32", "fl64", "FL64", "ulaw", "ULAW", "alaw", "ALAW",
    "in24", "ni24", "42ni", "in32", "ni32", "23ni", "DWVW", "GSM ", "ima4", "lpcm", "alac",
}  # fmt: skip
_NAMES = {
    0x0092: " (AC-3)", 0x00FF: " (AAC)", 0x0160: " (WMA)", 0x0161: " (WMA)", 0x0162: " (WMA Pro)",
    0x0163: " (WMA lossless)", 0x0270: " (ATRAC)", 0x2000: " (AC-3)", 0x2001: " (DTS)",
    0x674F: " (Vorbis)", 0xF1AC: " (FLAC)",
}  # fmt: skip
