"""Codes whose classes and groups are known, of a codec that exists on paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qtokfeatures.estimators.codec_source import find_codec
from qtokfeatures.labelled import CodecSpec, CodeSequence, build_codes

SIZE = 128
CLASSES = ("flute", "guitar", "piano")


class PaperCodec:
    """A codec of two codebooks that decodes a code to a level and encodes nothing."""

    def __init__(self, fingerprint: str = "paper-1") -> None:
        self.spec = CodecSpec(
            name="paper", revision="1", sample_rate=24000, frame_rate=12.5, hop_length=1920,
            n_codebooks=2, codebook_size=SIZE, fingerprint=fingerprint, embedding_dim=2,
        )  # fmt: skip

    def __reduce__(self) -> Any:
        raise AssertionError("a codec must not be pickled")

    def __deepcopy__(self, memo: object) -> Any:
        return self

    def encode(self, audio: Any) -> Any:
        raise AssertionError("these tests give codes")

    def codebook_vectors(self, k: int) -> np.ndarray:
        return np.arange(SIZE, dtype=np.float32)[:, None]

    levels_in_codes = True

    def levels(self, codes: np.ndarray) -> np.ndarray:
        return codes[0].astype(np.float32)

    def embed(self, codes: np.ndarray, *, codebooks: Any = None) -> np.ndarray:
        return codes.T.astype(np.float32)

    def decode(self, codes: np.ndarray) -> tuple[np.ndarray, int]:
        return np.repeat(codes[0] / SIZE, 1920).astype(np.float32), 24000


@pytest.fixture
def paper() -> PaperCodec:
    return find_codec(PaperCodec())


@pytest.fixture
def labels() -> np.ndarray:
    """Return the class of each of 36 clips."""
    return np.repeat(CLASSES, 12)


@pytest.fixture
def groups() -> np.ndarray:
    """Return the instrument of each clip: three of each class, four clips of each."""
    return np.repeat([f"instrument {i}" for i in range(9)], 4)


@pytest.fixture
def codes(paper: PaperCodec, labels: np.ndarray, groups: np.ndarray) -> CodeSequence:
    """Return clips in which code 10 × class is frequent in codebook 0, and all else is chance."""
    rng = np.random.default_rng(0)
    clips = []
    for index, label in enumerate(labels):
        clip = rng.integers(0, SIZE, (2, 10 + index % 3))
        clip[0, rng.random(clip.shape[1]) < 0.4] = 10 * CLASSES.index(label)
        clips.append(clip.astype(np.int16))
    n_samples = [1920 * clip.shape[1] for clip in clips]
    return CodeSequence(
        build_codes(
            clips, spec=paper.spec, n_samples=n_samples, sample_rates=[24000] * len(clips),
            sources=[f"clip{index}.wav" for index in range(len(clips))],
        )
    )  # fmt: skip
