"""The frames of an MP3 file (ISO/IEC 11172-3 and 13818-3), counted without decoding.

Layout: http://www.mp3-tech.org/programmer/frame_header.html.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

_KBITS_V1_L3 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_V1_L2 = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_KBITS_V2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_V1 = (44_100, 48_000, 32_000)
_VERSION_1, _LAYER_3, _LAYER_2 = 3, 1, 2
_JUNK = 4096  # bytes between an ID3 tag and the first frame that are looked through


@dataclass(frozen=True)
class FrameChain:
    """Samples per channel of all whole frames, and how the file ends."""

    n_samples: int
    frame_samples: int
    has_count: bool  # a Xing or Info tag counts the frames, in a frame of its own
    ends_inside: bool  # the file ends inside its last frame


@dataclass(frozen=True)
class _Frame:
    size: int
    samples: int


def frame_chain(handle: BinaryIO) -> FrameChain | None:
    """Follow the frames of an MP3; None for free format, or where junk lies between them."""
    end = handle.seek(0, os.SEEK_END)
    start = _first_frame(handle)
    if start is None:
        return None
    position, frame = start
    has_count = _has_count(_bytes_at(handle, position, frame.size))
    n_samples = 0
    while position + frame.size <= end:
        n_samples += frame.samples
        position += frame.size
        following = _frame(_bytes_at(handle, position, 4))
        if following is None:
            is_end = _is_trailer(_bytes_at(handle, position, 8), end - position)
            return FrameChain(n_samples, frame.samples, has_count, False) if is_end else None
        frame = following
    return FrameChain(n_samples, frame.samples, has_count, ends_inside=True)


def _first_frame(handle: BinaryIO) -> tuple[int, _Frame] | None:
    start = _after_id3(handle)
    head = _bytes_at(handle, start, _JUNK)
    for offset in range(len(head) - 3):
        frame = _frame(head[offset : offset + 4])
        if frame is not None and _frame(_bytes_at(handle, start + offset + frame.size, 4)):
            return start + offset, frame
    return None


def _after_id3(handle: BinaryIO) -> int:
    head = _bytes_at(handle, 0, 10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = 0
    for byte in head[6:]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _frame(head: bytes) -> _Frame | None:
    """Read a frame header of 4 bytes; None if it is not one of layer II or III."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer not in (_LAYER_3, _LAYER_2) or bit_rate in (0, 15) or rate == 3:
        return None
    if version == _VERSION_1:
        kbits, divisor = (_KBITS_V1_L3 if layer == _LAYER_3 else _KBITS_V1_L2), 1
    else:
        kbits, divisor = _KBITS_V2, (2 if version == 2 else 4)
    samples = 576 if version != _VERSION_1 and layer == _LAYER_3 else 1152
    bytes_per_s = kbits[bit_rate - 1] * 125
    size = samples * bytes_per_s * divisor // _RATES_V1[rate] + (head[2] >> 1 & 1)
    return _Frame(size, samples)


def _has_count(frame: bytes) -> bool:
    for tag in (b"Xing", b"Info"):
        place = frame.find(tag, 4, 64)
        if place > 0 and len(frame) > place + 7:
            return bool(frame[place + 7] & 1)
    return False


def _is_trailer(head: bytes, size: int) -> bool:
    """Return whether nothing, padding or a tag follows the last frame."""
    known = (b"TAG", b"APETAGEX", b"LYRICS", b"ID3")
    return size < 4 or head.startswith(known) or not any(head)


def _bytes_at(handle: BinaryIO, position: int, size: int) -> bytes:
    handle.seek(position)
    return handle.read(size)
