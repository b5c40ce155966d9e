from __future__ import annotations

import json
import re
from datetime import date, datetime, time, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
import torch

from qtokfeatures.exceptions import CodesError, InputError
from qtokfeatures.labelled import build_codes
from qtokfeatures.labelled.labels import clip_ids_from_sources, unique_ids


def build(spec, clips, **options):
    n_clips = len(clips)
    given = {
        "n_samples": [1920] * n_clips,
        "sample_rates": [24000] * n_clips,
        "sources": [f"{index}.wav" for index in range(n_clips)],
    }
    return build_codes(clips, spec=spec, **{**given, **options})


def test_dataset_follows_the_schema(make_codes):
    ds = make_codes((3, 1), n_samples=[5000, 1], sample_rates=[22050, 8000])
    dims = {name: (v.dims, v.dtype.name) for name, v in ds.variables.items()}
    assert dims.pop("clip")[0] == ("clip",)
    assert dims.pop("source")[0] == ("clip",)
    assert dims == {
        "codes": (("codebook", "frame"), "int16"),
        "frame_count": (("clip",), "int64"),
        "duration": (("clip",), "float64"),
        "sample_rate": (("clip",), "int64"),
        "n_samples": (("clip",), "int64"),
        "time": (("frame",), "float64"),
        "clip_index": (("frame",), "int64"),
        "codebook": (("codebook",), "int64"),
        "clip_number": (("clip",), "int64"),
        "frame_number": (("frame",), "int64"),
    }
    assert set(ds.data_vars) == {"codes", "frame_count", "frame_number"}


def test_cf_attributes_and_units(make_codes):
    ds = make_codes()
    assert ds["frame_count"].attrs["sample_dimension"] == "frame"
    units = {name: ds[name].attrs["units"] for name in ("duration", "time", "sample_rate")}
    assert units == {"duration": "s", "time": "s", "sample_rate": "Hz"}


def test_derived_coordinates(make_codes):
    ds = make_codes((3, 1), n_samples=[5000, 1], sample_rates=[22050, 8000])
    assert ds["duration"].values.tolist() == [5000 / 22050, 1 / 8000]
    assert ds["time"].values.tolist() == [0.0, 0.08, 0.16, 0.0]
    assert ds["clip_index"].values.tolist() == [0, 0, 0, 1]


def test_attributes_are_json_and_name_codec_and_versions(make_codes, spec):
    attrs = json.loads(json.dumps(make_codes().attrs))
    assert attrs["schema_version"] == 2
    assert attrs["fingerprint"] == spec.fingerprint
    assert "numpy" in json.loads(attrs["_versions"])
    assert all(isinstance(value, (str, int, float)) for value in attrs.values())


def test_skipped_items_are_kept(make_codes):
    item = {"index": 7, "source": "kaputt/日.wav", "error": 'no "audio"'}
    assert make_codes(skipped=[item]).qtok.skipped == [item]
    assert make_codes().qtok.skipped == []


def test_no_clips_at_all(spec):
    ds = build(spec, [], labels={"instrument": []})
    assert dict(ds.sizes) == {"codebook": 4, "frame": 0, "clip": 0}
    assert ds.qtok.n_clips == 0
    assert ds["instrument"].dtype.kind == "U"


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.uint8, ">i2"])
def test_any_integers_become_int16(spec, dtype):
    ds = build(spec, [np.full((4, 2), 31, dtype=dtype)])
    assert ds["codes"].dtype == np.int16
    assert ds["codes"].dtype.isnative
    assert (ds["codes"] == 31).all()


def test_the_given_codes_are_copied(spec):
    clip = np.zeros((4, 2), dtype=np.int16)
    ds = build(spec, [clip])
    clip[:] = 9
    assert (ds["codes"] == 0).all()


def test_lists_and_fewer_codebooks_are_fine(spec):
    assert build(spec, [[[0, 1], [2, 3]]])["codes"].shape == (2, 2)


@pytest.mark.parametrize("value", [-1, 32, 70000])
def test_code_out_of_range_names_clip_codebook_frame_and_value(spec, value):
    clips = [np.zeros((4, 3), int), np.zeros((4, 5), int), np.zeros((4, 2), int)]
    clips[1][2, 3] = value
    message = f"clip '1.wav': code {value} in codebook 2, frame 3 is outside 0 … 31"
    with pytest.raises(CodesError, match=message):
        build(spec, clips)


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (np.zeros((4, 2)), "'0.wav': codes must be integers, got float64"),
        (np.zeros((4, 2), bool), "integers, got bool"),
        (np.zeros(4, int), r"must be \(codebook, frame\).*got shape \(4,\)"),
        (np.zeros((4, 0), int), r"at least one of each, got shape \(4, 0\)"),
        (np.zeros((5, 2), int), "'0.wav' has 5 codebooks: expected 4"),
    ],
)
def test_codes_of_wrong_shape_or_dtype(spec, clip, message):
    with pytest.raises(CodesError, match=message):
        build(spec, [clip])


