"""Ogg files: their pages, the streams chained in them, and Opus headers (RFC 3533, 7845)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from qtokfeatures.audio.splicing import (
    MOST_IN_A_ROW,
    UNKNOWN_LENGTH,
    Part,
    bytes_at,
    find_bytes,
    patched,
    size_of,
    too_many,
)
from qtokfeatures.exceptions import AudioError

_BEGINS, _ENDS = 2, 4  # flags of a page
_NO_PACKET = 2**64 - 1  # granule position of a page on which no packet ends
_CODECS = {
    b"OpusHead": "Opus", b"\x01vorbis": "Vorbis", b"\x7fFLAC": "FLAC", b"Speex   ": "Speex",
    b"\x80theora": "Theora", b"fishead\0": "Skeleton", b"CELT    ": "CELT", b"PCM     ": "PCM",
}  # fmt: skip
_MOST_EARLY = 4096  # pages of comments, with pictures in them, before the audio
_READ = ("Opus", "Vorbis")
_LEAST_RATE = 8000  # Hz, of Opus
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class _Page:
    start: int
    size: int
    flags: int
    granule: int
    lengths: bytes

    @property
    def body(self) -> int:
        return self.start + 27 + len(self.lengths)

    @property
    def end(self) -> int:
        return self.start + self.size


@dataclass
class _Link:
    """A stream of a chain: the pages that tell about it, not all of them."""

    begins: list[_Page] = field(default_factory=list)  # one page for each codec in it
    early: list[_Page] = field(default_factory=list)  # to the first on which audio ends
    last: _Page | None = None

    def add(self, page: _Page) -> None:
        if page.flags & _BEGINS:
            self.begins.append(page)
        elif not self.has_audio and len(self.early) < _MOST_EARLY:
            self.early.append(page)
        self.last = page

    @property
    def has_audio(self) -> bool:
        return bool(self.early) and 0 < self.early[-1].granule < _NO_PACKET


def ogg_parts(handle: BinaryIO, *, source: str) -> list[Part]:
    """Return the streams chained in an Ogg file; raise for codecs that libsndfile does not read."""
    links: list[_Link] = []
    for page in _pages(handle):
        follows_begin = bool(links) and links[-1].last is links[-1].begins[-1]
        if page.flags & _BEGINS and not follows_begin:
            if len(links) == MOST_IN_A_ROW:
                raise too_many(source)
            links.append(_Link())
        elif not links:
            return [Part(handle)]  # libsndfile has a word for it
        links[-1].add(page)
    return [_part(handle, link, len(links) == 1, source) for link in links] or [Part(handle)]


def _pages(handle: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[_Page]:
    position, end = start, size_of(handle) if end is None else end
    while 0 <= position < end:
        head = bytes_at(handle, position, 27 + 255)
        if len(head) >= 27 and head.startswith(b"OggS"):
            lengths = head[27 : 27 + head[26]]
            size = 27 + head[26] + sum(lengths)
            granule = int.from_bytes(head[6:14], "little")
            yield _Page(position, size, head[5], granule, lengths)
            position += size
        else:
            position = find_bytes(handle, b"OggS", position + 1, end)


def _part(handle: BinaryIO, link: _Link, is_whole: bool, source: str) -> Part:
    codecs = [_codec(handle, page) for page in link.begins]
    if not any(name in _READ for name in codecs):
        raise AudioError(
            f"{source}: Ogg {' and '.join(codecs)}, which libsndfile does not read; convert it, "
            "for example with ffmpeg",
            source=source,
        )
    first, last = link.begins[0], link.last or link.begins[0]
    end_sign = _end_sign(last, size_of(handle))

    def sign(file: Any, there: int) -> str | None:
        return end_sign or _hole_sign(int(file.frames), there)

    patches = _opus_patches(handle, link, last) if codecs == ["Opus"] else {}
    if is_whole and first.start == 0 and not patches:
        return Part(handle, sign=sign)
    end = min(last.end, size_of(handle))
    return Part(patched(handle, first.start, end, patches), sign=sign)


def _codec(handle: BinaryIO, page: _Page) -> str:
    head = bytes_at(handle, page.body, 8)
    return next((name for magic, name in _CODECS.items() if head.startswith(magic)), "stream")


def _end_sign(page: _Page, file_size: int) -> str | None:
    if page.end > file_size:
        return "it ends inside an Ogg page"
    return None if page.flags & _ENDS else "its last Ogg page has no end mark"


def _hole_sign(counted: int, there: int) -> str | None:
    # libogg leaves out pages that are damaged or lost without an error.
    if not there < counted < UNKNOWN_LENGTH:
        return None
    return f"or damaged: its last Ogg page counts {counted} samples and {there} are there"


def _opus_patches(handle: BinaryIO, link: _Link, last: _Page) -> dict[int, bytes]:
    """Return changed pages: a rate of 0 means 48 kHz, and positions count from 0."""
    head = link.begins[0]
    patches = {}
    if int.from_bytes(bytes_at(handle, head.body + 12, 4), "little") < _LEAST_RATE:
        # The input rate is informative and 0 "unspecified" (RFC 7845, 5.1); libsndfile decodes at
        # the least rate that it allows, 8 kHz, opusdec at 48 kHz.
        patches.update(_changed(handle, head, {head.body + 12: struct.pack("<I", 48_000)}))
    first = _first_sample(handle, link)
    if first > 0:
        # A stream that was joined while it ran does not begin at 0 (RFC 7845, 4.3).
        for page in _pages(handle, head.start, last.end):
            if 0 < page.granule < _NO_PACKET:
                granule = struct.pack("<Q", max(0, page.granule - first))
                patches.update(_changed(handle, page, {page.start + 6: granule}))
    return patches


def _first_sample(handle: BinaryIO, link: _Link) -> int:
    """Return the position of the first sample, from the first page on which audio ends."""
    if not link.has_audio:
        return 0
    headers_end = max((page.start for page in link.early if page.granule == 0), default=-1)
    audio = [page for page in link.early if page.start > headers_end]
    # Negative where the only page is cut at its end.
    return link.early[-1].granule - _samples_on(handle, audio)


def _samples_on(handle: BinaryIO, pages: list[_Page]) -> int:
    """Return the 48 kHz samples in the packets that begin and end on some pages."""
    samples = pending = 0
    is_start = True
    for page in pages:
        position = page.body
        for length in page.lengths:
            if is_start:
                pending = _packet_samples(bytes_at(handle, position, 2))
            position += length
            is_start = length < 255
            if is_start:
                samples, pending = samples + pending, 0
    return samples


def _packet_samples(head: bytes) -> int:
    """Return the samples of an Opus packet, from its first bytes (RFC 6716, 3.1)."""
    if not head:
        return 0
    config, count_code = head[0] >> 3, head[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config % 4]
    elif config < 16:
        frame = (480, 960)[config % 2]
    else:
        frame = (120, 240, 480, 960)[config % 4]
    count = (1, 2, 2, head[1] & 63 if len(head) > 1 else 0)[count_code]
    return frame * count


def _changed(handle: BinaryIO, page: _Page, changes: dict[int, bytes]) -> dict[int, bytes]:
    """Return the bytes of a page's header and its changes, with the checksum of the new page."""
    data = bytearray(bytes_at(handle, page.start, page.size))
    for position, new in changes.items():
        data[position - page.start : position - page.start + len(new)] = new
    data[22:26] = bytes(4)
    data[22:26] = struct.pack("<I", _checksum(bytes(data)))
    return {page.start: bytes(data)}


def _checksum(page: bytes) -> int:
    # Ogg's CRC-32 has zlib's polynomial with the bits of every byte, and of the result, reversed;
    # it starts from 0 and does not invert, which the two masks undo.
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
