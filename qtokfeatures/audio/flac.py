"""FLAC files that hold more than their header counts (RFC 9639)."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any, BinaryIO

from qtokfeatures.audio.splicing import (
    MOST_IN_A_ROW,
    Part,
    bytes_at,
    find_bytes,
    patched,
    size_of,
    too_many,
    window,
)

_BEGIN = b"fLaC\x00\x00\x00\x22"  # a file starts with a STREAMINFO block of 34 bytes
_LARGE = 2**22  # bytes; smaller files are looked through each time
_MOST_REMEMBERED = 256
_remembered: dict[tuple[int, ...] | None, list[int]] = {}
_TAIL = 2**17  # bytes looked through for the last frame; a frame of CD audio has 10 to 20 kB
_BLOCK_SIZES = {1: 192} | {n: 144 << n for n in range(2, 6)} | {n: 1 << n for n in range(8, 16)}


def flac_parts(handle: BinaryIO, *, source: str) -> list[Part]:
    """Return the FLAC files in a row, each with the samples of all its frames."""
    end = size_of(handle)
    starts = _starts(handle, end, source)
    return [_part(handle, start, stop, end) for start, stop in pairwise([*starts, end])]


def _starts(handle: BinaryIO, end: int, source: str) -> list[int]:
    """Return where FLAC files begin; of a file on disk, the last answers are remembered."""
    # Excerpts of an hour-long file open it once each, and looking through it takes 0.1 s.
    try:
        facts = os.fstat(handle.fileno())
        key = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
    except (OSError, AttributeError):
        key = None
    if key in _remembered:
        return _remembered[key]
    starts = [0]
    while (found := find_bytes(handle, _BEGIN, _audio_start(handle, starts[-1]), end)) > 0:
        if len(starts) == MOST_IN_A_ROW:
            raise too_many(source)
        starts.append(found)
    if key is not None and end > _LARGE:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[key] = starts
    return starts


def _part(handle: BinaryIO, start: int, end: int, size: int) -> Part:
    head = bytes_at(handle, start, 26)
    if not head.startswith(_BEGIN[:4]) or head[4] & 0x7F or len(head) < 26:
        return Part(handle if (start, end) == (0, size) else window(handle, start, end))
    promised = int.from_bytes(head[21:26], "big") & 0xFFFFFFFFF
    block_size = int.from_bytes(head[8:10], "big")
    if promised and _last_sample(handle, start, end, block_size) > promised:
        # 0 is "unknown", at which libFLAC decodes to the end.
        file = patched(handle, start, end, {start + 21: bytes([head[21] & 0xF0, 0, 0, 0, 0])})
        return Part(file, sign=_sign(promised))
    return Part(handle if (start, end) == (0, size) else window(handle, start, end))


def _sign(promised: int) -> Any:
    def sign(_file: Any, there: int) -> str | None:
        if there >= promised:
            return None
        return f"its header promises {promised} samples and {there} are there"

    return sign


def _audio_start(handle: BinaryIO, start: int) -> int:
    """Return where the metadata blocks end, which may hold pictures and other files."""
    position = start + 4
    while len(head := bytes_at(handle, position, 4)) == 4 and head[0] & 0x7F != 0x7F:
        position += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            break
    return max(position, start + 8)


def _last_sample(handle: BinaryIO, start: int, end: int, block_size: int) -> int:
    """Return the number behind the last frame's last sample; 0 where no frame is found."""
    tail = bytes_at(handle, max(start, end - _TAIL), min(_TAIL, end - start))
    place = len(tail)
    while (place := tail.rfind(b"\xff", 0, place)) >= 0:
        last = _frame_end(tail[place : place + 16], block_size)
        if last:
            return last
    return 0


def _frame_end(head: bytes, block_size: int) -> int:
    """Return the number behind a frame's last sample, from its header; 0 if there is none."""
    if len(head) < 16 or head[1] & 0xFE != 0xF8 or head[2] >> 4 == 0 or head[3] >> 4 > 10:
        return 0
    size_code, rate_code = head[2] >> 4, head[2] & 15
    n_more = max(0, 8 - (head[4] ^ 0xFF).bit_length() - 1)  # of a number as in UTF-8
    if head[4] < 0x80:
        n_more, number = 0, head[4]
    elif n_more < 1 or any(byte >> 6 != 2 for byte in head[5 : 5 + n_more]):
        return 0
    else:
        number = head[4] & (0x3F >> n_more)
        for byte in head[5 : 5 + n_more]:
            number = number << 6 | byte & 0x3F
    place = 5 + n_more
    samples = _BLOCK_SIZES.get(size_code, 0)
    if size_code in (6, 7):
        width = size_code - 5
        samples = int.from_bytes(head[place : place + width], "big") + 1
        place += width
    place += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if place >= len(head) or _crc8(head[:place]) != head[place]:
        return 0
    return (number if head[1] & 1 else number * block_size) + samples


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc
