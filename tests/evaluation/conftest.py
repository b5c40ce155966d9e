from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qtokfeatures.codecs.mini import random_mini

SR = 24_000


@pytest.fixture(scope="session")
def codec() -> Any:
    return random_mini(0)


def voice_like(duration_s: float, *, seed: int = 0, sr: int = SR) -> np.ndarray:
    """A pulse train through moving resonances, with pauses: enough for PESQ to find speech."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(duration_s * sr)) / sr
    phase = 2 * np.pi * np.cumsum(110 + 30 * np.sin(2 * np.pi * 0.9 * time)) / sr
    formant = 6 + 4 * np.sin(2 * np.pi * 1.3 * time)
    tone = sum(np.exp(-(((n - formant) / 3) ** 2)) * np.sin(n * phase) for n in range(1, 30))
    y = tone * np.clip(np.sin(2 * np.pi * 1.1 * time), 0, None) + 1e-3 * rng.normal(size=len(time))
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


@pytest.fixture(scope="session")
def make_voice() -> Callable[..., np.ndarray]:
    return voice_like


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    return voice_like(2.0)
