"""Many clips: order, identity, errors, what may be given as many."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from qtokfeatures.audio import AudioClip, load_audio, load_many
from qtokfeatures.exceptions import AudioError, InputError, SkippedClipWarning


def sources(items, **options) -> list[str]:
    return [clip.source for _, clip in load_many(items, **options)]


@pytest.fixture
def mixed(wav, wav_bytes, sound):
    """One good item of each kind, with its source."""
    return {
        str(wav): str(wav),
        "<bytes 1>": wav_bytes,
        "<array 2>": sound,
        "<array 3>": (sound, 48_000),
        "<file>": io.BytesIO(wav_bytes),
        "kept": load_audio(sound, sr=48_000, source="kept"),
        "<array 6>": torch.tensor(sound),
    }


def test_kinds_may_be_mixed(mixed, sound):
    loaded = list(load_many(list(mixed.values()), sr=48_000))
    assert [index for index, _ in loaded] == list(range(7))
    assert [clip.source for _, clip in loaded] == list(mixed)
    for _, clip in loaded:
        np.testing.assert_array_equal(clip.y, sound)


def test_sr_is_the_rate_of_bare_arrays_only(wav, sound):
    """A file of another rate among arrays is no contradiction."""
    file, array, pair = (
        clip for _, clip in load_many([wav, sound, (sound, 8000)], sr=16_000, target_sr=24_000)
    )
    assert [clip.sample_rate for clip in (file, array, pair)] == [48_000, 16_000, 8000]
    assert {clip.sr for clip in (file, array, pair)} == {24_000}


def test_nothing_is_loaded_before_it_is_asked_for(wav):
    def items():
        yield wav
        raise AssertionError("asked too early")

    loaded = load_many(items())
    assert next(loaded)[1].source == str(wav)
    with pytest.raises(AssertionError, match="asked too early"):
        next(loaded)


def test_empty():
    assert list(load_many([])) == []
    assert list(load_many(np.array([]))) == []


# ---------------------------------------------------------------------------- errors

BAD = ["missing.wav", None, float("nan"), 3, np.zeros((0,)), np.full(9, np.nan), b"x", [1, 2]]


@pytest.mark.parametrize("on_error", ["skip", "warn"])
def test_the_others_keep_their_place(on_error, wav):
    items = [item for bad in BAD for item in (bad, wav)]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        loaded = list(load_many(items, sr=8000, on_error=on_error))
    assert [index for index, _ in loaded] == list(range(2 * len(BAD)))
    assert all(isinstance(clip, AudioError) for _, clip in loaded[::2])
    assert all(isinstance(clip, AudioClip) for _, clip in loaded[1::2])
    assert len(warned) == (len(BAD) if on_error == "warn" else 0)


def test_warning_names_the_clip_and_the_callers_line():
    with pytest.warns(SkippedClipWarning, match=r"skipped missing\.wav: no such file") as warned:
        list(load_many(["missing.wav"], on_error="warn"))
    assert Path(warned[0].filename).name == "test_batches.py"


def test_error_says_which_array(sound):
    bad = np.where(np.arange(sound.size) == 5, np.nan, sound)
    [_, (_, error)] = load_many([sound, bad], sr=48_000, on_error="skip")
    assert error.source == "<array 1>"
    assert str(error).startswith("<array 1>: 1 of 14400 values are NaN")
    assert error.__traceback__ is None


def test_raise_is_the_default(wav):
    loaded = load_many([wav, "missing.wav", wav])
    next(loaded)
    with pytest.raises(AudioError, match=r"missing\.wav: no such file"):
        next(loaded)


def test_limits_hold_for_each_clip(wav, sound):
    short = load_many([wav, sound[:100]], sr=48_000, max_duration_s=0.1, on_error="skip")
    assert [isinstance(clip, AudioError) for _, clip in short] == [True, False]


@pytest.mark.parametrize(
    ("options", "match"),
    [({"on_error": "ignore"}, 'on_error is "raise", "skip" or "warn", got \'ignore\''),
     ({"sr": 0}, "got sr=0"), ({"target_sr": -1}, "got target_sr=-1")],
)  # fmt: skip
def test_wrong_arguments_are_refused_at_once(options, match):
    with pytest.raises(InputError, match=match) as caught:
        load_many(["missing.wav"], **{"on_error": "skip", **options})
    assert not isinstance(caught.value, AudioError)


@pytest.mark.parametrize("options", [{"max_duration_s": 0}, {"timeout_s": 0}, {"max_bytes": 0}])
def test_wrong_limits_are_never_skipped(options, wav):
    with pytest.raises(InputError, match=next(iter(options))):
        list(load_many([wav], on_error="skip", **options))


# ---------------------------------------------------------------------------- what is many


@pytest.mark.parametrize("make", [list, tuple, iter, np.array, pd.Series, pd.Index])
def test_paths_in_any_sequence(make, wav):
    other = wav.with_name("other.wav")
    other.write_bytes(wav.read_bytes())
    paths = [str(wav), str(other)]
    assert sources(make(paths)) == paths


def test_two_paths_in_a_tuple_are_no_pair(wav):
    assert sources((str(wav), str(wav))) == [str(wav)] * 2


def test_series_is_counted_by_position(wav):
    series = pd.Series({"x": str(wav), "y": wav, 7: str(wav)})
    assert [index for index, _ in load_many(series)] == [0, 1, 2]


def test_missing_value_in_a_column(wav):
    [(_, clip), (_, error)] = load_many(pd.Series([str(wav), None]), on_error="skip")
    assert clip.source == str(wav)
    assert isinstance(error, AudioError)


@pytest.mark.parametrize("make", [np.array, torch.tensor, pd.DataFrame, xr.DataArray])
def test_rows_of_a_table_of_numbers_are_clips(make):
    rows = np.random.default_rng(0).uniform(-1, 1, (3, 200)).astype(np.float32)
    loaded = [clip.y for _, clip in load_many(make(rows), sr=8000)]
    np.testing.assert_array_equal(loaded, rows)


def test_three_axes_are_clip_channel_sample():
    block = np.random.default_rng(0).uniform(-1, 1, (4, 2, 50)).astype(np.float32)
    loaded = [clip.y for _, clip in load_many(block, sr=8000)]
    np.testing.assert_allclose(loaded, block.mean(axis=1), atol=1e-7)


def test_arrays_of_different_lengths(sound):
    ragged = np.empty(2, dtype=object)
    ragged[:] = [sound, sound[:100]]
    assert [len(clip) for _, clip in load_many(ragged, sr=48_000)] == [sound.size, 100]


def test_rate_missing_for_rows():
    with pytest.raises(AudioError, match="<array 0>: an array does not say its sampling rate"):
        list(load_many(np.zeros((2, 10))))


@pytest.mark.parametrize(
    ("items", "match"),
    [
        ("a.wav", r"got one path or URL, 'a\.wav'; put it in a list"),
        (Path("a.wav"), r"got one path or URL, 'a\.wav'"),
        (b"RIFF", "got the bytes of one"),
        (io.BytesIO(), "got one file object"),
        ((np.zeros(9), 8000), r"got one \(y, sr\)"),
        ((8000, np.zeros(9)), r"got one \(y, sr\)"),
        (load_audio(np.zeros(9), sr=8000), "got one AudioClip"),
        (np.zeros(9), "a 1-D array of 9 numbers is one clip"),
        (torch.zeros(9), "a 1-D array of 9 numbers is one clip"),
        (np.float32(1), "got a single value"),
        ({"a": "a.wav"}, "got a dict; pass a list of its values"),
        ({"a.wav"}, "got a set"),
        (pd.DataFrame({"path": ["a.wav"], "label": ["x"]}), r"a table of shape \(1, 2\)"),
        (None, "expected a list of clips, got NoneType"),
        (3, "expected a list of clips, got int"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_several_clips(items, match):
    with pytest.raises(InputError, match=match):
        load_many(items, sr=8000, on_error="skip")
