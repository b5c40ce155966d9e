"""The way taken on a GPU: in full where there is one, its arithmetic elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qtokfeatures.codecs import load_codec


@pytest.fixture
def prepared(checkpoint):
    """Return the small checkpoint on the CPU, convolving as on a GPU."""

    def prepare(**options):
        codec = load_codec(checkpoint, device="cpu")  # a copy: weights of one folder are shared
        codec.model.prepare(torch.device("cuda"), **options)
        return codec

    return prepare


@pytest.mark.parametrize("fast", [False, True])
def test_codes_are_the_reference_s(prepared, golden, fast):
    codec = prepared(fast=fast)
    codes = codec.encode(golden["wave_1"], sr=24_000)
    assert (codes == golden["windowed_codes_1"].T).mean() >= 0.999


def test_audio_is_the_reference_s(prepared, golden):
    y, _ = prepared().decode(golden["codes_1"].T)
    np.testing.assert_allclose(y, golden["decoded_1"], atol=2e-4)


def test_lengths_are_filled_up_to_few(qwen, monkeypatch):
    assert qwen.padded_frames(125) == 125
    monkeypatch.setattr(qwen, "_device", torch.device("cuda"))
    lengths = {frames: qwen.padded_frames(frames) for frames in range(1, 2000)}
    assert all(frames <= padded <= 1.13 * frames for frames, padded in lengths.items())
    assert len(set(lengths.values())) < 80
    assert lengths[1] == 1
    assert lengths[125] == 128


@pytest.mark.gpu
@pytest.mark.parametrize("decode_dtype", ["float32", "fast"])
def test_a_gpu_gives_what_the_cpu_gives(golden_folder, qwen, golden, decode_dtype):
    codec = load_codec(golden_folder, device="cuda", decode_dtype=decode_dtype)
    for _ in range(3):  # from the second time on as graphs
        codes = codec.encode(golden["wave_1"], sr=24_000)
        assert (codes == golden["windowed_codes_1"].T).mean() >= 0.999
        y, expected = codec.decode(golden["codes_1"].T)[0], golden["decoded_1"]
        error = np.square(y - expected).sum() / np.square(expected).sum()
        assert 10 * np.log10(error) < (-20 if decode_dtype == "fast" else -60)
