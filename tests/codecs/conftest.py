"""Signals and codecs that the codec tests share."""

from __future__ import annotations

import numpy as np
import pytest

from qtokfeatures.codecs import load_codec
from qtokfeatures.codecs.mini import random_mini


@pytest.fixture(scope="session")
def tiny():
    """Return an untrained codec of the format; quick."""
    return random_mini(seed=0)


@pytest.fixture(scope="session")
def mini():
    """Return the bundled codec."""
    return load_codec("mini", device="cpu")


@pytest.fixture
def sweep():
    """Make `seconds` of a rising tone over soft noise, 24 kHz."""

    def make(seconds: float, *, seed: int = 0) -> np.ndarray:
        n = max(1, round(24_000 * seconds))
        t = np.arange(n) / 24_000
        noise = 0.01 * np.random.default_rng(seed).standard_normal(n)
        tone = 0.3 * np.sin(2 * np.pi * (150 * t + 120 * t**2)) * (0.2 + 0.8 * (t * 3 % 1))
        return (tone + noise).astype(np.float32)

    return make
