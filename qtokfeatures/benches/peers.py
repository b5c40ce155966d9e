"""Codecs to compare with: Opus, Codec 2, and a mel spectrogram inverted by Griffin-Lim."""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

import numpy as np
import soundfile

from qtokfeatures.audio import resample
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import CodecError, InputError, require

_OGG_HEADER_BYTES: Final = 27
_FULL_SEGMENT: Final = 255
_CODEC2_HZ: Final = 8000
_CODEC2_BLOCK: Final = 320  # 40 ms: whole frames and whole bytes in every mode
_CODEC2_FLUSH: Final = 2  # blocks of silence, which push the last samples out of the decoder


class Peer(Protocol):
    """Interface of a codec to compare with.

    A bench leaves out a peer whose :meth:`missing` returns a reason, and reports the reason.
    """

    @property
    def name(self) -> str:
        """Name in tables."""

    @property
    def note(self) -> str:
        """Version and parameters, for the notes below tables."""

    @property
    def delays(self) -> bool:
        """Whether its output may be late, so that the delay has to be estimated and removed."""

    def missing(self) -> str:
        """Return why it cannot run here; empty where it can."""

    def encode(self, y: FloatArray, sr: int) -> Any:
        """Return the transmitted payload of mono samples at rate `sr`."""

    def decode(self, payload: Any, sr: int) -> FloatArray:
        """Return samples at rate `sr`; they may be late and differ in length."""

    def n_bits(self, payload: Any) -> int | None:
        """Return the number of bits transmitted; None where nothing is quantised."""


@dataclass(frozen=True)
class Opus:
    """Opus by ``opusenc`` and ``opusdec``.

    Parameters
    ----------
    kbit_s : float, default 6.0
        Requested bit rate, in kbit/s. The real one is counted from the packets.

    Examples
    --------
    >>> Opus(kbit_s=8.0).name
    'Opus, asked for 8 kbit/s'
    """

    delays: ClassVar[bool] = True

    kbit_s: float = 6.0

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"Opus, asked for {self.kbit_s:g} kbit/s"

    @property
    def note(self) -> str:
        """Version of the tools and how bits are counted."""
        version = run_tool(["opusenc", "--version"]).decode().splitlines()[0]
        return (
            f"{version}, `--bitrate {self.kbit_s:g}`, otherwise defaults; "
            "its real bit rate is counted from the audio packets, without the Ogg container"
        )

    def missing(self) -> str:
        """Return which tool is missing, if any."""
        return missing_tools("opusenc", "opusdec", package="opus-tools")

    def encode(self, y: FloatArray, sr: int) -> bytes:
        """Return an Ogg Opus file."""
        wav = io.BytesIO()
        soundfile.write(wav, y, sr, format="WAV", subtype="FLOAT")
        command = ["opusenc", "--quiet", "--bitrate", f"{self.kbit_s:g}", "-", "-"]
        return run_tool(command, wav.getvalue())

    def decode(self, payload: bytes, sr: int) -> FloatArray:
        """Return samples at rate `sr`."""
        command = ["opusdec", "--quiet", "--rate", str(sr), "--float", "-", "-"]
        return np.frombuffer(run_tool(command, payload), dtype=np.float32)

    def n_bits(self, payload: bytes) -> int:
        """Return the bits of the audio packets, without the stream's two headers."""
        return 8 * sum(packet_sizes(payload)[2:])


