"""Codec protocol, on an untrained codec (quick) and the bundled one."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf
import torch
import xarray as xr

from qtokfeatures.exceptions import (
    AudioError,
    CodecMismatchError,
    CodesError,
    InputError,
    SchemaError,
    SkippedClipWarning,
)

SR = 24_000


@pytest.fixture(params=["tiny", "mini"])
def codec(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("samples", "frames"), [(1, 1), (1919, 1), (1920, 1), (1921, 2), (24_000, 13)]
)
def test_a_last_frame_that_is_not_full_counts(codec, sweep, samples, frames):
    codes = codec.encode(sweep(2)[:samples], sr=SR)
    assert codes.shape == (16, frames)
    assert codes.dtype == np.int16
    assert codes.min() >= 0
    assert codes.max() < 2048


def test_decoding_gives_whole_frames(codec, sweep):
    y, sr = codec.decode(codec.encode(sweep(1), sr=SR))
    assert (y.shape, y.dtype, sr) == ((13 * 1920,), np.float32, SR)
    assert np.isfinite(y).all()


@pytest.mark.parametrize("depth", [1, 2, 5, 16])
def test_every_prefix_of_codebooks_decodes(codec, sweep, depth):
    codes = codec.encode(sweep(1), sr=SR)
    y, _ = codec.decode(codes[:depth])
    assert np.isfinite(y).all()
    assert len(y) == 13 * 1920


def test_decode_gives_the_rate_and_length_asked_for(codec, sweep):
    codes = codec.encode(sweep(1), sr=SR)
    y, sr = codec.decode(codes, sr=44_100, length=44_100)
    assert (len(y), sr) == (44_100, 44_100)
    padded, _ = codec.decode(codes, length=30_000)
    assert len(padded) == 30_000
    assert not padded[13 * 1920 :].any()


def test_digital_silence_decodes_to_silence(mini):
    y, _ = mini.decode(mini.encode(np.zeros(SR), sr=SR))
    assert np.abs(y).max() < 1e-4


@pytest.mark.parametrize("scale", [1e-8, 1e4])
def test_absurd_levels_stay_finite(codec, sweep, scale):
    codes = codec.encode(sweep(1) * np.float32(scale), sr=SR)
    assert np.isfinite(codec.decode(codes)[0]).all()


def test_a_gain_of_whole_level_steps_moves_codebook_1_only(mini, sweep):
    loud, quiet = mini.encode(sweep(2), sr=SR), mini.encode(sweep(2) * np.float32(0.01), sr=SR)
    others = [k for k in range(16) if k != 1]
    same = (loud[others] == quiet[others]).all(axis=0)
    assert same.mean() > 0.95
    np.testing.assert_array_equal((loud[1] - quiet[1])[same], 25 * 32)  # steps of 1.6 dB


def test_embed_is_the_sum_of_entries(codec, sweep):
    codes = codec.encode(sweep(1), sr=SR)
    expected = sum(codec.codebook_vectors(k)[codes[k]] for k in range(16))
    np.testing.assert_allclose(codec.embed(codes), expected, atol=1e-4)
    np.testing.assert_allclose(
        codec.embed(codes, codebooks=[0, 3]),
        codec.codebook_vectors(0)[codes[0]] + codec.codebook_vectors(3)[codes[3]],
        atol=1e-5,
    )
    np.testing.assert_array_equal(codec.embed(codes, codebooks=4), codec.embed(codes[:4]))


@pytest.mark.parametrize("chosen", [[], [16], [-1]])
def test_embed_refuses_codebooks_that_are_not_there(codec, sweep, chosen):
    with pytest.raises(InputError, match="codebooks must name"):
        codec.embed(codec.encode(sweep(0.2), sr=SR), codebooks=chosen)


def test_levels_are_those_of_the_decoded_frames(codec, sweep):
    codes = codec.encode(sweep(0.5), sr=24_000)
    levels = codec.levels(codes)
    assert levels.shape == (codes.shape[1],)
    assert levels.dtype == np.float32
    assert np.isfinite(levels).all()


def test_mini_reads_levels_within_a_step(mini, sweep):
    y = sweep(0.8)
    wanted = np.log(np.sqrt(np.square(y.reshape(-1, 1920)).mean(axis=1)))
    found = mini.levels(mini.encode(y, sr=24_000))
    assert np.abs(found - wanted).max() < 0.1  # half a step of 1.6 dB is 0.092


def test_quantising_latents_is_encoding(codec, sweep):
    y = sweep(3)
    np.testing.assert_array_equal(codec.quantize(codec.latents(y, sr=SR)), codec.encode(y, sr=SR))


@pytest.mark.parametrize(
    ("embedding", "message"),
    [
        (np.zeros((3, 4)), r"shape \(frame, 113\), got \(3, 4\)"),
        (np.full((2, 113), np.nan), "finite"),
        (np.zeros((0, 113)), r"got \(0, 113\)"),
    ],
)
def test_wrong_embeddings_are_refused(tiny, embedding, message):
    with pytest.raises(InputError, match=message):
        tiny.quantize(embedding)


def test_codebook_vectors_have_one_shape_and_cannot_be_written(codec):
    for k in (0, 1, 15):
        vectors = codec.codebook_vectors(k)
        assert vectors.shape == (2048, codec.spec.embedding_dim)
        with pytest.raises(ValueError, match="read-only"):
            vectors[0, 0] = 1


@pytest.mark.parametrize("k", [-1, 16])
def test_a_codebook_that_is_not_there_is_refused(tiny, k):
    with pytest.raises(InputError, match="codebooks 0 … 15"):
        tiny.codebook_vectors(k)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((16, 3)), "integers, got float64"),
        (np.zeros(16, int), r"got shape \(16,\)"),
        (np.zeros((16, 0), int), "at least one"),
        (np.zeros((40, 16), int), "transpose"),
        (np.full((16, 3), 2048), "got 2048 in codebook 0 at frame 0"),
        (np.full((16, 3), -1), "marks padding"),
    ],
)
def test_wrong_codes_are_refused_with_their_place(tiny, codes, message):
    with pytest.raises(CodesError, match=message):
        tiny.decode(codes)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([[1, 2], [3]], "must be an array"),
        (np.ma.masked_array(np.zeros((16, 3), int), mask=np.eye(16, 3)), "must not be masked"),
        (
            xr.DataArray(
                np.zeros((2, 3), int), dims=("codebook", "frame"), coords={"codebook": [8, 9]}
            ),
            r"of codebooks 0, 1, … in order, got codebooks \[8, 9\]",
        ),
    ],
    ids=["ragged", "masked", "later codebooks"],
)
def test_codes_that_would_decode_to_something_else_are_refused(tiny, codes, message):
    with pytest.raises(CodesError, match=message):
        tiny.decode(codes)


def test_named_dimensions_may_come_in_any_order(tiny, sweep):
    codes = tiny.encode(sweep(0.8), sr=SR)
    array = xr.DataArray(codes.T, dims=("frame", "codebook"))
    np.testing.assert_array_equal(tiny.decode(array)[0], tiny.decode(codes)[0])


def test_entries_that_are_never_used_decode_as_the_first(mini):
    codes = np.zeros((16, 3), int)
    expected, _ = mini.decode(codes)
    codes[0] = [512, 2047, 1000]
    np.testing.assert_array_equal(mini.decode(codes)[0], expected)
    np.testing.assert_array_equal(mini.levels(codes[:1]), mini.levels(np.zeros((1, 3), int)))


@pytest.mark.parametrize("length", [5.0, "3", 0, -1])
def test_a_length_that_is_none_is_refused(tiny, length):
    with pytest.raises(InputError, match="length must be a whole number"):
        tiny.decode(np.zeros((16, 3), int), length=length)


def test_a_dataset_with_a_wrong_code_is_refused_with_its_clip(tiny, sweep):
    ds = tiny.encode_many([sweep(0.3), sweep(0.4)], sr=SR)
    ds["codes"].values[3, 5] = -1  # of the second clip, the frame after its first
    with pytest.raises(CodesError, match=r"clip '.*': code -1 in codebook 3, frame 1 is outside"):
        tiny.decode_many(ds)


def test_a_dataset_of_later_codebooks_is_refused(tiny, sweep):
    ds = tiny.encode_many([sweep(0.3)], sr=SR)
    named = ds.assign_coords(codebook=np.arange(16))
    assert len(tiny.decode_many(named.isel(codebook=slice(8)))) == 1
    with pytest.raises(SchemaError, match="from the first on"):
        tiny.decode_many(named.isel(codebook=slice(8, None)))


def test_a_clip_without_a_rate_is_refused(tiny, sweep):
    ds = tiny.encode_many([sweep(0.3)], sr=SR)
    ds["sample_rate"].values[:] = 0
    with pytest.raises(CodesError, match="original=False"):
        tiny.decode_many(ds)
    assert len(tiny.decode_many(ds, original=False)) == 1


def test_autocast_changes_nothing(codec, sweep):
    y = sweep(0.5)
    codes, vectors = codec.encode(y, sr=SR), codec.latents(y, sr=SR)
    audio, _ = codec.decode(codes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(codec.encode(y, sr=SR), codes)
        np.testing.assert_array_equal(codec.latents(y, sr=SR), vectors)
        np.testing.assert_array_equal(codec.quantize(codec.project(vectors)), codes)
        np.testing.assert_array_equal(codec.decode(codes)[0], audio)
        np.testing.assert_array_equal(codec.encode_many([y], sr=SR)["codes"], codes)


def test_a_dataset_given_to_decode_is_sent_to_decode_many(tiny, sweep):
    ds = tiny.encode_many([sweep(0.3)], sr=SR)
    with pytest.raises(CodesError, match="decode_many"):
        tiny.decode(ds)


def test_many_clips_come_back_at_their_own_rate_and_length(codec, sweep, tmp_path):
    path = tmp_path / "tone.flac"
    sf.write(path, sweep(1.5)[:30_011], 16_000)
    items = [path, (sweep(0.7), 44_100), (sweep(0.1)[:1], 8_000)]
    ds = codec.encode_many(items)
    decoded = codec.decode_many(ds)
    assert [(len(y), sr) for y, sr in decoded] == [(30_011, 16_000), (16_800, 44_100), (1, 8_000)]
    assert ds["clip"].values[0] == "tone.flac"
    whole = codec.decode_many(ds, original=False)
    assert [len(y) for y, _ in whole] == [n * 1920 for n in ds["frame_count"].values]


def test_a_bad_clip_is_left_out_and_reported(tiny, sweep, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF nothing")
    items = [(sweep(0.3), SR), bad, (sweep(0.5), SR)]
    with pytest.raises(AudioError, match=r"bad\.wav"):
        tiny.encode_many(items)
    ds = tiny.encode_many(items, on_error="skip")
    assert ds["frame_count"].values.tolist() == [4, 7]
    (skipped,) = ds.qtok.skipped
    assert skipped["index"] == 1
    assert "bad.wav" in skipped["source"]
    with pytest.warns(SkippedClipWarning, match=r"bad\.wav"):
        tiny.encode_many(items, on_error="warn")


def test_nothing_in_nothing_out(tiny):
    ds = tiny.encode_many([])
    assert ds.sizes["clip"] == 0
    assert tiny.decode_many(ds) == []


def test_codes_of_another_codec_are_refused(tiny, mini, sweep):
    ds = tiny.encode_many([sweep(0.3)], sr=SR)
    with pytest.raises(CodecMismatchError, match=r"mini \(.* and mini-random"):
        mini.decode_many(ds)


def test_progress_goes_to_standard_error(tiny, sweep, capsys):
    tiny.encode_many([sweep(0.2)], sr=SR, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "encode" in shown.err


def test_own_ids_name_the_clips(tiny, sweep):
    waves = [sweep(0.2), sweep(0.3)]
    assert tiny.encode_many(waves, sr=SR, ids=["b", "a"])["clip"].values.tolist() == ["b", "a"]
    made = tiny.encode_many(iter(waves), sr=SR, ids=np.array(["b", "a"]))
    assert made["clip"].values.tolist() == ["b", "a"]
    items = [waves[0], "missing.wav", waves[1]]
    left = tiny.encode_many(items, sr=SR, on_error="skip", ids=["x", "y", "z"])
    assert left["clip"].values.tolist() == ["x", "z"]
    stereo = [(np.stack([waves[0], -waves[0]]), SR), (waves[1], SR)]
    apart = tiny.encode_many(stereo, channels="separate", ids=["s", "m"])
    assert apart["clip"].values.tolist() == ["s#channel=0", "s#channel=1", "m"]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a"], "one id for each of the 2 items, got 1"),
        (["a", "a"], "ids must be unique, 'a' repeats"),
        ("ab", "ids must be a list of texts"),
        (["a", None], "ids must be texts or whole numbers, got None"),
        ([float("nan"), "b"], "ids must be texts or whole numbers, got nan"),
    ],
)
def test_ids_that_do_not_fit_are_refused_before_encoding(tiny, ids, message):
    with pytest.raises(InputError, match=message):
        tiny.encode_many(["missing.wav", "missing too.wav"], ids=ids)
