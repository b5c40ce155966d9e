"""Signs that an audio file is shorter than it should be, as far as its format shows them."""

from __future__ import annotations

import os
import re
from typing import Any, BinaryIO

from qtokfeatures.audio.mpeg import frame_chain
from qtokfeatures.exceptions import AudioError

UNKNOWN_LENGTH = 2**62  # libsndfile's number of frames where the header gives none

_DATA_SIZE = re.compile(
    r"^\s*(?:data|SSND|BODY|Data Size|riff|Riff size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE
)
_OGG_PAGE_MAX = 65_307  # bytes: 27 of header, 255 of segment table, 255 segments of 255
_OGG_END_OF_STREAM = 4


def check_complete(file: Any, handle: BinaryIO, n_samples: int, *, source: str) -> None:
    """Raise if an audio file, read to its end, delivered fewer samples than it promised."""
    # WAV, W64, AIFF, AU, CAF and SVX headers hold the size of the data, FLAC's the number of
    # samples; the last Ogg page carries an end mark; a cut between two MP3 frames shows only
    # where a Xing or Info tag counts them. NIST, VOC, PVF, IRCAM, AVR and PAF show nothing.
    if file.format == "OGG":
        sign = _ogg_sign(handle)
    elif file.format == "MP3":
        sign = _mp3_sign(file, handle, n_samples)
    else:
        sign = _length_sign(int(file.frames), n_samples) or _data_size_sign(file.extra_info)
    if sign is not None:
        raise AudioError(
            f"{source}: truncated, {sign}; get the complete file, or convert what is there "
            "(for example with ffmpeg) if that will do",
            source=source,
        )


def _length_sign(promised: int, there: int) -> str | None:
    if there >= promised or promised >= UNKNOWN_LENGTH:
        return None
    return f"its header promises {promised} samples and {there} are there"


def _data_size_sign(log: str) -> str | None:
    """Read libsndfile's remarks on the sizes in the header."""
    for match in _DATA_SIZE.finditer(log):
        promised, there = int(match[1]), int(match[2])
        if there < promised and not _is_placeholder(promised):
            return f"its header promises {promised} bytes of data and {there} are there"
    return None


def _is_placeholder(size: int) -> bool:
    """Return whether a size means "unknown", as recorders that cannot seek back write it."""
    return 0x7FFF0000 <= size <= 0x80000100 or 0xFFFF0000 <= size <= 0xFFFFFFFF


def _mp3_sign(file: Any, handle: BinaryIO, n_samples: int) -> str | None:
    chain = frame_chain(handle)
    if chain is None:
        return None
    if chain.ends_inside:
        return "it ends inside an MP3 frame"
    if chain.has_count:  # encoders disagree on whether the tag's own frame counts
        return _length_sign(int(file.frames), n_samples + chain.frame_samples)
    if n_samples + 2 * chain.frame_samples < chain.n_samples:
        return (
            f"only {n_samples} of its {chain.n_samples} samples can be read, because its bit rate "
            "varies and it has no Xing tag"
        )
    return None


def _ogg_sign(handle: BinaryIO) -> str | None:
    end = handle.seek(0, os.SEEK_END)
    handle.seek(max(0, end - 2 * _OGG_PAGE_MAX))
    tail = handle.read()
    start = tail.rfind(b"OggS")
    page = tail[start:] if start >= 0 else b""
    if len(page) < 27:
        return "it ends inside an Ogg page"
    lengths = page[27 : 27 + page[26]]
    if len(page) < 27 + page[26] + sum(lengths):
        return "it ends inside an Ogg page"
    return None if page[5] & _OGG_END_OF_STREAM else "its last Ogg page has no end mark"
