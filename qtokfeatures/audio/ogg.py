"""Ogg files: their pages, the streams chained in them, and Opus headers (RFC 3533, 7845)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from qtokfeatures.audio.splicing import Part, bytes_at, find_bytes, patched, size_of
from qtokfeatures.exceptions import AudioError

_BEGINS, _ENDS, _CONTINUES = 2, 4, 1  # flags of a page
_NO_PACKET = 2**64 - 1  # granule position of a page on which no packet ends
_CODECS = {
    b"OpusHead": "Opus", b"\x01vorbis": "Vorbis", b"\x7fFLAC": "FLAC", b"Speex   ": "Speex",
    b"\x80theora": "Theora", b"fishead\0": "Skeleton", b"CELT    ": "CELT", b"PCM     ": "PCM",
}  # fmt: skip
_READ = ("Opus", "Vorbis")
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


def ogg_parts(handle: BinaryIO, *, source: str) -> list[Part]:
    """Return the streams chained in an Ogg file; raise for codecs that libsndfile does not read."""
    pages = list(_pages(handle))
    begins = [
        index
        for index, page in enumerate(pages)
        if page.flags & _BEGINS and (index == 0 or not pages[index - 1].flags & _BEGINS)
    ]
    if not begins or begins[0] != 0:
        return [Part(handle)]  # libsndfile has a word for it
    links = [pages[first:last] for first, last in pairwise([*begins, len(pages)])]
    return [_part(handle, link, len(links) == 1, source) for link in links]


def _pages(handle: BinaryIO) -> Iterator[_Page]:
    end, position = size_of(handle), 0
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


def _part(handle: BinaryIO, pages: list[_Page], is_whole: bool, source: str) -> Part:
    codecs = [_codec(handle, page) for page in pages if page.flags & _BEGINS]
    if not any(name in _READ for name in codecs):
        raise AudioError(
            f"{source}: Ogg {' and '.join(codecs)}, which libsndfile does not read; convert it, "
            "for example with ffmpeg",
            source=source,
        )
    start, end = pages[0].start, pages[-1].start + pages[-1].size
    sign = _end_sign(pages[-1], size_of(handle))
    patches = _opus_patches(handle, pages) if codecs == ["Opus"] else {}
    if is_whole and start == 0 and not patches:
        return Part(handle, sign=lambda _file, _n: sign)
    end = min(end, size_of(handle))
    return Part(patched(handle, start, end, patches), sign=lambda _file, _n: sign)


def _codec(handle: BinaryIO, page: _Page) -> str:
    head = bytes_at(handle, page.body, 8)
    return next((name for magic, name in _CODECS.items() if head.startswith(magic)), "stream")


def _end_sign(page: _Page, file_size: int) -> str | None:
    if page.start + page.size > file_size:
        return "it ends inside an Ogg page"
    return None if page.flags & _ENDS else "its last Ogg page has no end mark"


def _opus_patches(handle: BinaryIO, pages: list[_Page]) -> dict[int, bytes]:
    """Return changed headers: a rate of 0 means 48 kHz, and positions count from 0."""
    patches = {}
    rate_at = pages[0].body + 12
    if bytes_at(handle, rate_at, 4) == bytes(4):
        # The input rate is informative and 0 "unspecified" (RFC 7845, 5.1); libsndfile decodes at
        # the least rate that it allows, 8 kHz.
        patches.update(_changed(handle, pages[0], {rate_at: struct.pack("<I", 48_000)}))
    first = _first_sample(handle, pages)
    if first > 0:
        # A stream that was joined while it ran does not begin at 0 (RFC 7845, 4.3); libsndfile
        # would take the difference for samples to skip.
        for page in pages:
            if 0 < page.granule < _NO_PACKET:
                granule = struct.pack("<Q", max(0, page.granule - first))
                patches.update(_changed(handle, page, {page.start + 6: granule}))
    return patches


def _first_sample(handle: BinaryIO, pages: list[_Page]) -> int:
    """Return the position of the first sample, from the first audio page on which a packet ends."""
    audio = [page for page in pages if 0 < page.granule < _NO_PACKET]
    if not audio:
        return 0
    headers_end = max((page.start for page in pages if page.granule == 0), default=-1)
    before = [page for page in pages if headers_end < page.start < audio[0].start]
    samples = sum(_page_samples(handle, page) for page in [*before, audio[0]])
    return audio[0].granule - samples  # negative where the only page is cut at its end


def _page_samples(handle: BinaryIO, page: _Page) -> int:
    """Return the 48 kHz samples in the packets that begin on a page."""
    position, samples = page.body, 0
    is_start = not page.flags & _CONTINUES
    for length in page.lengths:
        if is_start:
            samples += _packet_samples(bytes_at(handle, position, 2))
        position += length
        is_start = length < 255
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