def test_clips_must_have_the_same_codebooks(spec):
    with pytest.raises(CodesError, match=r"'1.wav' has 3 codebooks: expected 4"):
        build(spec, [np.zeros((4, 2), int), np.zeros((3, 2), int)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": ["a.wav"]}, "sources must hold one value for each of the 2 clips"),
        ({"sources": "ab"}, "sources must hold one value"),
        ({"n_samples": [1, 0]}, "n_samples must be whole numbers above 0"),
        ({"sample_rates": [44100.5, 1]}, "sample_rates must be whole numbers"),
        ({"clip_ids": ["a", "a"]}, "clip ids must be unique, 'a' repeats"),
        ({"labels": {"era": ["old"]}}, "label 'era' has 1 values for 2 clips"),
        ({"labels": {"era": "ab"}}, "label 'era' must hold one value per clip"),
        ({"labels": {"frame": [1, 2]}}, "'frame' is a name of the codes schema"),
        ({"labels": {"a/b": [1, 2]}}, "a label's name must be text without '/'"),
        ({"labels": {"": [1, 2]}}, "a label's name must be text"),
        ({"labels": {3: [1, 2]}}, "a label's name must be text.*got 3"),
        ({"labels": {".hidden": [1, 2]}}, "cannot start"),
        ({"labels": {"x": [1, "a"]}}, "label 'x' mixes.*integer, text"),
        ({"labels": {"x": [True, 2]}}, "label 'x' mixes"),
        ({"labels": {"x": [1j, 2]}}, "label 'x' mixes.*complex"),
        ({"labels": {"x": [[1], [2]]}}, "label 'x'.*list"),
        ({"labels": {"x": np.zeros((2, 2))}}, r"one-dimensional, got shape \(2, 2\)"),
        ({"labels": {"x": np.zeros(2, complex)}}, "label 'x' is complex128"),
        ({"labels": {"x": ["a\0", "b"]}}, "NUL"),
        ({"labels": {"x": [2**70, 1]}}, "does not fit in 64 bits"),
    ],
)
def test_arguments_that_do_not_fit(spec, options, message):
    with pytest.raises(InputError, match=message):
        build(spec, [np.zeros((4, 1), int)] * 2, **options)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["flute", None], np.array(["flute", ""])),
        (["flute", float("nan")], np.array(["flute", ""])),
        (pd.Series(["a", None], dtype="string"), np.array(["a", ""])),
        (pd.Series([None, None], dtype="string"), np.array(["", ""])),
        (pd.Categorical(["a", "b"]), np.array(["a", "b"])),
        (pd.Series(["a", "b"], index=[7, 3]), np.array(["a", "b"])),
        ([1, 2], np.array([1, 2])),
        ([1, None], np.array([1.0, np.nan])),
        (pd.Series([1, None], dtype="Int64"), np.array([1.0, np.nan])),
        ([1, 2.5], np.array([1.0, 2.5])),
        ([True, False], np.array([True, False])),
        ([True, None], np.array([1.0, np.nan])),
        ([None, None], np.array([np.nan, np.nan])),
        (np.array([1, 2], dtype=np.uint8), np.array([1, 2], dtype=np.uint8)),
        (np.array([1, 2], dtype=">f4"), np.array([1, 2], dtype=np.float32)),
        (np.array([1, 2], dtype=np.float16), np.array([1, 2], dtype=np.float32)),
        (
            [pd.Timestamp("2020-01-01"), pd.NaT],
            np.array(["2020-01-01", "NaT"], dtype="datetime64[ns]"),
        ),
    ],
)
def test_labels_become_plain_arrays(spec, values, expected):
    ds = build(spec, [np.zeros((4, 1), int)] * 2, labels={"x": values})
    assert ds["x"].dtype == expected.dtype
    np.testing.assert_array_equal(ds["x"].values, expected)


def test_undecodable_file_names_are_spelled_out(spec):
    ds = build(spec, [np.zeros((4, 1), int)], sources=["a\udcff.wav"])
    assert ds["source"].item() == "a\\udcff.wav"
    ds.qtok.clip_ids[0].encode()


