"""Codes that are fitted to what they decode to: closer, of the same format, and only on demand."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
import xarray as xr

import qtokfeatures as qt
from qtokfeatures.audio import log_mel_distance
from qtokfeatures.codecs import encoding
from qtokfeatures.codecs.batching import REFINED_S
from qtokfeatures.exceptions import CodecError, InputError
from qtokfeatures.labelled import concat_codes, load_codes, save_codes

SR = 24_000


def distance(codec, codes, y) -> float:
    """Log-mel distance of what `codes` decode to, at the level that cards measure at."""
    y_hat, _ = codec.decode(codes, length=len(y))
    gain = 0.5 / np.abs(y).max()
    return float(log_mel_distance(gain * y, gain * y_hat, SR))


def bundled(name: str, seconds: float = 2.0) -> np.ndarray:
    """Return the beginning of one of the bundled sounds."""
    return qt.load_audio(qt.example_file(name), target_sr=SR).y[: round(seconds * SR)]


@pytest.fixture(scope="module")
def drums():
    return bundled("drum_loop.flac")


@pytest.mark.parametrize("name", ["drum_loop.flac", "guitar_phrase.flac"])
def test_ten_steps_bring_the_decoded_sound_closer(mini, name):
    y = bundled(name)
    plain, refined = (mini.encode(y, sr=SR, refine=steps) for steps in (0, 10))
    assert refined.shape == plain.shape
    assert refined.dtype == np.int16
    assert distance(mini, refined, y) < 0.97 * distance(mini, plain, y)
    # Few codebooks still decode to about what they did.
    assert distance(mini, refined[:4], y) < 1.05 * distance(mini, plain[:4], y)


def test_semantic_codes_and_levels_stay(mini, drums):
    plain, refined = (mini.encode(drums, sr=SR, refine=steps) for steps in (0, 3))
    np.testing.assert_array_equal(refined[0], plain[0])
    np.testing.assert_array_equal(mini.levels(refined), mini.levels(plain))
    assert (refined[2:] != plain[2:]).any()


@pytest.mark.parametrize("gain", [1e-3, 2.0])
def test_the_level_does_not_matter(mini, drums, gain):
    y = (gain * drums).astype(np.float32)
    plain, refined, again = (mini.encode(y, sr=SR, refine=steps) for steps in (0, 5, 5))
    np.testing.assert_array_equal(again, refined)
    assert distance(mini, refined, y) < 0.98 * distance(mini, plain, y)


@pytest.mark.parametrize("n_samples", [1, 1919, 1921, 5000])
def test_short_clips(mini, drums, n_samples):
    codes = mini.encode(drums[:n_samples], sr=SR, refine=2)
    assert codes.shape == (16, -(-n_samples // 1920))


def test_silence_is_left_as_it_is(mini):
    y = np.zeros(SR, dtype=np.float32)
    np.testing.assert_array_equal(mini.encode(y, sr=SR, refine=3), mini.encode(y, sr=SR))


def test_what_comes_later_changes_no_earlier_stretch(mini, drums):
    y = np.tile(drums, 6)
    stretch = int(REFINED_S * SR)
    assert len(y) > stretch
    codes = mini.encode(y, sr=SR, refine=1)
    np.testing.assert_array_equal(codes[:, :125], mini.encode(y[:stretch], sr=SR, refine=1))
    assert distance(mini, codes, y) < distance(mini, mini.encode(y, sr=SR), y)


@pytest.mark.parametrize(
    "surroundings",
    [torch.inference_mode, torch.no_grad, lambda: torch.autocast("cpu", torch.bfloat16)],
)
def test_settings_of_torch_around_it_do_not_matter(mini, drums, surroundings):
    expected = mini.encode(drums, sr=SR, refine=2)
    with surroundings():
        found = mini.encode(drums, sr=SR, refine=2)
    np.testing.assert_array_equal(found, expected)
    assert torch.is_grad_enabled()


def test_a_codec_that_was_loaded_without_gradients_can_refine(mini, drums):
    expected = mini.encode(drums, sr=SR, refine=1)
    copied = pickle.loads(pickle.dumps(mini))
    copied.encode_many([(drums, SR)])  # loads the weights while nothing has gradients
    with torch.inference_mode():
        loaded = qt.load_codec("mini", device="cpu")
    for codec in (copied, loaded):
        np.testing.assert_array_equal(codec.encode(drums, sr=SR, refine=1), expected)


def test_torch_may_work_in_double_by_default(mini, drums):
    expected = mini.encode(drums, sr=SR, refine=1)
    torch.set_default_dtype(torch.float64)
    try:
        found = mini.encode(drums, sr=SR, refine=1)
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(found, expected)


def test_the_optimiser_that_takes_seconds_to_import_stays_out():
    script = (
        "import sys, numpy as np, qtokfeatures as qt\n"
        "y = np.random.default_rng(0).standard_normal(4000) / 9\n"
        "qt.load_codec('mini').encode(y, sr=24_000, refine=1)\n"
        "print('torch._dynamo' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_weights_gather_no_gradients(mini, drums):
    mini.encode(drums, sr=SR, refine=2)
    assert all(parameter.grad is None for parameter in mini.model.parameters())


def test_many_clips_are_refined_one_by_one(mini, drums, tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "LONG_S", 1.5)  # one of the two is read in blocks
    short = drums[:SR]
    items = [(drums, SR), (short, SR), qt.example_file("drum_loop.flac")]
    ds = mini.encode_many(items, refine=2)
    for index, item in enumerate(items):
        np.testing.assert_array_equal(ds.qtok.clip(index), mini.encode(item, refine=2))
    assert ds["refine"].values.tolist() == [2, 2, 2]
    plain = mini.encode_many([(short, SR)])
    assert "refine" not in plain.coords
    save_codes(ds, tmp_path / "codes.nc")
    xr.testing.assert_identical(load_codes(tmp_path / "codes.nc"), ds)
    mixed = concat_codes([ds, plain])
    np.testing.assert_array_equal(mixed["refine"], [2, 2, 2, np.nan])
    assert len(mini.decode_many(mixed)) == 4


@pytest.mark.parametrize("refine", [-1, 1.5, True, "3", None])
def test_steps_are_whole_numbers(mini, drums, refine):
    for encode in (mini.encode, mini.encode_many):
        with pytest.raises(InputError, match="refine must be a whole number of steps"):
            encode([drums], sr=SR, refine=refine)


def test_codecs_that_cannot_say_so(mini, drums):
    half = qt.load_codec("mini", device="cpu", decoder=False)
    with pytest.raises(CodecError, match="decoder=False"):
        half.encode(drums, sr=SR, refine=1)


def test_other_codecs_cannot(drums, monkeypatch):
    from qtokfeatures.codecs.mini import random_mini
    from qtokfeatures.codecs.mini.codec import MiniCodec

    monkeypatch.delattr(MiniCodec, "start_refining")
    with pytest.raises(CodecError, match="only codecs of mini's format can"):
        random_mini().encode(drums, sr=SR, refine=1)


def test_untrained_weights_can_be_refined(tiny, drums):
    plain, refined = (tiny.encode(drums, sr=SR, refine=steps) for steps in (0, 5))
    assert distance(tiny, refined, drums) <= distance(tiny, plain, drums)
