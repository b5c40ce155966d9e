"""Files made of byte ranges of another one, so that libsndfile sees a header that is right."""

from __future__ import annotations

import errno
import io
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, BinaryIO, cast

from qtokfeatures.exceptions import AudioError

MOST_IN_A_ROW = 10_000  # files; a forged one could consist of a million, each with its memory
UNKNOWN_LENGTH = 2**62  # libsndfile's number of frames where the header gives none
_FARTHEST = 2**62  # no file is longer, and seek takes no more than 2**63 - 1


@dataclass(frozen=True)
class Part:
    """A file that libsndfile reads by itself: all of a recording, or one of several in a row."""

    file: BinaryIO
    promised: int | None = None  # samples per channel, where libsndfile would only estimate them
    # The sign that something is missing, from the SoundFile and the number of samples read.
    sign: Callable[[Any, int], str | None] | None = None
    form: dict[str, Any] = field(default_factory=dict)  # of a file without header, for libsndfile


class _Spliced(io.RawIOBase):
    def __init__(self, handle: BinaryIO, pieces: Sequence[bytes | tuple[int, int]]) -> None:
        self._handle, self._pieces = handle, list(pieces)
        sizes = [len(p) if isinstance(p, bytes) else p[1] - p[0] for p in pieces]
        self._ends = list(accumulate(sizes))
        self._starts = [end - size for end, size in zip(self._ends, sizes, strict=True)]
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position; stay where it would be negative."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._ends[-1]}[whence]
        if base + offset >= 0:  # soundfile prints what is raised here
            self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return the number of bytes, fewer at the end."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._position < self._ends[-1]:
            index = bisect_right(self._ends, self._position)
            piece, within = self._pieces[index], self._position - self._starts[index]
            wanted = min(len(view) - done, self._ends[index] - self._position)
            if isinstance(piece, bytes):
                data = piece[within : within + wanted]
            else:
                data = bytes_at(self._handle, piece[0] + within, wanted)
            if not data:
                break
            view[done : done + len(data)] = data
            done += len(data)
            self._position += len(data)
        return done


def spliced(handle: BinaryIO, *pieces: bytes | tuple[int, int]) -> BinaryIO:
    """Return byte strings and ranges ``(start, end)`` of a file as one file."""
    return cast(BinaryIO, _Spliced(handle, pieces))


def window(handle: BinaryIO, start: int, end: int) -> BinaryIO:
    """Return a range of a file as a file."""
    return spliced(handle, (start, end))


def patched(handle: BinaryIO, start: int, end: int, patches: dict[int, bytes]) -> BinaryIO:
    """Return a range of a file, with bytes replaced at positions of the original file."""
    pieces: list[bytes | tuple[int, int]] = []
    for position, data in sorted(patches.items()):
        pieces += [(start, position), data]
        start = position + len(data)
    return spliced(handle, *pieces, (start, end))


def bytes_at(handle: BinaryIO, position: int, size: int) -> bytes:
    """Read bytes at a position; fewer at the end of the file, none at a forged position."""
    if position > _FARTHEST:
        return b""
    try:
        handle.seek(position)
    except OSError as error:
        if error.errno == errno.EINVAL:  # beyond what the file system has
            return b""
        raise
    return handle.read(max(0, size))


def too_many(source: str) -> AudioError:
    """Return the error for a file of too many files in a row."""
    return AudioError(
        f"{source}: consists of more than {MOST_IN_A_ROW} files in a row; split it", source=source
    )


def size_of(handle: BinaryIO) -> int:
    """Return the length of a file in bytes."""
    return handle.seek(0, os.SEEK_END)


def find_bytes(handle: BinaryIO, wanted: bytes, start: int, end: int) -> int:
    """Return the first position of some bytes in a range of a file, -1 where there is none."""
    step = 2**20
    for position in range(start, end, step):
        found = bytes_at(handle, position, min(step + len(wanted) - 1, end - position)).find(wanted)
        if found >= 0:
            return position + found
    return -1
