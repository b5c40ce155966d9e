"""Sounds and files that the tests of this room share."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile as sf

RATE = 48_000


@pytest.fixture(scope="session")
def sound() -> np.ndarray:
    """Return 0.3 s of a chord in noise, float32, exact in 16 bits."""
    time_s = np.arange(int(0.3 * RATE)) / RATE
    chord = sum(np.sin(2 * np.pi * hz * time_s) for hz in (220, 277, 330)) / 8
    noise = np.random.default_rng(1).normal(0, 0.01, time_s.size)
    return (np.round((chord + noise) * 32768) / 32768).astype(np.float32)


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """Return a function that makes the bytes of an audio file."""

    def encode(y: np.ndarray, format_: str = "WAV", subtype: str | None = None, **options) -> bytes:
        buffer = io.BytesIO()
        sf.write(buffer, y, RATE, format=format_, subtype=subtype, **options)
        return buffer.getvalue()

    return encode


@pytest.fixture(scope="session")
def wav_bytes(sound, encoded) -> bytes:
    """Return `sound` as a 16-bit WAV."""
    return encoded(sound)


@pytest.fixture
def wav(tmp_path, wav_bytes):
    """Return the path of `sound` as a 16-bit WAV."""
    path = tmp_path / "sound.wav"
    path.write_bytes(wav_bytes)
    return path
