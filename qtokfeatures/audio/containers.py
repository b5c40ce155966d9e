"""Audio files of every format libsndfile reads, as checked blocks of samples."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import soundfile as sf

from qtokfeatures.audio.chunks import chunk_parts, is_placeholder, unread_encoding
from qtokfeatures.audio.clip import Samples
from qtokfeatures.audio.flac import flac_parts
from qtokfeatures.audio.mpeg import after_id3, mpeg_parts
from qtokfeatures.audio.ogg import ogg_parts
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.audio.splicing import UNKNOWN_LENGTH, Part, bytes_at, size_of, window
from qtokfeatures.audio.waveforms import checked_finite
from qtokfeatures.exceptions import AudioError

_SEEKABLE = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # sample by sample; FLAC among them
_BLOCK_VALUES = 2**18  # values a read: 1 MiB of float32, whatever the number of channels

_SIGNATURES = (
    b"RIFF", b"RIFX", b"RF64", b"riff", b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"ID3",
)  # fmt: skip
_OTHERS = {  # (position, bytes): formats that libsndfile does not read
    (4, b"ftyp"): "MP4 or M4A (AAC, ALAC)",
    (0, b"ADIF"): "AAC",
    (0, b"\x30\x26\xb2\x75"): "ASF or WMA",
    (0, b"\x1a\x45\xdf\xa3"): "Matroska or WebM",
    (0, b"#!AMR"): "AMR",
    (0, b"MAC "): "Monkey's Audio",
    (0, b"wvpk"): "WavPack",
    (0, b"MPCK"): "Musepack",
    (0, b"MP+"): "Musepack",
    (0, b"TTA1"): "True Audio",
    (0, b".RMF"): "RealMedia",
    (0, b"DSD "): "DSF (DSD)",
    (0, b"FRM8"): "DSDIFF",
    (0, b"\x0b\x77"): "AC-3",
    (0, b"\x7f\xfe\x80\x01"): "DTS",
    (0, b"MThd"): "MIDI, which holds notes instead of sound",
    (0, b"FLV"): "Flash video",
    (8, b"AVI "): "AVI video",
}
_HEADERS = re.compile(  # with bytes beside the signature that no other data has by chance
    rb"(?P<FLAC>fLaC\0\0\0\x22)|(?P<Ogg>OggS\0\x02)|(?P<WAV>R(?:IFF|F64)....WAVE)"
    rb"|(?P<AIFF>FORM....AIF[FC])|(?P<CAF>caff\0\x01\0\0)", re.DOTALL
)  # fmt: skip
_JUNK = 2**16  # bytes before a header, such as those of a download's own header, looked through
_DATA_SIZE = re.compile(
    r"^\s*(?:data|SSND|BODY|Data Size|riff|Riff size)\s*:\s*(\d+) \(should be (\d+)\)",
    re.MULTILINE,
)
_OPEN_ERRORS = (sf.LibsndfileError, OSError, TypeError, ValueError)


class MemoryFile(io.BytesIO):
    """Bytes as a file for libsndfile, which seeks to negative positions in damaged ones."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Seek; stay where the position does not exist, since soundfile prints what is raised."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


class _ForwardFile(sf.SoundFile):  # type: ignore[misc]
    """A SoundFile that is read from front to back, whatever length its header claims.

    soundfile seeks after each read of a seekable file, which fails for FLAC of unknown length,
    and cannot read to the end of the formats that libsndfile cannot seek in.
    """

    def seekable(self) -> bool:
        return False


