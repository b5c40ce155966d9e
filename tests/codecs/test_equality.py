"""One clip, one answer: alone, in a batch, in chunks, as a stream, on more threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qtokfeatures.audio import load_audio
from qtokfeatures.codecs import batching
from qtokfeatures.codecs.mini import random_mini
from qtokfeatures.exceptions import AudioError, StreamClosedError

SR = 24_000
TINY_CODEC = random_mini()


def noise(n: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def streamed(codec, y, sizes):
    parts = []
    with codec.stream_encoder() as stream:
        start = 0
        for size in sizes:
            parts.append(stream.push(y[start : start + size]))
            start += size
        parts += [stream.push(y[start:]), stream.flush()]
    return np.concatenate(parts, axis=1)


def assert_same_codes(a: np.ndarray, b: np.ndarray) -> None:
    """Frames may differ where two entries are equally near: one frame in ten thousand."""
    assert a.shape == b.shape
    assert (a != b).any(axis=0).sum() <= max(1, a.shape[1] // 10_000)


@settings(max_examples=25, deadline=None)
@given(
    n=st.sampled_from([1, 500, 1919, 1920, 1921, 3840, 7777]),
    sizes=st.lists(st.integers(0, 5000), max_size=6),
)
def test_a_stream_gives_the_codes_of_one_pass(n, sizes):
    y = noise(n)
    assert_same_codes(streamed(TINY_CODEC, y, sizes), TINY_CODEC.encode(y, sr=SR))


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 20_000), min_size=1, max_size=6), seed=st.integers(0, 9))
def test_a_ragged_batch_gives_the_codes_of_each_alone(lengths, seed):
    clips = [load_audio(noise(n, seed + i), sr=SR) for i, n in enumerate(lengths)]
    for clip, codes in zip(clips, TINY_CODEC.encode_clips(clips), strict=True):
        assert_same_codes(codes, TINY_CODEC.encode(clip))


def test_the_bundled_codec_streams_exactly(mini, sweep):
    y = sweep(8)
    assert_same_codes(streamed(mini, y, [1, 1919, 7, 50_000, 333]), mini.encode(y, sr=SR))


def test_the_bundled_codec_chunks_exactly(mini, sweep, monkeypatch):
    y = sweep(9)
    whole = mini.encode(y, sr=SR)
    decoded, _ = mini.decode(whole)
    monkeypatch.setattr(batching, "CHUNK_S", 0.8)
    assert_same_codes(mini.encode(y, sr=SR), whole)
    np.testing.assert_allclose(mini.decode(whole)[0], decoded, atol=1e-4)


def test_the_bundled_codec_does_not_care_about_threads(mini, sweep):
    y = sweep(6)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = mini.encode(y, sr=SR)
        torch.set_num_threads(2)
        two = mini.encode(y, sr=SR)
    finally:
        torch.set_num_threads(before)
    assert_same_codes(one, two)


def test_a_batch_decodes_like_each_clip_alone(mini, sweep):
    ds = mini.encode_many([sweep(2), sweep(0.5, seed=1), sweep(1.3, seed=2)], sr=SR)
    together = mini.decode_many(ds, original=False)
    for i, (y, _) in enumerate(together):
        alone, _ = mini.decode(ds.qtok.clip(i))
        np.testing.assert_allclose(y, alone, atol=1e-4)


@pytest.mark.parametrize("size", [1, 3, 25])
def test_decoding_a_stream_of_codes_gives_one_pass(mini, sweep, size):
    codes = mini.encode(sweep(3), sr=SR)
    with mini.stream_decoder() as stream:
        pieces = [stream.push(codes[:, i : i + size]) for i in range(0, codes.shape[1], size)]
        pieces.append(stream.flush())
    np.testing.assert_allclose(np.concatenate(pieces), mini.decode(codes)[0], atol=1e-4)


def test_the_first_codes_come_after_80_ms(tiny):
    with tiny.stream_encoder() as stream:
        assert stream.push(noise(1919)).shape == (16, 0)
        assert stream.push(noise(1)).shape == (16, 1)


def test_a_stream_that_ended_takes_nothing_more(tiny):
    with tiny.stream_encoder() as stream:
        stream.flush()
        with pytest.raises(StreamClosedError, match="ended"):
            stream.push(noise(10))
    with tiny.stream_decoder() as decoder:
        pass
    with pytest.raises(StreamClosedError, match="ended"):
        decoder.flush()


@pytest.mark.parametrize(
    ("piece", "message"), [(np.full(5, np.nan), "NaN"), (np.zeros((2, 5)), "1 channel")]
)
def test_a_stream_refuses_what_is_not_audio_of_its_channels(tiny, piece, message):
    with tiny.stream_encoder() as stream, pytest.raises(AudioError, match=message):
        stream.push(piece)


def test_decoding_hears_nothing_ahead(mini, sweep):
    codes = mini.encode(sweep(2), sr=SR)
    changed = codes.copy()
    changed[:, 10:] = codes[:, 5:6]
    a, b = mini.decode(codes)[0], mini.decode(changed)[0]
    np.testing.assert_allclose(a[: 10 * 1920], b[: 10 * 1920], atol=1e-5)
