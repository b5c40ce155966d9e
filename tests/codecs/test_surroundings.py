"""Settings of NumPy and torch around a call, which change neither codes nor sounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import qtokfeatures as qt
from qtokfeatures.codecs.base import frame_levels

SR = 24_000


@pytest.fixture
def quiet_sound():
    """Return a sound that fades to values which float32 cannot hold, and silence."""
    y = np.random.default_rng(0).standard_normal(2 * SR) * np.logspace(0, -60, 2 * SR)
    return np.concatenate([0.1 * y, np.zeros(SR)])


def everything(codec, y):
    """Results of the methods of a codec."""
    codes = codec.encode(y, sr=SR)
    ds = codec.encode_many([y, y[:100]], sr=44_100)
    with codec.stream_encoder(sr=16_000) as stream:
        streamed = np.concatenate([stream.push(y), stream.flush()], axis=1)
    vectors = codec.embed(codes).astype(np.float64)
    return [
        codes,
        ds["codes"].values,
        streamed,
        codec.decode(codes, sr=44_100)[0],
        *(wave for wave, _ in codec.decode_many(ds)),
        codec.latents(y, sr=SR),
        codec.levels(codes),
        codec.quantize(vectors),
        codec.quantize(vectors * 1e-60),
        frame_levels(np.full(1920, 1e-170), 1920),
    ]


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_numpy_that_raises_changes_nothing(mini, quiet_sound):
    expected = everything(mini, quiet_sound)
    with np.errstate(all="raise"):
        assert_equal(everything(mini, quiet_sound), expected)
        features = qt.QTokenizer(sr=SR).fit_transform([quiet_sound, quiet_sound[:5000]])
    assert np.isfinite(features).all()


@pytest.fixture
def weights(tmp_path):
    """Return a copy of the bundled weights, which no codec shares yet."""
    from qtokfeatures.codecs.mini.codec import bundled_weights

    path = tmp_path / "mini.safetensors"
    path.write_bytes(bundled_weights().read_bytes())
    return path


def test_a_default_device_without_values_changes_nothing(mini, weights, quiet_sound):
    expected = [*everything(mini, quiet_sound), mini.encode(quiet_sound, sr=SR, refine=1)]
    torch.set_default_device("meta")
    try:
        codec = qt.load_codec(weights, device="cpu")
        found = [*everything(codec, quiet_sound), codec.encode(quiet_sound, sr=SR, refine=1)]
    finally:
        torch.set_default_device(None)
    assert_equal(found, expected)


def test_a_default_dtype_changes_nothing(mini, weights, quiet_sound):
    expected = everything(mini, quiet_sound)
    torch.set_default_dtype(torch.float64)
    try:
        found = everything(qt.load_codec(weights, device="cpu"), quiet_sound)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_equal(found, expected)
