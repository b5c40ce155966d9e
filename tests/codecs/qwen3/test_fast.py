"""Decoding in lower precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qtokfeatures.audio import log_mel_distance
from qtokfeatures.codecs import load_codec
from qtokfeatures.codecs.nn import precision
from qtokfeatures.codecs.qwen3 import model

BF16 = torch.bfloat16


@pytest.fixture
def fast(golden_folder, monkeypatch):
    """The small checkpoint with bfloat16 convolutions, whether that is fast here or not."""
    monkeypatch.setattr(model, "fast_dtype", lambda device: BF16)
    return load_codec(golden_folder, device="cpu", decode_dtype="fast")


def dtypes(codec):
    return {buffer.dtype for buffer in codec.model.decoder.buffers()}


def test_fast_audio_is_close(fast, qwen, golden):
    codes = golden["codes_1"].T
    y, expected = fast.decode(codes)[0], qwen.decode(codes)[0]
    assert BF16 in dtypes(fast)
    assert y.dtype == np.float32
    assert np.isfinite(y).all()
    # Although the small checkpoint multiplies errors by fifty:
    assert 10 * np.log10(np.square(expected).sum() / np.square(expected - y).sum()) >= 20
    assert log_mel_distance(expected, y, 24_000) <= 0.05
    assert not np.array_equal(y, expected)


def test_codes_are_those_of_float32(fast, qwen, golden):
    assert fast.spec == qwen.spec
    np.testing.assert_array_equal(
        fast.encode(golden["wave_0"], sr=24_000), qwen.encode(golden["wave_0"], sr=24_000)
    )


def test_a_fast_stream_gives_the_audio_of_one_pass(fast):
    codes = np.random.default_rng(0).integers(0, 128, (16, 20))
    with fast.stream_decoder() as stream:
        pieces = [stream.push(codes[:, i : i + 3]) for i in range(0, 20, 3)]
    np.testing.assert_allclose(np.concatenate(pieces), fast.decode(codes)[0], atol=1e-4)


def test_where_nothing_is_gained_fast_is_float32(golden_folder, monkeypatch, qwen, golden):
    monkeypatch.setattr(precision, "_has_amx", lambda: False)
    codec = load_codec(golden_folder, device="cpu", decode_dtype="fast")
    assert BF16 not in dtypes(codec)
    np.testing.assert_array_equal(
        codec.decode(golden["codes_0"].T)[0], qwen.decode(golden["codes_0"].T)[0]
    )


def test_amx_is_read_from_the_processor_s_flags(monkeypatch, tmp_path):
    facts = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "_CPU_FACTS", facts)
    precision._has_amx.cache_clear()
    assert precision.fast_dtype(torch.device("cpu")) is None
    facts.write_text("flags : avx512f amx_bf16 amx_tile\n")
    precision._has_amx.cache_clear()
    expected = BF16 if torch.backends.mkldnn.is_available() else None
    assert precision.fast_dtype(torch.device("cpu")) is expected
    precision._has_amx.cache_clear()
    assert precision.fast_dtype(torch.device("meta")) is None
