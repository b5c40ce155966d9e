"""Opus, by the command line tools of opus-tools."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import soundfile

from qtokfeatures.benches.peers.tools import missing_tools, run_tool
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError

_HEADER_BYTES = 27
_FULL_SEGMENT = 255


@dataclass(frozen=True)
class Opus:
    """Opus by ``opusenc`` and ``opusdec``.

    Parameters
    ----------
    kbit_s : float, default 6.0
        Bit rate asked for, in kbit/s. The one reached is counted from the packets.
    """

    kbit_s: float = 6.0

    @property
    def name(self) -> str:
        """What to call it in tables."""
        return f"Opus, asked for {self.kbit_s:g} kbit/s"

    @property
    def note(self) -> str:
        """Version of the tools and how bits are counted."""
        version = run_tool(["opusenc", "--version"]).decode().splitlines()[0]
        return (
            f"{version}, `--bitrate {self.kbit_s:g}`, otherwise defaults; "
            "its real bit rate is counted from the audio packets, without the Ogg container"
        )

    @property
    def delays(self) -> bool:
        """True: what delay the tools leave is measured."""
        return True

    def missing(self) -> str:
        """Say which tool is missing, if any."""
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
        """Count the bits of the audio packets; the stream's two headers are left out."""
        return 8 * sum(packet_sizes(payload)[2:])


def packet_sizes(data: bytes) -> list[int]:
    """List the sizes of the packets of an Ogg file with one stream.

    Parameters
    ----------
    data : bytes
        The file.

    Returns
    -------
    list of int
        Bytes of each packet, headers of the stream included, pages and lacing not.

    Raises
    ------
    InputError
        If the bytes are not a whole number of Ogg pages.

    References
    ----------
    RFC 3533, The Ogg Encapsulation Format, section 6.

    Examples
    --------
    >>> page = b"OggS" + bytes(22) + bytes([3, 255, 1, 7]) + bytes(255 + 1 + 7)
    >>> packet_sizes(page)
    [256, 7]
    """
    sizes, open_packet, position = [], 0, 0
    while position < len(data):
        segments = _segment_table(data, position)
        for segment in segments:
            open_packet += segment
            if segment < _FULL_SEGMENT:
                sizes.append(open_packet)
                open_packet = 0
        position += _HEADER_BYTES + len(segments) + sum(segments)
    if position != len(data):
        raise InputError(f"the last Ogg page ends {position - len(data)} bytes after the data")
    return sizes


def _segment_table(data: bytes, position: int) -> bytes:
    header = data[position : position + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES or not header.startswith(b"OggS"):
        raise InputError(f"no Ogg page at byte {position}")
    start = position + _HEADER_BYTES
    return data[start : start + header[-1]]
