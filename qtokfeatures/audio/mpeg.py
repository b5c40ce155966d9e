"""MPEG audio files (ISO/IEC 11172-3 and 13818-3): their frames, counted without decoding.

Layout: http://www.mp3-tech.org/programmer/frame_header.html and .../mp3_xing.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from qtokfeatures.audio.splicing import (
    MOST_IN_A_ROW,
    Part,
    bytes_at,
    patched,
    size_of,
    spliced,
    too_many,
    window,
)
from qtokfeatures.exceptions import AudioError

_KBITS = {  # (is version 1, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_TAGS = (b"Xing", b"Info", b"VBRI")
_RATES = (44_100, 48_000, 32_000)
_JUNK = 2**20  # bytes before the first frame, or between two, that are looked through
_ENOUGH = 4  # frames in a row that no other kind of data has by chance


class _Frame(NamedTuple):
    size: int
    samples: int
    rate: int
    channels: int
    layer: int

    @property
    def kind(self) -> tuple[int, int]:
        return self.rate, self.channels


@dataclass
class _Chain:
    """Frames in a row that one encoder wrote."""

    start: int
    first: _Frame
    tag: int | None = None  # position of its Xing or Info tag, whose frame is silent
    counted: int = 0  # frames that the tag counts
    frames: int = 0  # whole frames, without the one of the tag
    is_broken: bool = False  # by junk, behind which a decoder may find other frames
    ends_inside: bool = False
    bit_rates: set[int] = field(default_factory=set)

    @property
    def n_samples(self) -> int:
        return self.frames * self.first.samples


def mpeg_parts(
    handle: BinaryIO, *, source: str, start: int = 0, end: int | None = None
) -> list[Part]:
    """Return the MPEG audio files in a row, within a range of a file; none where there are none."""
    stop = size_of(handle) if end is None else end
    audio_start = _after_tags(handle, start)
    first = _first_frame(handle, audio_start, stop)
    found = iter(()) if first is None else _chains(handle, first, stop, source)
    chains = list(islice(found, MOST_IN_A_ROW + 1))
    if not chains:
        return []
    if len(chains) > MOST_IN_A_ROW:
        raise too_many(source)
    is_plain = first == audio_start and (start, stop) == (0, size_of(handle))
    is_plain = is_plain and audio_start == after_id3(handle, start)
    if len(chains) == 1 and is_plain:
        return [_part(handle, chains[0], 0, stop, is_whole=True)]
    ends = [*(chain.start for chain in chains[1:]), stop]
    return [
        _part(handle, chain, chain.start, end, is_whole=False)
        for chain, end in zip(chains, ends, strict=True)
    ]


def _part(handle: BinaryIO, chain: _Chain, start: int, end: int, *, is_whole: bool) -> Part:
    n_samples = None if chain.is_broken else chain.n_samples
    if chain.counted == 0:
        # Without a count, libsndfile estimates the length from the first frame's bit rate.
        if len(chain.bit_rates) > 1:
            tag = _counting_frame(bytes_at(handle, chain.start, 4), chain)
            first = chain.start if chain.tag is None else chain.start + chain.first.size
            return Part(spliced(handle, tag, (first, end)), n_samples, _sign(chain))
    elif chain.counted < chain.frames - 1:  # encoders disagree on whether the tag counts itself
        file = patched(handle, start, end, _recount(handle, chain))
        return Part(file, n_samples, _sign(chain))
    if is_whole:
        return Part(handle, n_samples, _sign(chain))
    return Part(window(handle, start, end), n_samples, _sign(chain))


def _sign(chain: _Chain) -> Any:
    def sign(file: Any, there: int) -> str | None:
        if chain.ends_inside:
            return "it ends inside an MP3 frame"
        if chain.tag is not None and there + chain.first.samples < file.frames:
            return f"its header promises {file.frames} samples and {there} are there"
        return None

    return sign


def _chains(handle: BinaryIO, first: int, stop: int, source: str) -> Iterator[_Chain]:
    """Follow the frames; a Xing or Info tag, or another kind of frame, begins a new chain."""
    position: int | None = first
    chain: _Chain | None = None
    while position is not None:
        head = bytes_at(handle, position, 64)
        frame = _frame(head)
        is_other = frame is not None and chain is not None and frame.kind != chain.first.kind
        if is_other and not _is_chain(handle, position, stop, _ENOUGH, at_end=2):
            frame = None  # junk that looks like a header
        if frame is None or position + frame.size > stop:
            if chain is None:
                return
            chain.ends_inside = frame is not None and position < stop
            chain.is_broken |= frame is None and _after_tags(handle, position) < stop
            position = _resume(handle, position, stop, chain.first) if frame is None else None
            continue
        tag = _tag_in(head, position, frame)
        if chain is None or tag is not None or frame.kind != chain.first.kind:
            if chain is not None:
                _check_kind(chain, frame, source)
                yield chain
            chain = _Chain(position, frame, tag, _count_of(handle, tag))
        if tag is None:
            chain.frames += 1
            chain.bit_rates.add(head[2] >> 4)
        position += frame.size
    if chain is not None:
        yield chain


def _check_kind(chain: _Chain, frame: _Frame, source: str) -> None:
    if frame.kind == chain.first.kind:
        return
    if frame.rate != chain.first.rate:
        change = f"sampling rate changes from {chain.first.rate} to {frame.rate} Hz"
    else:
        change = f"number of channels changes from {chain.first.channels} to {frame.channels}"
    raise AudioError(
        f"{source}: its {change} after {chain.n_samples / chain.first.rate:.2f} s; split it there, "
        "or convert it, for example with ffmpeg",
        source=source,
    )


def _resume(handle: BinaryIO, position: int, stop: int, like: _Frame) -> int | None:
    """Return the next frame behind tags or junk; None where there is none."""
    after = _after_tags(handle, position)
    frame = _frame(bytes_at(handle, after, 4))
    follows = frame and _frame(bytes_at(handle, after + frame.size, 4))
    if after > position and follows:
        return after
    found = _first_frame(handle, after + 1, min(stop, after + _JUNK))
    if found is None:
        return None
    frame = _frame(bytes_at(handle, found, 4))
    return found if frame is not None and frame.kind == like.kind else None


def _first_frame(handle: BinaryIO, start: int, stop: int) -> int | None:
    """Return the position of the first of some frames in a row."""
    end = size_of(handle)
    if _is_chain(handle, start, end, 2, at_end=1):
        return start
    head = bytes_at(handle, start, min(_JUNK, stop - start))
    place = 0
    while (place := head.find(b"\xff", place)) >= 0:
        if _is_chain(handle, start + place, end, _ENOUGH, at_end=_ENOUGH):
            return start + place
        place += 1
    return None


def _is_chain(handle: BinaryIO, position: int, end: int, enough: int, *, at_end: int) -> bool:
    """Return whether enough frames of one kind follow one another, fewer before the end."""
    kind = None
    for count in range(enough):
        if position >= end:
            return count >= at_end
        frame = _frame(bytes_at(handle, position, 4))
        if frame is None or kind not in (None, frame.kind):
            return False
        kind = frame.kind
        position += frame.size
    return True


def _after_tags(handle: BinaryIO, position: int) -> int:
    """Return the position behind ID3 and APE tags."""
    while True:
        head = bytes_at(handle, position, 32)
        if head.startswith(b"ID3"):
            behind = after_id3(handle, position)
        elif head.startswith(b"TAG"):
            behind = position + 128
        elif head.startswith(b"APETAGEX"):
            behind = position + 32 + int.from_bytes(head[12:16], "little")
        else:
            return position
        if behind <= position:
            return position
        position = behind


def after_id3(handle: BinaryIO, position: int) -> int:
    """Return the position behind an ID3v2 tag; the same where there is none."""
    head = bytes_at(handle, position, 10)
    if len(head) < 10 or head[:3] != b"ID3":
        return position
    size = 0
    for byte in head[6:]:
        size = size << 7 | byte & 0x7F
    return position + 10 + size + (10 if head[5] & 0x10 else 0)


def _frame(head: bytes) -> _Frame | None:
    """Read a frame header of 4 bytes; None if there is none, or one of free format."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    is_1 = version == 3
    sr = _RATES[rate] // (1 if is_1 else 2 if version == 2 else 4)
    samples = 384 if layer == 1 else 576 if layer == 3 and not is_1 else 1152
    padding, slot = head[2] >> 1 & 1, 4 if layer == 1 else 1
    bits_per_s = 1000 * _KBITS[is_1, layer][bit_rate - 1]
    size = (samples // 8 * bits_per_s // sr // slot + padding) * slot
    return _Frame(size, samples, sr, 1 if head[3] >> 6 == 3 else 2, layer)


def _tag_in(head: bytes, position: int, frame: _Frame) -> int | None:
    """Return the position of a Xing, Info or VBRI tag in a frame, behind the side information."""
    if frame.layer != 3 or not any(name in head for name in _TAGS):
        return None
    place = max(head.find(name, 4) for name in _TAGS)
    # Before a tag there are only zeros, and sometimes a checksum. Without this, one in some 160
    # hours of audio would hold the letters by chance.
    is_tag = 4 <= place < frame.size and not any(head[6:place])
    return position + place if is_tag else None


def _count_of(handle: BinaryIO, tag: int | None) -> int:
    """Return the frames that a Xing or Info tag counts; 0 where it does not."""
    head = b"" if tag is None else bytes_at(handle, tag, 18)
    if len(head) < 18:
        return 0
    if head.startswith(b"VBRI"):
        return int.from_bytes(head[14:], "big")
    return int.from_bytes(head[8:12], "big") if head[7] & 1 else 0


def _counting_frame(head: bytes, chain: _Chain) -> bytes:
    """Return a silent frame with a Xing tag that counts the frames of a chain."""
    # Room for the tag at any rate: 64 kbit/s or more, no padding, no checksum.
    roomy = bytes([head[0], head[1] | 1, 0x90 | head[2] & 0x0C, head[3]])
    frame = _frame(roomy)
    size = 0 if frame is None else frame.size
    is_1 = head[1] >> 3 & 3 == 3
    is_mono = head[3] >> 6 == 3
    side = (17 if is_mono else 32) if is_1 else (9 if is_mono else 17)
    body = roomy + bytes(side) + b"Xing" + struct.pack(">II", 1, chain.frames)
    return body + bytes(max(0, size - len(body)))


def _recount(handle: BinaryIO, chain: _Chain) -> dict[int, bytes]:
    """Return the changed bytes of a tag that counts too few frames."""
    tag = chain.tag or 0
    if bytes_at(handle, tag, 4) == b"VBRI":
        return {tag + 14: struct.pack(">I", chain.frames)}
    patches = {tag + 8: struct.pack(">I", chain.frames)}
    flags = bytes_at(handle, tag + 7, 1)[0]
    lame = tag + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1)
    lame += 4 * (flags >> 3 & 1)
    delay = bytes_at(handle, lame, 24)
    if delay[:4] in (b"LAME", b"Lavf", b"Lavc") and len(delay) == 24:
        # Of the 12 + 12 bits for delay and padding, the padding is that of an earlier end.
        patches[lame + 22] = bytes([delay[22] & 0xF0, 0])
    return patches
