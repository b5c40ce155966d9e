"""Words that are directions in a space of frames."""

from __future__ import annotations

import numpy as np
import pytest

from qtokfeatures.speech import CTCRecognizer

WORDS = ("one", "two", "three")


def say(transcript: str, seed: int = 0) -> np.ndarray:
    """Return frames of some words, each of six to nine frames with pauses between."""
    rng = np.random.default_rng((seed, len(transcript)))
    parts = [np.zeros((3, 4))]
    for word in transcript.split():
        spoken = np.zeros((int(rng.integers(6, 10)), 4))
        spoken[:, WORDS.index(word)] = 3
        parts += [spoken, np.zeros((int(rng.integers(2, 5)), 4))]
    frames = np.concatenate(parts)
    return (frames + rng.normal(0, 0.3, frames.shape)).astype(np.float32)


def transcripts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=rng.integers(1, 4))) for _ in range(n)]


@pytest.fixture(scope="session")
def speech() -> tuple[list[np.ndarray], list[str]]:
    said = transcripts(60)
    return [say(text, seed) for seed, text in enumerate(said)], said


@pytest.fixture(scope="session")
def unheard() -> tuple[list[np.ndarray], list[str]]:
    said = transcripts(20, seed=1)
    return [say(text, 1000 + seed) for seed, text in enumerate(said)], said


@pytest.fixture
def quick() -> CTCRecognizer:
    return CTCRecognizer(
        hidden=24, epochs=25, batch_size=4, learning_rate=0.02, validation=0.0, dropout=0.1
    )


@pytest.fixture(scope="session")
def fitted(speech) -> CTCRecognizer:
    model = CTCRecognizer(
        hidden=24, epochs=25, batch_size=4, learning_rate=0.02, validation=0.0, dropout=0.1
    )
    return model.fit(*speech)
