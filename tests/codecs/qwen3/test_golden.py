"""The reference's numbers; golden/qwen3-tiny/README.md says what they are."""

from __future__ import annotations

import numpy as np
import pytest

SR = 24_000
CLIPS = range(6)


@pytest.mark.parametrize("i", CLIPS)
def test_codes_are_the_reference_s(qwen, golden, i):
    codes = qwen.encode(golden[f"wave_{i}"], sr=SR)
    expected = golden[f"windowed_codes_{i}"].T
    assert codes.dtype == np.int16
    assert codes.shape == expected.shape
    assert (codes == expected).mean() >= 0.999


@pytest.mark.parametrize("i", CLIPS)
def test_audio_is_the_reference_s(qwen, golden, i):
    y, sr = qwen.decode(golden[f"codes_{i}"].T)
    assert sr == SR
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, golden[f"decoded_{i}"], atol=1e-4)


def test_latents_are_the_reference_s_as_long_as_its_mask_makes_no_difference(qwen, golden):
    latents = qwen.latents(golden["wave_0"], sr=SR).T
    expected = golden["latent_0"]
    assert latents.shape == expected.shape
    error = np.linalg.norm(latents[:, :5] - expected[:, :5]) / np.linalg.norm(expected[:, :5])
    assert error < 1e-5


def test_the_window_makes_a_difference_later(golden):
    """So the codes above are evidence that it is there."""
    assert (golden["codes_5"] != golden["windowed_codes_5"]).mean() > 0.05


def test_a_batch_gives_the_reference_s_codes_for_each_clip(qwen, golden):
    ds = qwen.encode_many([golden[f"wave_{i}"] for i in CLIPS], sr=SR)
    for i in CLIPS:
        assert (ds.qtok.clip(i) == golden[f"windowed_codes_{i}"].T).mean() >= 0.999


def test_the_format_is_the_checkpoint_s(qwen):
    spec = qwen.spec
    assert (spec.n_codebooks, spec.codebook_size, spec.embedding_dim) == (16, 128, 32)
    assert (spec.sample_rate, spec.hop_length, spec.frame_rate) == (24_000, 1920, 12.5)
