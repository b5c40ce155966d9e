"""Long files among others: encoded as they are read, with the codes and facts of any clip."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from qtokfeatures.audio import load_audio
from qtokfeatures.audio.batches import LongClip, load_or_open
from qtokfeatures.codecs import encoding
from qtokfeatures.codecs.mini import random_mini
from qtokfeatures.exceptions import AudioError, SkippedClipWarning


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write clips of 1, 5 and 2 s; more than 3 s is long."""
    monkeypatch.setattr(encoding, "LONG_S", 3.0)
    paths = []
    for i, seconds in enumerate((1, 5, 2)):
        paths.append(tmp_path / f"{i}.wav")
        y = 0.3 * np.random.default_rng(i).standard_normal(seconds * 44_100)
        soundfile.write(paths[-1], y, 44_100)
    return paths


def test_codes_facts_and_order_are_those_of_any_clip(files):
    codec = random_mini()
    ds = codec.encode_many([str(files[0]), *files[1:]])
    for i, path in enumerate(files):
        np.testing.assert_array_equal(ds.qtok.clip(i), codec.encode(load_audio(path)))
    assert ds["n_samples"].values.tolist() == [44_100, 5 * 44_100, 2 * 44_100]
    assert ds["sample_rate"].values.tolist() == [44_100] * 3
    assert ds["source"].values.tolist() == [str(path) for path in files]


def test_a_long_file_is_not_held(files):
    kinds = [
        type(clip)
        for _, clip in load_or_open(files, sr=None, target_sr=24_000, on_error="raise", long_s=3)
    ]
    assert [kind is LongClip for kind in kinds] == [False, True, False]


def test_a_long_file_that_breaks_off_is_left_out(files):
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[: len(whole) * 9 // 10])
    codec = random_mini()
    with pytest.raises(AudioError, match=files[1].name):
        codec.encode_many(files)
    with pytest.warns(SkippedClipWarning, match=files[1].name):
        ds = codec.encode_many(files, on_error="warn")
    assert ds.sizes["clip"] == 2
    (skipped,) = ds.qtok.skipped
    assert skipped["index"] == 1