@dataclass(frozen=True)
class Codec2:
    """Codec 2, a vocoder for speech at 8 kHz, by ``c2enc`` and ``c2dec``.

    Parameters
    ----------
    mode : int, default 2400
        Mode of the tools: a bit rate in bit/s, 1200 … 3200.

    Examples
    --------
    >>> Codec2(mode=1200).name
    'Codec2 1200'
    """

    delays: ClassVar[bool] = True

    mode: int = 2400

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"Codec2 {self.mode}"

    @property
    def note(self) -> str:
        """Mode and resampling."""
        return f"`c2enc {self.mode}`, a vocoder for speech, resampled to 8 kHz and back"

    def missing(self) -> str:
        """Return which tool is missing, if any."""
        return missing_tools("c2enc", "c2dec", package="codec2")

    def encode(self, y: FloatArray, sr: int) -> bytes:
        """Return the tool's frames, without a header."""
        narrow = resample(y, orig_sr=sr, target_sr=_CODEC2_HZ)
        padded = np.pad(narrow, (0, -len(narrow) % _CODEC2_BLOCK + _CODEC2_FLUSH * _CODEC2_BLOCK))
        pcm = np.clip(np.round(padded * 32767), -32768, 32767).astype("<i2")
        return run_tool(["c2enc", str(self.mode), "-", "-"], pcm.tobytes())

    def decode(self, payload: bytes, sr: int) -> FloatArray:
        """Return samples at rate `sr`, late by the codec's delay."""
        pcm = run_tool(["c2dec", str(self.mode), "-", "-"], payload)
        narrow = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32767)
        return resample(narrow, orig_sr=_CODEC2_HZ, target_sr=sr)

    def n_bits(self, payload: bytes) -> int:
        """Return the bits of all frames but those that flush the decoder."""
        bytes_per_block = -(-self.mode // 200)
        return 8 * (len(payload) - _CODEC2_FLUSH * bytes_per_block)


@dataclass(frozen=True)
class GriffinLim:
    """A mel spectrogram, not quantised, inverted by librosa: what magnitudes alone allow.

    Parameters
    ----------
    n_mels : int, default 80
        Number of mel bands.
    n_fft : int, default 1024
        Window length, in samples.
    hop_length : int, default 256
        Hop, in samples.
    n_iter : int, default 64
        Number of iterations.

    Examples
    --------
    >>> GriffinLim(n_mels=40).name
    'mel + Griffin-Lim'
    """

    delays: ClassVar[bool] = False  # frames are centred

    n_mels: int = 80
    n_fft: int = 1024
    hop_length: int = 256
    n_iter: int = 64

    @property
    def name(self) -> str:
        """Name in tables."""
        return "mel + Griffin-Lim"

    @property
    def note(self) -> str:
        """Version of librosa and parameters."""
        version = require("librosa", purpose="Griffin-Lim").__version__
        return (
            f"librosa {version}, {self.n_mels} bands of magnitude, window {self.n_fft}, "
            f"hop {self.hop_length}, {self.n_iter} iterations; not quantised, so it has no bit rate"
        )

    def missing(self) -> str:
        """Return how to install librosa where it is missing."""
        found = importlib.util.find_spec("librosa")
        return "" if found else "librosa not found: pip install 'qtokfeatures[eval]'"

    def encode(self, y: FloatArray, sr: int) -> FloatArray:
        """Return magnitudes in mel bands, shape (band, frame)."""
        librosa = require("librosa", purpose="Griffin-Lim")
        mel: FloatArray = librosa.feature.melspectrogram(
            y=np.pad(y, (0, -len(y) % self.hop_length)),
            sr=sr,
            power=1.0,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            n_mels=self.n_mels,
        )
        return mel

    def decode(self, payload: FloatArray, sr: int) -> FloatArray:
        """Return samples whose mel spectrogram is close to the payload."""
        librosa = require("librosa", purpose="Griffin-Lim")
        stft = librosa.feature.inverse.mel_to_stft(payload, sr=sr, n_fft=self.n_fft, power=1.0)
        y_hat: FloatArray = librosa.griffinlim(
            stft, n_iter=self.n_iter, hop_length=self.hop_length, random_state=0
        )
        return y_hat

    def n_bits(self, payload: FloatArray) -> None:
        """Return None: nothing is quantised."""
        return


def default_peers() -> tuple[Peer, ...]:
    """The peers of the published figures."""
    return (Opus(), Codec2(), GriffinLim())


def split_peers(peers: Iterable[Peer]) -> tuple[list[Peer], dict[str, str]]:
    """The peers that can run here, and the names of the others with what they lack."""
    peers = list(peers)
    skipped = {peer.name: reason for peer in peers if (reason := peer.missing())}
    return [peer for peer in peers if peer.name not in skipped], skipped


def packet_sizes(data: bytes) -> list[int]:
    """Bytes of each packet of an Ogg file with one stream, without pages and lacing (RFC 3533)."""
    sizes, open_packet, position = [], 0, 0
    while position < len(data):
        segments = _segment_table(data, position)
        for segment in segments:
            open_packet += segment
            if segment < _FULL_SEGMENT:
                sizes.append(open_packet)
                open_packet = 0
        position += _OGG_HEADER_BYTES + len(segments) + sum(segments)
    if position != len(data):
        raise InputError(f"the last Ogg page ends {position - len(data)} bytes after the data")
    return sizes


def _segment_table(data: bytes, position: int) -> bytes:
    header = data[position : position + _OGG_HEADER_BYTES]
    if len(header) < _OGG_HEADER_BYTES or not header.startswith(b"OggS"):
        raise InputError(f"no Ogg page at byte {position}")
    start = position + _OGG_HEADER_BYTES
    return data[start : start + header[-1]]


def run_tool(command: Sequence[str], data: bytes = b"", *, timeout_s: float = 120.0) -> bytes:
    """Standard output of a command line tool that gets `data` on its standard input."""
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, check=True, timeout=timeout_s
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
        raise CodecError(f"{' '.join(command)} failed with {error.returncode}: {reason}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CodecError(f"{' '.join(command)} did not run: {error}") from error
    return done.stdout


def missing_tools(*tools: str, package: str) -> str:
    """Which tools are not on the path, with the package to install; empty where all are."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return f"{' and '.join(missing)} not found: install {package}" if missing else ""
