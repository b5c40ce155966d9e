from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qtokfeatures.audio import AudioClip, load_many, resample, write_audio
from qtokfeatures.estimators.codec_source import find_codec
from qtokfeatures.labelled import CodecSpec, as_code_sequence, build_codes

N_BANDS = 8


class BandCodec:
    """A codec of three codebooks over the band levels of a frame, in NumPy.

    It follows the protocol, counts the clips it encodes, and refuses to be pickled.
    """

    def __init__(self, fingerprint: str = "bands-1", name: str = "bands") -> None:
        self.spec = CodecSpec(
            name=name, revision="1", sample_rate=24000, frame_rate=12.5, hop_length=1920,
            n_codebooks=3, codebook_size=32, fingerprint=fingerprint, embedding_dim=N_BANDS,
        )  # fmt: skip
        scales = np.array([2.0, 1.0, 0.5])[:, None, None]
        self._vectors = np.random.default_rng(0).normal(0, scales, size=(3, 32, N_BANDS))
        self.n_encoded = 0
        self.batches: list[float] = []

    def __reduce__(self) -> Any:
        raise AssertionError("a codec must not be pickled")

    def __deepcopy__(self, memo: object) -> Any:
        return self

    def encode(self, y: np.ndarray) -> np.ndarray:
        self.n_encoded += 1
        frames = np.pad(y, (0, -len(y) % 1920)).reshape(-1, 1920)
        power = np.abs(np.fft.rfft(frames)[:, :960]).reshape(len(frames), N_BANDS, -1).mean(axis=2)
        rest = np.log10(power + 1e-3)
        codes = []
        for vectors in self._vectors:
            codes.append(((rest[:, None] - vectors) ** 2).sum(axis=2).argmin(axis=1))
            rest = rest - vectors[codes[-1]]
        return np.array(codes, dtype=np.int16)

    def encode_clips(self, clips: list[AudioClip]) -> list[np.ndarray]:
        assert all(clip.sr == 24000 for clip in clips)
        self.batches.append(sum(clip.duration_s for clip in clips))
        return [self.encode(clip.y) for clip in clips]

    def encode_many(self, items: Any, *, sr: int | None = None, on_error: str = "raise") -> Any:
        clips = [clip for _, clip in load_many(items, sr=sr, on_error=on_error)]
        return build_codes(
            [self.encode(resample(c.y, orig_sr=c.sr, target_sr=24000)) for c in clips],
            spec=self.spec,
            n_samples=[clip.n_samples for clip in clips],
            sample_rates=[clip.sample_rate for clip in clips],
            sources=[clip.source for clip in clips],
        )

    def codebook_vectors(self, k: int) -> np.ndarray:
        return self._vectors[k].astype(np.float32)

    def embed(self, codes: np.ndarray, *, codebooks: Any = None) -> np.ndarray:
        chosen = range(len(codes)) if codebooks is None else codebooks
        return sum(self._vectors[k][codes[k]] for k in chosen).astype(np.float32)

    levels_in_codes = True

    def levels(self, codes: np.ndarray) -> np.ndarray:
        return self.embed(codes).mean(axis=1)

    def decode_many(self, ds: Any) -> list[tuple[np.ndarray, int]]:
        return [
            (np.full(int(n), codes.mean(), dtype=np.float32), int(sr))
            for codes, n, sr in zip(
                as_code_sequence(ds), ds.n_samples.values, ds.sample_rate.values, strict=True
            )
        ]


@pytest.fixture
def band_codec() -> BandCodec:
    """Return a codec that this process knows, as if ``load_codec`` had loaded it."""
    return find_codec(BandCodec())


@pytest.fixture
def make_band_codec() -> type[BandCodec]:
    return BandCodec


def tone_or_noise(seed: int, seconds: float, sr: int = 24000) -> np.ndarray:
    """Even seeds are tones, odd ones noise."""
    rng = np.random.default_rng(seed)
    if seed % 2:
        return rng.normal(0, 0.1, int(seconds * sr)).astype(np.float32)
    return (0.3 * np.sin(np.arange(int(seconds * sr)) * (0.05 + 0.001 * seed))).astype(np.float32)


@pytest.fixture
def clips() -> list[np.ndarray]:
    """Return eight clips of different lengths at 24 kHz: tones, and noises between them."""
    return [tone_or_noise(seed, 0.4 + 0.1 * seed) for seed in range(8)]


@pytest.fixture
def files(tmp_path: Path, clips: list[np.ndarray]) -> list[str]:
    """Return the same clips as files."""
    paths = [tmp_path / f"clip{index}.wav" for index in range(len(clips))]
    for path, y in zip(paths, clips, strict=True):
        write_audio(path, y, 24000, subtype="FLOAT")
    return [str(path) for path in paths]


@pytest.fixture
def codes(band_codec: BandCodec, clips: list[np.ndarray]) -> Any:
    """Return the codes of the clips, labelled."""
    ds = band_codec.encode_many(clips, sr=24000)
    return ds.assign_coords(kind=("clip", ["tone", "noise"] * 4))
