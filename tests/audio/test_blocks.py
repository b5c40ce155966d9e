"""Long audio block by block."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.audio import iter_blocks, load_audio
from qtokfeatures.exceptions import AudioError, InputError

RATES = st.sampled_from([8000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])


@given(st.integers(1, 20_000), RATES, st.none() | RATES, st.floats(1e-4, 2))
def test_blocks_are_the_whole(n_samples, sr, target_sr, block_s):
    y = np.random.default_rng(n_samples).uniform(-1, 1, n_samples).astype(np.float32)
    blocks = list(iter_blocks((y, sr), block_s=block_s, target_sr=target_sr))
    whole = load_audio((y, sr), target_sr=target_sr)
    np.testing.assert_array_equal(np.concatenate(blocks), whole.y)
    size = max(1, round(block_s * whole.sr))
    assert [len(block) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
    assert 1 <= len(blocks[-1]) <= size


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    """Return 100 s of stereo noise at 44.1 kHz, as FLAC: 35 MB as float32."""
    path = tmp_path_factory.mktemp("long") / "long.flac"
    noise = np.random.default_rng(0).integers(-3000, 3000, (441_000, 2), dtype=np.int16)
    with sf.SoundFile(path, "w", 44_100, 2) as file:
        for _ in range(10):
            file.write(noise)
    return path


@pytest.mark.parametrize("target_sr", [None, 24_000])
def test_blocks_of_a_file_are_the_whole(long_file, target_sr):
    blocks = list(iter_blocks(long_file, block_s=7, target_sr=target_sr))
    whole = load_audio(long_file, target_sr=target_sr)
    np.testing.assert_array_equal(np.concatenate(blocks), whole.y)
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in blocks)


def test_memory_is_bounded(long_file):
    tracemalloc.start()
    n_samples = sum(len(block) for block in iter_blocks(long_file, block_s=2, target_sr=24_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_samples == 2_400_000
    assert peak < 6 * 2**20


def test_blocks_may_be_written_into(sound):
    """A block is the caller's own: writing into one changes no other, nor the array given."""
    given_ = sound.copy()
    first, second, *_ = iter_blocks((given_, 48_000), block_s=0.1)
    first[:] = 9
    np.testing.assert_array_equal(second, sound[4800:9600])
    np.testing.assert_array_equal(given_, sound)


def test_stopping_early_closes_the_file(wav):
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("needs /proc")
    before = len(list(descriptors.iterdir()))
    blocks = iter_blocks(wav, block_s=0.1)
    next(blocks)
    assert len(list(descriptors.iterdir())) == before + 1
    blocks.close()
    assert len(list(descriptors.iterdir())) == before


@pytest.mark.parametrize("block_s", [0, -1, float("nan"), float("inf"), "1", None])
def test_wrong_block_length_is_refused_at_once(block_s, wav):
    with pytest.raises(InputError, match="block_s is a positive number of seconds"):
        iter_blocks(wav, block_s=block_s)


def test_missing_file():
    with pytest.raises(AudioError, match=r"a\.wav: no such file"):
        next(iter_blocks("a.wav"))


def test_no_samples(encoded):
    with pytest.raises(AudioError, match="has no samples"):
        list(iter_blocks(encoded(np.zeros(0))))


def test_array_needs_a_rate(sound):
    with pytest.raises(AudioError, match="does not say its sampling rate"):
        next(iter_blocks(sound))
    assert sum(len(block) for block in iter_blocks(sound, sr=48_000)) == sound.size
