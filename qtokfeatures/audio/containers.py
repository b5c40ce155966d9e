"""Audio files of every format libsndfile reads, as checked blocks of samples."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import soundfile as sf

from qtokfeatures.audio.clip import Samples
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.audio.truncation import UNKNOWN_LENGTH, check_complete
from qtokfeatures.audio.waveforms import checked_finite
from qtokfeatures.exceptions import AudioError

_SEEKABLE = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # FLAC among them: sample by sample
_BLOCK_VALUES = 2**18  # values a read: 1 MiB of float32, whatever the number of channels


_SIGNATURES = (
    b"RIFF", b"RIFX", b"RF64", b"riff", b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"ID3",
)  # fmt: skip


class MemoryFile(io.BytesIO):
    """Bytes as a file for libsndfile, which seeks to negative positions in damaged ones."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Seek; stay where the position does not exist, since soundfile prints what is raised."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


class _ForwardFile(sf.SoundFile):  # type: ignore[misc]
    """A SoundFile that is read from front to back, whatever length its header claims."""

    def seekable(self) -> bool:
        return False


class ContainerReader:
    """An open audio file: its rate, and its samples once, from front to back."""

    def __init__(self, file: Any, handle: BinaryIO, *, source: str) -> None:
        self._file, self._handle, self.source = file, handle, source
        self.sr = checked_rate(file.samplerate, source=source, name="the header's rate")

    @property
    def promised(self) -> int | None:
        """Samples per channel that the header promises; None where it only estimates them."""
        frames = int(self._file.frames)
        return None if self._file.format == "MP3" or frames >= UNKNOWN_LENGTH else frames

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self._file.channels)

    def blocks(self, start: int = 0) -> Iterator[Samples]:
        """Yield consecutive blocks (channel, sample) from a sample on; raise where some miss."""
        frames, most = int(self._file.frames), max(1, _BLOCK_VALUES // self.n_channels)
        done = self._seek(min(start, frames))
        while done < frames:
            size = min(most, frames - done)
            block = self._read(size, done)
            checked_finite(block, source=self.source, sr=self.sr, before=done, axis=0)
            done += len(block)
            if done > start:
                yield block[max(0, start - (done - len(block))) :].T
            if len(block) < size:
                break
        check_complete(self._file, self._handle, done, source=self.source)

    def _seek(self, start: int) -> int:
        """Go to a sample, or to the beginning of a format that is only exact from there."""
        is_exact = self._file.subtype.startswith(_SEEKABLE) and self._file.frames < UNKNOWN_LENGTH
        target = start if is_exact else 0
        return target if self._file.tell() == target else int(self._file.seek(target))

    def _read(self, size: int, done: int) -> Samples:
        try:
            block: Samples = self._file.read(size, dtype="float32", always_2d=True)
        except (sf.LibsndfileError, OSError) as error:
            raise AudioError(
                f"{self.source}: damaged or truncated, decoding fails after "
                f"{done / self.sr:.2f} s ({_reason(error)}); get the file again or repair it",
                source=self.source,
            ) from error
        return block


@contextmanager
def open_container(handle: BinaryIO, *, source: str, hint: str = "") -> Iterator[ContainerReader]:
    """Open bytes as an audio file."""
    size = handle.seek(0, os.SEEK_END)
    handle.seek(0)
    if size == 0:
        raise AudioError(f"{source}: is empty (0 bytes)", source=source)
    try:
        file = _ForwardFile(_for_libsndfile(handle), closefd=False)
    except (sf.LibsndfileError, OSError, TypeError, ValueError) as error:
        raise _unrecognised(handle, f"{_reason(error)}{hint}", source=source) from error
    with file:
        yield ContainerReader(file, handle, source=source)


def _unrecognised(handle: BinaryIO, reason: str, *, source: str) -> AudioError:
    handle.seek(0)
    if handle.read(4).startswith(_SIGNATURES):
        what = "begins like an audio file but is damaged, truncated or of an unknown variant"
        advice = "get the file again, or convert it, for example with ffmpeg"
    else:
        what = "not audio in a format that libsndfile reads (WAV, FLAC, OGG, Opus, MP3, AIFF, …)"
        advice = "convert other formats first, for example with ffmpeg"
    return AudioError(f"{source}: {what} ({reason}); {advice}", source=source)


def is_audio(data: bytes) -> bool:
    """Return whether libsndfile recognises these bytes."""
    try:
        with _ForwardFile(MemoryFile(data)):
            return True
    except (sf.LibsndfileError, ValueError, TypeError):
        return False


def _for_libsndfile(handle: BinaryIO) -> Any:
    """Return the descriptor where there is one, which is read without calls into Python."""
    if os.name == "nt":  # descriptors are not shared between C runtimes
        return handle
    try:
        return handle.fileno()
    except (OSError, AttributeError):
        return handle


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return np.str_(text).strip().rstrip(".").removeprefix("Error : ")
