"""Opus, by the command line tools of opus-tools."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import soundfile

from qtokfeatures.evaluation.pairs import FloatArray
from qtokfeatures.evaluation.peers.ogg import packet_sizes
from qtokfeatures.evaluation.peers.tools import missing_tools, run_tool


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
