"""One clip, one answer: alone, in a batch, in chunks, as a stream, on more threads."""

from __future__ import annotations

import copy
import json
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qtokfeatures.audio import load_audio
from qtokfeatures.codecs import batching, load_codec, streaming
from qtokfeatures.codecs.qwen3 import decoder, encoder
from qtokfeatures.evaluation.verification import verify
from tests.codecs.qwen3.untrained import write_untrained

SR, HOP = 24_000, 1920
ODD_LENGTHS = [1, 500, HOP - 1, HOP, HOP + 1, 5 * HOP, 5 * HOP + 7]


def noise(n: int, seed: int = 0) -> np.ndarray:
    return (0.3 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def streamed_codes(codec, y, sizes):
    with codec.stream_encoder() as stream:
        edges = [0, *np.minimum(np.cumsum(sizes), len(y)).astype(int).tolist(), len(y)]
        parts = [stream.push(y[a:b]) for a, b in pairwise(edges)]
        return np.concatenate([*parts, stream.flush()], axis=1)


def streamed_audio(codec, codes, sizes):
    with codec.stream_decoder() as stream:
        n = codes.shape[1]
        edges = [0, *np.minimum(np.cumsum(sizes), n).astype(int).tolist(), n]
        parts = [stream.push(codes[:, a:b]) for a, b in pairwise(edges)]
        return np.concatenate([*parts, stream.flush()])


def assert_same_codes(a: np.ndarray, b: np.ndarray) -> None:
    """Frames may differ where two entries are equally near: one frame in ten thousand."""
    assert a.shape == b.shape
    assert (a != b).any(axis=0).sum() <= max(1, a.shape[1] // 10_000)


@settings(max_examples=15)
@given(
    n=st.sampled_from(ODD_LENGTHS) | st.integers(1, 60_000),
    sizes=st.lists(st.integers(0, 9_000), max_size=5),
    seed=st.integers(0, 99),
)
@example(n=2 * HOP, sizes=[1] * 30, seed=0)
def test_a_stream_gives_the_codes_of_one_pass(qwen, n, sizes, seed):
    y = noise(n, seed)
    codes = qwen.encode(y, sr=SR)
    assert codes.shape == (16, -(-n // HOP))
    assert_same_codes(streamed_codes(qwen, y, sizes), codes)


@settings(max_examples=10)
@given(
    lengths=st.lists(st.sampled_from(ODD_LENGTHS) | st.integers(1, 50_000), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_a_ragged_batch_gives_the_codes_of_each_alone(qwen, lengths, seed):
    clips = [load_audio(noise(n, seed + i), sr=SR) for i, n in enumerate(lengths)]
    for clip, codes in zip(clips, qwen.encode_clips(clips), strict=True):
        assert_same_codes(codes, qwen.encode(clip))


@settings(max_examples=10)
@given(frames=st.integers(1, 40), sizes=st.lists(st.integers(0, 15), max_size=5))
@example(frames=20, sizes=[1] * 20)
def test_a_stream_gives_the_audio_of_one_pass(qwen, frames, sizes):
    codes = np.random.default_rng(frames).integers(0, 128, (16, frames))
    whole, _ = qwen.decode(codes)
    assert whole.shape == (frames * HOP,)
    np.testing.assert_allclose(streamed_audio(qwen, codes, sizes), whole, atol=1e-4)


def test_a_batch_decodes_like_each_clip_alone(qwen):
    ds = qwen.encode_many([noise(40_000), noise(HOP, 1), noise(25_000, 2)], sr=SR)
    for i, (y, _) in enumerate(qwen.decode_many(ds, original=False)):
        np.testing.assert_allclose(y, qwen.decode(ds.qtok.clip(i))[0], atol=1e-4)


def test_chunks_and_stretches_of_any_length_give_the_same(qwen, golden, monkeypatch):
    """Past 30 s, far over both windows, with the whole in one piece and in crumbs."""
    y, codes = golden["wave_5"], golden["windowed_codes_5"].T[:, :120]
    for module in (batching, streaming):
        name = "CHUNK_S" if module is batching else "_CHUNK_FRAMES"
        monkeypatch.setattr(module, name, 1_000)
    monkeypatch.setattr(encoder, "_MOST_VALUES", 2**40)
    monkeypatch.setattr(decoder, "_MOST_VALUES", 2**40)
    whole, (audio, _) = qwen.encode(y, sr=SR), qwen.decode(codes)
    monkeypatch.setattr(batching, "CHUNK_S", 0.7)
    monkeypatch.setattr(streaming, "_CHUNK_FRAMES", 9)
    monkeypatch.setattr(encoder, "_MOST_VALUES", 20_000)
    monkeypatch.setattr(decoder, "_MOST_VALUES", 20_000)
    assert_same_codes(qwen.encode(y, sr=SR), whole)
    assert_same_codes(qwen.encode_clips([load_audio(y, sr=SR)])[0], whole)
    np.testing.assert_allclose(qwen.decode(codes)[0], audio, atol=1e-5)


def test_the_number_of_threads_makes_no_difference(qwen, golden):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = qwen.encode(golden["wave_1"], sr=SR)
        torch.set_num_threads(2)
        two = qwen.encode(golden["wave_1"], sr=SR)
    finally:
        torch.set_num_threads(before)
    assert_same_codes(one, two)


def test_a_long_stream_remembers_no_more_than_a_short_one(qwen):
    encoding, decoding = qwen.start_encoding(), qwen.start_decoding()
    sizes = []
    with torch.inference_mode():
        for seed in range(6):
            y = torch.from_numpy(noise(15 * HOP, seed))[None]
            codes = qwen.code_chunk(qwen.latent_chunk(y, encoding))
            qwen.decode_chunk(codes, decoding)
            sizes.append(sum(t.numel() for m in (encoding, decoding) for t in m.values()))
    assert len(set(sizes[1:])) == 1


def test_a_copied_stream_goes_on_like_the_stream(qwen, golden):
    y = golden["wave_0"]
    codes = qwen.encode(y, sr=SR)
    with qwen.stream_encoder() as stream, qwen.stream_decoder() as decoder:
        stream.push(y[:6000])
        decoder.push(codes[:, :3])
        again, decoder_again = copy.deepcopy(stream), copy.deepcopy(decoder)
        np.testing.assert_array_equal(again.push(y[6000:]), stream.push(y[6000:]))
        rest = codes[:, 3:]
        np.testing.assert_array_equal(decoder_again.push(rest), decoder.push(rest))
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(stream)


def test_one_codebook_is_enough(golden_folder, tmp_path):
    config = json.loads((golden_folder / "config.json").read_text())
    config["encoder_valid_num_quantizers"] = config["decoder_config"]["num_quantizers"] = 1
    write_untrained(tmp_path / "one", sizes=config)
    codec = load_codec(tmp_path / "one", device="cpu")
    codes = codec.encode(np.random.default_rng(0).normal(0, 0.1, 9000), sr=SR)
    assert codes.shape == (1, 5)
    assert np.isfinite(codec.decode(codes)[0]).all()


def test_the_first_codes_come_after_80_ms(qwen):
    with qwen.stream_encoder() as stream:
        assert stream.push(noise(HOP - 1)).shape == (16, 0)
        assert stream.push(noise(1)).shape == (16, 1)


def test_nothing_is_heard_ahead(qwen):
    codes = np.random.default_rng(0).integers(0, 128, (16, 20))
    changed = codes.copy()
    changed[:, 12:] = 0
    a, b = qwen.decode(codes)[0], qwen.decode(changed)[0]
    np.testing.assert_allclose(a[: 12 * HOP], b[: 12 * HOP], atol=1e-5)
    assert np.abs(a[12 * HOP :] - b[12 * HOP :]).max() > 1e-3


def test_verify_finds_nothing(qwen, golden):
    report = verify(qwen, clips=[golden["wave_1"], golden["wave_3"]], threads=[1, 2])
    assert report.ok, report.to_markdown()


@pytest.mark.gpu
def test_a_gpu_gives_the_codes_of_the_cpu(qwen, golden, golden_folder):
    on_gpu = load_codec(golden_folder, device="cuda")
    codes = on_gpu.encode(golden["wave_5"], sr=SR)
    assert (codes == golden["windowed_codes_5"].T).mean() >= 0.999
    np.testing.assert_allclose(
        on_gpu.decode(golden["codes_1"].T)[0], golden["decoded_1"], atol=1e-3
    )