@pytest.mark.parametrize(
    ("sources", "ids"),
    [
        (["/d/a.wav"], ["a.wav"]),
        (["a/1.wav", "b/1.wav"], ["a/1.wav", "b/1.wav"]),
        (["x/a/1.wav", "y/a/1.wav", "y/2.wav"], ["x/a/1.wav", "y/a/1.wav", "2.wav"]),
        (["a.wav", "a.wav", "a.wav"], ["a.wav", "a.wav#2", "a.wav#3"]),
        (["1.wav", "a/1.wav"], ["1.wav", "a/1.wav"]),
        (["/1.wav", "1.wav"], ["1.wav", "1.wav#2"]),
        (["C:\\a\\1.wav", "C:/b/1.wav"], ["a/1.wav", "b/1.wav"]),
        (["/d/a\\1.wav", "/e/1.wav"], ["a\\1.wav", "1.wav"]),
        (["https://host/x/a.ogg"], ["a.ogg"]),
        (["<array>", "<array>", "<bytes>"], ["array-0", "array-1", "bytes-2"]),
        (["<array 3>", "a.wav", "<bytes 5>"], ["array-3", "a.wav", "bytes-5"]),
        (["", "/"], ["clip-0", "/"]),
        (["a.wav", "a.wav", "a.wav#2"], ["a.wav", "a.wav#3", "a.wav#2"]),
    ],
)
def test_ids_are_the_shortest_unique_tails(sources, ids):
    assert clip_ids_from_sources(sources) == ids


def test_repeated_ids_never_collide_with_given_ones():
    ids = ["a", "a#2", "a", "a#2", "a"]
    assert len(set(unique_ids(ids))) == len(ids)
    assert unique_ids(ids)[:2] == ["a", "a#2"]


def test_errors_are_value_errors(spec):
    with pytest.raises(ValueError, match=re.escape("codes must be integers")):
        build(spec, [np.zeros((4, 2))])


LOST = "whole numbers beyond 2\\^53 beside missing values or fractions"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([date(1567, 5, 15), date(1900, 1, 1)], "holds the date 1567-05-15, outside 1677"),
        ([datetime(2262, 4, 12), None], "holds the date 2262-04-12"),
        (np.array(["1567-05-15", "2020-01-01"], "datetime64[s]"), "holds the date 1567-05-15"),
        (pd.Series(["1567-05-15", None], dtype="datetime64[s]"), "holds the date 1567-05-15"),
        ([np.datetime64("1567"), np.datetime64("2020-01")], "holds the date 1567"),
        ([time(12, 30), time(1)], r"unsupported values \(time\)"),
        ([datetime(2020, 1, 1, tzinfo=timezone.utc), None], "dates with a time zone"),
        (pd.Series(pd.date_range("2020", periods=2, tz="Asia/Tokyo")), "dates with a time zone"),
        ([timedelta(1), timedelta(2)], r"unsupported values \(timedelta\)"),
        ([2**53 + 1, None], LOST),
        ([2**60, 0.5], LOST),
        ([-(2**62), np.nan], LOST),
        (pd.array([2**53 + 1, None], dtype="Int64"), LOST),
        ([2**64, 1], "does not fit in 64 bits"),
        (np.ma.masked_array([2**60 + 1, 2], [False, True]), LOST),
        (np.array([1, 2], "datetime64[ps]"), "finer than the nanoseconds"),
        (torch.ones(2, requires_grad=True), "is a Tensor that NumPy cannot read"),
        (torch.ones(2, dtype=torch.bfloat16), "is a Tensor that NumPy cannot read"),
    ],
)
def test_values_that_would_change_are_refused(spec, values, message):
    with pytest.raises(InputError, match=f"label 'x' .*{message}"):
        build(spec, [np.zeros((4, 1), int)] * 2, labels={"x": values})


def test_masked_values_are_missing(spec):
    labels = {
        "n": np.ma.masked_array([1, 2], [False, True]),
        "text": np.ma.masked_array(["a", "b"], [True, False]),
        "day": np.ma.masked_array(np.array(["2020", "2021"], "datetime64[Y]"), [False, True]),
    }
    ds = build(spec, [np.zeros((4, 1), int)] * 2, labels=labels)
    np.testing.assert_array_equal(ds["n"], [1.0, np.nan])
    assert ds["text"].values.tolist() == ["", "b"]
    np.testing.assert_array_equal(ds["day"], np.array(["2020", "NaT"], "datetime64[ns]"))


def test_dates_keep_every_nanosecond(spec):
    values = [pd.Timestamp("2020-01-01T00:00:00.000000001"), np.datetime64("1999-12-31"), None]
    ds = build(spec, [np.zeros((4, 1), int)] * 3, labels={"x": values})
    expected = np.array(["2020-01-01T00:00:00.000000001", "1999-12-31", "NaT"], "datetime64[ns]")
    np.testing.assert_array_equal(ds["x"], expected)


@pytest.mark.parametrize("values", [[2**53, None], [2**62, -(2**62)], [2**64 - 1, 0], [1, 0.5]])
def test_numbers_that_are_exact_are_kept(spec, values):
    ds = build(spec, [np.zeros((4, 1), int)] * 2, labels={"x": values})
    for found, value in zip(ds["x"].values.tolist(), values, strict=True):
        assert found == value or (value is None and np.isnan(found))
