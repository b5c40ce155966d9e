"""A score in seconds, and its bytes as a Standard MIDI File."""

from __future__ import annotations

import struct
from typing import Final

_TICKS_PER_QUARTER: Final = 480
_TICKS_PER_SECOND: Final = 960  # a quarter note lasts 0.5 s, the tempo of a file that sets none

DRUM_CHANNEL: Final = 9  # of General MIDI

EXPRESSION: Final = 11
VOLUME: Final = 7
VIBRATO: Final = 1
REVERB_SEND: Final = 91
ALL_SOUND_OFF: Final = 120
RESET_CONTROLLERS: Final = 121


class Score:
    """Notes and controls at times in seconds, in any order."""

    def __init__(self) -> None:
        self.end_s = 0.0
        self._events: list[tuple[int, int, bytes]] = []

    def note(
        self, start_s: float, duration_s: float, *, channel: int, pitch: int, velocity: int
    ) -> None:
        """Play ``pitch`` (0–127, 60 is middle C) with ``velocity`` (1–127)."""
        if not 0 <= pitch <= 127:
            return
        velocity = min(127, max(1, velocity))
        self._add(start_s, 2, bytes([0x90 | channel, pitch, velocity]))
        self._add(start_s + max(0.01, duration_s), 0, bytes([0x80 | channel, pitch, 0]))

    def program(self, time_s: float, *, channel: int, program: int) -> None:
        """Change the instrument (0–127) of a channel."""
        self._add(time_s, 1, bytes([0xC0 | channel, program]))

    def control(self, time_s: float, *, channel: int, controller: int, value: int) -> None:
        """Set a controller (0–127) of a channel to 0–127."""
        self._add(time_s, 1, bytes([0xB0 | channel, controller, min(127, max(0, value))]))

    def bend(self, time_s: float, *, channel: int, semitones: float) -> None:
        """Bend the pitch of a channel by −2 to 2 semitones."""
        value = min(16383, max(0, 8192 + round(semitones / 2 * 8191)))
        self._add(time_s, 1, bytes([0xE0 | channel, value & 0x7F, value >> 7]))

    def extend(self, end_s: float) -> None:
        """Extend the score to ``end_s``, for sounds that decay."""
        self.end_s = max(self.end_s, end_s)

    def to_bytes(self) -> bytes:
        """Return the score as a Standard MIDI File of format 0."""
        track = bytearray()
        now = 0
        for tick, _, message in sorted(self._events):
            track += _variable_length(tick - now) + message
            now = tick
        track += _variable_length(max(0, _tick(self.end_s) - now)) + b"\xff\x2f\x00"
        header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, _TICKS_PER_QUARTER)
        return header + struct.pack(">4sI", b"MTrk", len(track)) + bytes(track)

    def _add(self, time_s: float, order: int, message: bytes) -> None:
        self.extend(time_s)
        self._events.append((_tick(time_s), order, message))


def _tick(time_s: float) -> int:
    return round(time_s * _TICKS_PER_SECOND)


def _variable_length(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | (value & 0x7F))
    return bytes(reversed(out))
