"""encode_many with a cache, with separate channels, and with progress in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import qtokfeatures as qt
from qtokfeatures.codecs import encoding
from qtokfeatures.labelled import MemoryCache

RATE = 16_000


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Four files at two rates, the third stereo, and one that is long where LONG_S is 2 s."""
    rng = np.random.default_rng(0)
    paths = []
    for number, (shape, sr) in enumerate(
        [((8000,), RATE), ((12_000,), 24_000), ((9000, 2), 44_100), ((3 * RATE,), RATE)]
    ):
        paths.append(tmp_path / f"{number}.wav")
        sf.write(paths[-1], rng.normal(0, 0.1, shape), sr)
    return paths


@pytest.fixture
def counted(tiny, monkeypatch):
    """Count the clips that are encoded, in batches and in blocks."""
    monkeypatch.setattr(encoding, "LONG_S", 2.0)
    seen: list[int] = []
    waves, blocks = encoding.encode_waves, encoding.encode_blocks

    def encode_waves(codec, clips, **options):
        seen.append(len(clips))
        return waves(codec, clips, **options)

    def encode_blocks(codec, clip, **options):
        seen.append(1)
        return blocks(codec, clip, **options)

    monkeypatch.setattr(encoding, "encode_waves", encode_waves)
    monkeypatch.setattr(encoding, "encode_blocks", encode_blocks)
    return seen


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_codes_are_encoded_once(tiny, files, counted, tmp_path, kind):
    cache = MemoryCache() if kind == "memory" else tmp_path / "cache"
    plain = tiny.encode_many(files)
    counted.clear()
    first = tiny.encode_many(files, cache=cache)
    assert sum(counted) == 4
    counted.clear()
    again = tiny.encode_many(files, cache=cache)
    assert sum(counted) == 0
    assert plain.identical(first)
    assert plain.identical(again)


def test_clips_keep_their_order_when_some_are_known(tiny, files, counted):
    cache = MemoryCache()
    tiny.encode_many([files[1], files[3]], cache=cache)
    counted.clear()
    ds = tiny.encode_many([files[0], files[1], files[3], files[2]], cache=cache)
    assert sum(counted) == 2
    assert ds.identical(tiny.encode_many([files[0], files[1], files[3], files[2]]))


def test_the_cache_is_that_of_the_tokenizer(tiny, files, counted, tmp_path):
    qt.QTokenizer(tiny, cache=tmp_path / "cache").encode(files)
    counted.clear()
    tiny.encode_many(files, cache=tmp_path / "cache")
    assert sum(counted) == 0


def test_refined_codes_are_others(tiny, files, counted):
    cache = MemoryCache()
    plain = tiny.encode_many(files[:1], cache=cache)
    refined = tiny.encode_many(files[:1], cache=cache, refine=2)
    assert not np.array_equal(plain["codes"], refined["codes"])
    assert refined.identical(tiny.encode_many(files[:1], cache=cache, refine=2))


def test_each_channel_is_a_clip(tiny, files):
    ds = tiny.encode_many(files[1:3], channels="separate")
    y, sr = sf.read(files[2], always_2d=True, dtype="float32")
    assert [source.rpartition("#")[2] for source in ds["source"].values[1:]] == [
        "channel=0",
        "channel=1",
    ]
    for channel in range(2):
        expected = tiny.encode(np.ascontiguousarray(y[:, channel]), sr=sr)
        np.testing.assert_array_equal(ds.qtok.clip(1 + channel), expected)


def test_a_callable_counts_the_seconds(tiny, files, counted):
    steps: list[float] = []
    tiny.encode_many(files, progress=steps.append)
    assert sum(steps) == pytest.approx(0.5 + 0.5 + 9000 / 44_100 + 3.0, abs=0.01)
    cache = MemoryCache()
    tiny.encode_many(files, cache=cache)
    steps.clear()
    tiny.encode_many(files, cache=cache, progress=steps.append)
    assert sum(steps) == pytest.approx(0.5 + 0.5 + 9000 / 44_100 + 3.0, abs=0.01)
