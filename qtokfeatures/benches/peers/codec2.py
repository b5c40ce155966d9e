"""Codec 2, a vocoder for speech at 8 kHz, by its command line tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from qtokfeatures.audio import resample
from qtokfeatures.benches.peers.tools import missing_tools, run_tool
from qtokfeatures.evaluation.signals import FloatArray

_RATE: Final = 8000
_BLOCK: Final = 320
"""40 ms: whole frames and whole bytes in every mode."""

_FLUSH: Final = 2
"""Blocks of silence at the end, which push the last samples out of the decoder."""


@dataclass(frozen=True)
class Codec2:
    """Codec 2 by ``c2enc`` and ``c2dec``.

    Parameters
    ----------
    mode : int, default 2400
        Mode of the tools: a bit rate in bit/s, 1200 … 3200.
    """

    mode: int = 2400

    @property
    def name(self) -> str:
        """What to call it in tables."""
        return f"Codec2 {self.mode}"

    @property
    def note(self) -> str:
        """What its input and output went through."""
        return f"`c2enc {self.mode}`, a vocoder for speech, resampled to 8 kHz and back"

    @property
    def delays(self) -> bool:
        """True: what delay the tools leave is measured."""
        return True

    def missing(self) -> str:
        """Say which tool is missing, if any."""
        return missing_tools("c2enc", "c2dec", package="codec2")

    def encode(self, y: FloatArray, sr: int) -> bytes:
        """Return the tool's frames, without a header."""
        narrow = resample(y, orig_sr=sr, target_sr=_RATE)
        padded = np.pad(narrow, (0, -len(narrow) % _BLOCK + _FLUSH * _BLOCK))
        pcm = np.clip(np.round(padded * 32767), -32768, 32767).astype("<i2")
        return run_tool(["c2enc", str(self.mode), "-", "-"], pcm.tobytes())

    def decode(self, payload: bytes, sr: int) -> FloatArray:
        """Return samples at rate `sr`, late by the codec's delay."""
        pcm = run_tool(["c2dec", str(self.mode), "-", "-"], payload)
        narrow = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32767)
        return resample(narrow, orig_sr=_RATE, target_sr=sr)

    def n_bits(self, payload: bytes) -> int:
        """Count the bits of all frames but those that flush the decoder."""
        bytes_per_block = -(-self.mode // 200)
        return 8 * (len(payload) - _FLUSH * bytes_per_block)