class ContainerReader:
    """An open audio file, or several in a row of one rate and number of channels."""

    def __init__(self, parts: list[Part], *, source: str) -> None:
        self._parts, self.source = parts, source
        self._file = _open(parts[0])
        self._is_fresh = True
        self.sr = checked_rate(self._file.samplerate, source=source, name="the header's rate")
        self.n_channels = int(self._file.channels)
        self.container, self.encoding = str(self._file.format), str(self._file.subtype)

    @property
    def promised(self) -> int | None:
        """Samples per channel that the header promises; None where it only estimates them."""
        if len(self._parts) > 1:
            return None
        frames = int(self._file.frames)
        if self._parts[0].promised is not None or frames >= UNKNOWN_LENGTH:
            return self._parts[0].promised
        return None if self._file.format == "MP3" else frames

    def close(self) -> None:
        """Close what libsndfile opened, not the file itself."""
        self._file.close()

    def blocks(self, start: int = 0) -> Iterator[Samples]:
        """Yield consecutive blocks (channel, sample) from a sample on; raise where some miss."""
        done = 0
        for part in self._parts:
            if not self._is_fresh:
                self._reopen(part, done)
            self._is_fresh = False
            done = yield from self._decoded(part, start, done)

    def _reopen(self, part: Part, done: int) -> None:
        self._file.close()
        try:
            self._file = _open(part)
        except _OPEN_ERRORS as error:
            raise self._damaged(error, done) from error
        for name, now, then in (
            ("sampling rate", self._file.samplerate, self.sr),
            ("number of channels", self._file.channels, self.n_channels),
        ):
            if now != then:
                raise AudioError(
                    f"{self.source}: its {name} changes from {then} to {now} after "
                    f"{done / self.sr:.2f} s; split it there, or convert it, for example with "
                    "ffmpeg",
                    source=self.source,
                )

    def _decoded(self, part: Part, start: int, before: int) -> Generator[Samples, None, int]:
        """Yield blocks of one part, and return the number of its last sample."""
        file = self._file
        frames, most = int(file.frames), max(1, _BLOCK_VALUES // self.n_channels)
        here = self._seek(min(start, frames)) if start and len(self._parts) == 1 else 0
        while here < frames:
            size = min(most, frames - here)
            block = self._read(size, before + here)
            checked_finite(block, source=self.source, sr=self.sr, before=before + here, axis=0)
            here += len(block)
            n_wanted = min(len(block), before + here - start)
            if n_wanted > 0:
                yield block[len(block) - n_wanted :].T
            if len(block) < size:
                break
        self._check_complete(part, here)
        return before + here

    def _seek(self, start: int) -> int:
        """Go to a sample, or to the beginning of a format that is only exact from there."""
        if not self._file.subtype.startswith(_SEEKABLE) or self._file.frames >= UNKNOWN_LENGTH:
            return 0
        try:
            return int(self._file.seek(start))
        except _OPEN_ERRORS as error:
            raise self._damaged(error, 0) from error

    def _read(self, size: int, done: int) -> Samples:
        try:
            block: Samples = self._file.read(size, dtype="float32", always_2d=True)
        except _OPEN_ERRORS as error:
            raise self._damaged(error, done) from error
        return block

    def _damaged(self, error: Exception, done: int) -> AudioError:
        return AudioError(
            f"{self.source}: damaged or truncated, decoding fails after {done / self.sr:.2f} s "
            f"({_reason(error)}); get the file again or repair it",
            source=self.source,
        )

    def _check_complete(self, part: Part, there: int) -> None:
        """Raise if a part, read to its end, delivered fewer samples than it promised."""
        # WAV, W64, AIFF, AU, CAF and SVX headers hold the size of the data, FLAC's the number of
        # samples; the last Ogg page carries an end mark; a cut between two MP3 frames shows only
        # where a Xing or Info tag counts them. NIST, VOC, PVF, IRCAM, AVR and PAF show nothing.
        if part.sign is not None:
            sign = part.sign(self._file, there)
        else:
            sign = _length_sign(int(self._file.frames), there) or _size_sign(self._file)
        if sign is not None:
            raise AudioError(
                f"{self.source}: truncated, {sign}; get the complete file, or convert what is "
                "there (for example with ffmpeg) if that will do",
                source=self.source,
            )


def _length_sign(promised: int, there: int) -> str | None:
    if there >= promised or promised >= UNKNOWN_LENGTH:
        return None
    return f"its header promises {promised} samples and {there} are there"


def _size_sign(file: Any) -> str | None:
    """Read libsndfile's remarks on the sizes in the header."""
    is_padding = file.subtype.startswith(("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"))
    for match in _DATA_SIZE.finditer(file.extra_info):
        promised, there = int(match[1]), int(match[2])
        if is_padding and promised - there == 1:
            continue  # of an odd size, which no sample needs
        if there < promised and not is_placeholder(promised):
            return f"its header promises {promised} bytes of data and {there} are there"
    return None


@contextmanager
def open_container(handle: BinaryIO, *, source: str, hint: str = "") -> Iterator[ContainerReader]:
    """Open bytes as an audio file; the handle, seekable, stays open."""
    try:
        if size_of(handle) == 0:
            raise AudioError(f"{source}: is empty (0 bytes)", source=source)
        parts = _parts(handle, source)
    except OSError as error:
        raise AudioError(
            f"{source}: cannot be read ({error.strerror or error})", source=source
        ) from error
    try:
        reader = ContainerReader(parts, source=source)
    except _OPEN_ERRORS as error:
        found = _without_header(handle, source) or mpeg_parts(handle, source=source)
        if not found or len(parts) > 1:
            raise _unrecognised(handle, f"{_reason(error)}{hint}", source=source) from error
        try:
            reader = ContainerReader(found, source=source)
        except _OPEN_ERRORS:
            raise _unrecognised(handle, f"{_reason(error)}{hint}", source=source) from error
    with contextlib.closing(reader):
        yield reader


def _parts(handle: BinaryIO, source: str) -> list[Part]:
    """Return the files in a row that a file consists of, most often the file itself."""
    head = bytes_at(handle, 0, 4)
    if head.startswith(b"ID3"):
        start = after_id3(handle, 0)
        inner = bytes_at(handle, start, 4)
        if inner.startswith(_SIGNATURES):
            handle, head = window(handle, start, size_of(handle)), inner
    if head == b"OggS":
        return ogg_parts(handle, source=source)
    if head == b"fLaC":
        return flac_parts(handle, source=source)
    parts = chunk_parts(handle, source=source)
    if parts is None and (
        head.startswith(b"ID3") or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")
    ):
        parts = mpeg_parts(handle, source=source)
    return parts or [Part(handle)]


def _without_header(handle: BinaryIO, source: str) -> list[Part]:
    """Return a file of GSM 06.10, which only its name and the first bits of its frames show."""
    # 8 kHz always, and 4 bits 0xD at the start of every 33 bytes (RFC 3551, 4.5.8).
    frames = bytes_at(handle, 0, 33 * 64)[::33]
    if not source.lower().endswith(".gsm") or {byte >> 4 for byte in frames} != {0xD}:
        return []
    form = {"format": "RAW", "subtype": "GSM610", "samplerate": 8000, "channels": 1}
    return [Part(handle, form=form)]


def _unrecognised(handle: BinaryIO, reason: str, *, source: str) -> AudioError:
    head = bytes_at(handle, 0, 16)
    is_adts = head[:1] == b"\xff" and head[1:2] and head[1] & 0xF6 == 0xF0
    other = "AAC" if is_adts else None
    for (place, magic), name in _OTHERS.items():
        if head[place:].startswith(magic):
            other = name
    other = other or unread_encoding(handle)
    if other is not None:
        what = f"{other}, which libsndfile does not read"
        advice = "convert it first, for example with ffmpeg"
    elif (header := _HEADERS.search(bytes_at(handle, 0, _JUNK))) and header.start():
        what = f"has {header.start()} bytes of something else before its {header.lastgroup} header"
        advice = f"cut them off, for example with tail -c +{header.start() + 1}"
    elif head.startswith(_SIGNATURES):
        what = "begins like an audio file but is damaged, truncated or of an unknown variant"
        advice = "get the file again, or convert it, for example with ffmpeg"
    else:
        what = "not audio in a format that libsndfile reads (WAV, FLAC, OGG, Opus, MP3, AIFF, …)"
        advice = "convert other formats first, for example with ffmpeg"
    return AudioError(f"{source}: {what} ({reason}); {advice}", source=source)


def is_audio(data: bytes) -> bool:
    """Return whether libsndfile recognises these bytes."""
    try:
        with open_container(MemoryFile(data), source="<bytes>"):
            return True
    except AudioError:
        return False


def _open(part: Part) -> Any:
    return _ForwardFile(_for_libsndfile(part.file), closefd=False, **part.form)


def _for_libsndfile(handle: BinaryIO) -> Any:
    """Return the descriptor where there is one, which is read without calls into Python."""
    handle.seek(0)
    if os.name == "nt":  # descriptors are not shared between C runtimes
        return handle
    try:
        descriptor = handle.fileno()
    except (OSError, AttributeError):
        return handle
    os.lseek(descriptor, 0, os.SEEK_SET)  # a buffered file may be elsewhere
    return descriptor


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return np.str_(text).strip().rstrip(".").removeprefix("Error : ")
