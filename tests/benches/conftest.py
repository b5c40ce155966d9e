from __future__ import annotations

import numpy as np
import pytest

from qtokfeatures.benches import BenchClip
from tests.evaluation.conftest import SR, codec, make_voice, speech, voice_like

__all__ = ["clips", "codec", "make_voice", "speech"]


@pytest.fixture(scope="session")
def clips() -> list[BenchClip]:
    noise = np.random.default_rng(3).normal(0, 0.1, size=SR).astype(np.float32)
    return [
        BenchClip("one", "speech", voice_like(1.5, seed=1), SR),
        BenchClip("two", "speech", voice_like(1.7, seed=2), SR),
        BenchClip("three", "environment", noise, SR),
    ]
