"""Input of `encode` and `encode_many`: batches, channels, excerpts, ids and a cache."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import qtokfeatures as qt
from qtokfeatures.exceptions import AudioError, ChannelsWarning, QtokError

SR = 24_000


def noise(*shape):
    return np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)


def test_a_batch_is_refused_with_the_way_to_encode_it(tiny):
    y = noise(2, 1, 3000)
    for batch, sr in ((y, SR), (torch.from_numpy(y), SR), ((y, SR), None)):
        with pytest.raises(AudioError, match=r"more dimensions than one clip.*encode_many"):
            tiny.encode(batch, sr=sr)
    assert tiny.encode_many(y, sr=SR).sizes["clip"] == 2


def test_rows_that_may_be_clips_warn_unless_channels_are_meant(tiny):
    y = noise(2, 6000)
    with pytest.warns(ChannelsWarning, match=r'channel="mix".*encode_many'):
        mixed = tiny.encode(y, sr=SR)
    with pytest.warns(ChannelsWarning):
        latents = tiny.latents(y, sr=SR)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(tiny.encode(y, sr=SR, channel="mix"), mixed)
        np.testing.assert_array_equal(tiny.latents(y, sr=SR, channel="mix"), latents)
        right = tiny.encode(y, sr=SR, channel=1)
        np.testing.assert_array_equal(right, tiny.encode(y[1], sr=SR))
        np.testing.assert_array_equal(tiny.encode_many(y, sr=SR).qtok.clip(1), right)


def test_excerpts_are_encoded_alone(tiny):
    y = noise(3 * SR)
    expected = tiny.encode(y[SR : 2 * SR + 120], sr=SR)
    found = tiny.encode(y, sr=SR, offset=1.0, duration=1.005)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(tiny.encode(((y, SR), 1.0, 2.005)), expected)
    expected = tiny.latents(y[SR:], sr=SR)
    np.testing.assert_array_equal(tiny.latents(y, sr=SR, offset=1.0), expected)


def test_items_can_be_excerpts_with_ids(tiny, tmp_path):
    path = str(tmp_path / "a.wav")
    qt.write_audio(path, noise(3 * SR), SR)
    ds = tiny.encode_many([(path, 0.0, 1.0), (path, 1.0, 3.0)], ids=["first", "second"])
    assert ds["clip"].values.tolist() == ["first", "second"]
    assert ds["duration"].values.tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(ds.qtok.clip("second"), tiny.encode(path, offset=1.0))


@pytest.mark.parametrize("ids", [["a"], ["a", "b", "c"], ["a", "a"]])
def test_ids_are_one_unique_name_per_item(tiny, ids):
    with pytest.raises(QtokError, match=r"ids must hold one id for each|unique"):
        tiny.encode_many([np.ones(100), np.ones(200)], sr=SR, ids=ids)


def test_ids_of_skipped_items_are_left_out(tiny):
    items = [np.ones(100), np.full(100, np.nan), np.ones(200)]
    ds = tiny.encode_many(iter(items), sr=SR, ids=iter("abc"), on_error="skip")
    assert ds["clip"].values.tolist() == ["a", "c"]


def test_each_channel_can_be_a_clip(tiny):
    y = noise(2, SR)
    ds = tiny.encode_many([(y, SR), (y[0], SR)], channels="separate", ids=["duo", "solo"])
    assert ds["clip"].values.tolist() == ["duo#channel=0", "duo#channel=1", "solo"]
    np.testing.assert_array_equal(ds.qtok.clip("duo#channel=1"), tiny.encode(y[1], sr=SR))
    assert tiny.encode_many([(y, SR)], channels="separate").sizes["clip"] == 2
