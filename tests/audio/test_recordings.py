"""Real recordings, read as soundfile reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from qtokfeatures.audio import find_audio, iter_blocks, load_audio, load_many, resampled_length

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def clips(shared_manifest):
    """Return the rows of some clips of every kind and rate."""
    by_kind = shared_manifest.groupby(["kind", "sample_rate"], group_keys=False)
    return by_kind.sample(n=4, random_state=0, replace=True).drop_duplicates("file")


def test_they_are_read_exactly(clips):
    for index, clip in load_many(clips["file"]):
        expected, sr = sf.read(clips["file"].iloc[index], dtype="float32")
        np.testing.assert_array_equal(clip.y, expected)
        assert clip.sr == clip.sample_rate == sr == clips["sample_rate"].iloc[index]
        assert clip.duration_s == pytest.approx(clips["duration_s"].iloc[index], abs=0.001)


def test_they_are_resampled_to_one_rate(clips):
    for _, clip in load_many(clips["file"], target_sr=24_000):
        assert len(clip) == resampled_length(clip.n_samples, clip.sample_rate, 24_000)
        assert np.isfinite(clip.y).all()
        blocks = list(iter_blocks(clip.source, block_s=1.3, target_sr=24_000))
        np.testing.assert_array_equal(np.concatenate(blocks), clip.y)


def test_all_are_found(shared_audio, shared_manifest):
    assert {str(path) for path in find_audio(shared_audio)} == set(shared_manifest["file"])


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_cut_ones_are_noticed(clips, kept, tmp_path):
    for file in clips["file"].iloc[:5]:
        data = Path(file).read_bytes()
        cut = tmp_path / "cut.flac"
        cut.write_bytes(data[: int(len(data) * kept)])
        with pytest.raises(ValueError, match=r"cut\.flac: .*(damaged|truncated)"):
            load_audio(cut)
