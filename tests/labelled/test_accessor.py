from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from qtokfeatures.exceptions import CodecMismatchError, CodesError, InputError, SchemaError
from qtokfeatures.labelled import load_codes, unpad_codes


class Decoder:
    """Stands in for a codec."""

    def __init__(self, spec):
        self.spec = spec

    def decode_many(self, ds, *, original=True):
        return [(np.zeros(n), original) for n in ds["n_samples"].values.tolist()]


def ids(ds):
    return ds.qtok.clip_ids


def test_length_spec_and_ids(codes, spec):
    assert codes.qtok.n_clips == len(codes.qtok) == 5
    assert codes.qtok.spec == spec
    assert ids(codes) == [f"clip{index}.wav" for index in range(5)]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (0, [0]),
        (-1, [4]),
        ("clip3.wav", [3]),
        (slice(None, 2), [0, 1]),
        ([4, 0], [4, 0]),
        (["clip4.wav", "clip0.wav"], [4, 0]),
        (np.array([False, True, False, True, False]), [1, 3]),
        (pd.Series([False, True, False, True, False]), [1, 3]),
        (pd.Index(["clip2.wav"]), [2]),
        (lambda ds: ds["frame_count"] > 3, [2, 4]),
        (lambda ds: "clip1.wav", [1]),
        (None, [0, 1, 2, 3, 4]),
        ([], []),
    ],
)
def test_clips_are_chosen(codes, selector, expected):
    chosen = codes.qtok.sel_clips(selector)
    chosen.qtok.validate()
    assert ids(chosen) == [f"clip{index}.wav" for index in expected]
    for new, old in enumerate(expected):
        np.testing.assert_array_equal(chosen.qtok.clip(new), codes.qtok.clip(old))
    np.testing.assert_array_equal(chosen["year"], codes["year"][expected])


def test_a_label_as_selector(codes):
    assert ids(codes.qtok.sel_clips(codes["instrument"] == "flute")) == ["clip0.wav", "clip4.wav"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"instrument": "flute"}, [0, 4]),
        ({"instrument": ["flute", "oboe"]}, [0, 2, 4]),
        ({"instrument": {"oboe"}}, [2]),
        ({"instrument": "tuba"}, []),
        ({"instrument": "", "live": False}, [1]),
        ({"year": 1786}, [0, 2]),
        ({"year": np.int32(1786)}, [0, 2]),
        ({"year": "1786"}, []),
        ({"year": lambda year: year > 1790}, [1, 3]),
        ({"pitch": 440}, [0]),
        ({"pitch": np.isnan}, [1]),
        ({"live": True}, [0, 2, 3]),
        ({"recorded": np.datetime64("2020-01-01")}, [0]),
        ({"recorded": "2020-01-01"}, [0]),
        ({"size (cm)": range(2)}, [0]),
        ({"clip": ["clip1.wav"]}, [1]),
        ({"frame_count": lambda n: n < 3}, [1, 3]),
    ],
)
def test_clips_are_chosen_by_label(codes, labels, expected):
    assert ids(codes.qtok.sel_clips(**labels)) == [f"clip{index}.wav" for index in expected]


def test_selector_and_labels_together_keep_the_order(codes):
    chosen = codes.qtok.sel_clips([4, 2, 0], instrument="flute")
    assert ids(chosen) == ["clip4.wav", "clip0.wav"]


def test_a_value_taken_from_the_dataset(codes):
    chosen = codes.qtok.sel_clips(instrument=codes["instrument"][2])
    assert ids(chosen) == ["clip2.wav"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"instrumnt": "flute"}, "no label 'instrumnt': did you mean 'instrument'.*labels are"),
        ({"codes": 3}, "no label 'codes'"),
        ({"year": lambda year: year}, "must return one bool per clip"),
        ({"pitch": "high"}, "label 'pitch' is float64, it cannot be"),
    ],
)
def test_labels_that_choose_nothing(codes, labels, message):
    with pytest.raises(InputError, match=message):
        codes.qtok.sel_clips(**labels)


def test_clip_chosen_twice_keeps_ids_unique(codes):
    assert ids(codes.qtok.sel_clips([1, 1])) == ["clip1.wav", "clip1.wav#2"]


def test_choosing_everything_changes_nothing(codes, assert_same):
    assert_same(codes.qtok.sel_clips(), codes)
    assert_same(codes.qtok.sel_clips(slice(None)), codes)


def test_extra_variables_come_along(codes):
    more = codes.assign(
        energy=("frame", np.arange(15.0)), vector=(("clip", "v"), np.eye(5)), note="n"
    )
    chosen = more.qtok.sel_clips([2])
    assert chosen["energy"].values.tolist() == [4.0, 5.0, 6.0, 7.0, 8.0]
    assert chosen["vector"].values.tolist() == [[0.0, 0.0, 1.0, 0.0, 0.0]]
    assert chosen["note"].item() == "n"


def test_frame_slices(codes):
    assert codes.qtok.frame_slices() == [
        slice(0, 3),
        slice(3, 4),
        slice(4, 9),
        slice(9, 11),
        slice(11, 15),
    ]


def test_padded(codes):
    padded = codes.qtok.padded()
    assert padded.dims == ("clip", "codebook", "frame")
    assert padded.shape == (5, 4, 5)
    assert padded.dtype == np.int16
    assert (padded[1, :, 1:] == -1).all()
    np.testing.assert_array_equal(padded[3, :, :2], codes.qtok.clip(3))
    assert padded["instrument"].dims == ("clip",)
    np.testing.assert_allclose(padded["time"], np.arange(5) * 0.08)


def test_padding_and_back(codes, make_codes, assert_same):
    assert_same(unpad_codes(codes.qtok.padded()), codes)
    empty = make_codes([])
    assert_same(unpad_codes(empty.qtok.padded()), empty)


def test_padding_in_the_wrong_place(codes):
    padded = codes.qtok.padded()
    padded[2, 1, 0] = -1
    with pytest.raises(CodesError, match=r"clip 'clip2.wav': -1 must stand after the last frame"):
        unpad_codes(padded)
    with pytest.raises(SchemaError, match=r"dimensions \(clip, codebook, frame\)"):
        unpad_codes(padded.transpose())


def test_counts(codes):
    counts = codes.qtok.counts()
    assert counts.dims == ("clip", "codebook", "code")
    assert counts.shape == (5, 4, 32)
    assert (counts.sum("code") == codes["frame_count"]).all()
    expected = np.bincount(codes.qtok.clip(2)[3], minlength=32)
    np.testing.assert_array_equal(counts[2, 3], expected)


def test_labels_as_a_table(codes):
    table = codes.qtok.labels
    assert table.index.tolist() == ids(codes)
    assert table["year"].tolist() == [1786, 1791, 1786, 2001, 0]


def test_labels_in_order(codes):
    more = codes.qtok.with_labels({"era": ["a", "b", "c", None, "e"], "year": [1, 2, 3, 4, 5]})
    assert more["era"].values.tolist() == ["a", "b", "c", "", "e"]
    assert more["year"].values.tolist() == [1, 2, 3, 4, 5]
    assert "era" not in codes.coords
    assert codes["year"][0] == 1786


def test_labels_by_id(codes):
    more = codes.qtok.with_labels({"take": {"clip3.wav": 7, "clip0.wav": 1}})
    np.testing.assert_array_equal(more["take"], [1, np.nan, np.nan, 7, np.nan])
    with pytest.raises(InputError, match=r"label 'take' names clips that are not there.*nope"):
        codes.qtok.with_labels({"take": {"nope": 1}})


@pytest.mark.parametrize("key", ["clip{}.wav", "sounds/clip{}.wav"])
def test_labels_from_a_table(codes, key):
    table = pd.DataFrame(
        {"path": [key.format(index) for index in (9, 4, 3, 2, 1, 0)], "n": [9, 4, 3, 2, 1, 0]}
    )
    for more in (
        codes.qtok.with_labels(table, on="path"),
        codes.qtok.with_labels(table.set_index("path")),
    ):
        assert more["n"].values.tolist() == [0, 1, 2, 3, 4]
        assert "path" not in more.variables


def test_a_table_from_windows_finds_its_clips(codes):
    table = pd.DataFrame({"path": [f"sounds\\clip{n}.wav" for n in range(5)], "n": range(5)})
    assert codes.qtok.with_labels(table, on="path")["n"].values.tolist() == [0, 1, 2, 3, 4]


def test_table_in_the_order_of_the_clips(codes):
    more = codes.qtok.with_labels(pd.DataFrame({"n": range(5), "who": list("abcde")}))
    assert more["n"].values.tolist() == [0, 1, 2, 3, 4]
    assert more["who"].dtype == "<U1"


def test_columns_have_one_dtype_whichever_rows_are_used(codes):
    table = pd.DataFrame(
        {
            "path": [f"clip{n}.wav" for n in range(6)],
            "era": [None] * 5 + ["old"],
            "n": 5 * [1] + [None],
        }
    )
    more = codes.qtok.with_labels(table, on="path")
    assert more["era"].values.tolist() == [""] * 5
    assert more["era"].dtype.kind == "U"
    assert more["n"].dtype == np.float64


@pytest.mark.parametrize(
    ("table", "on", "message"),
    [
        (pd.DataFrame({"n": [1]}), None, "label 'n' has 1 values for 5 clips"),
        (pd.DataFrame({"n": [1]}, index=["clip0.wav"]), None, "4 clips have no row.*clip1.wav"),
        (pd.DataFrame({"n": [1]}), "path", r"no column 'path', but \['n'\]"),
        (pd.DataFrame({"p": ["clip0.wav"] * 2, "n": 1}), "p", "names clip 'clip0.wav' more than"),
        ({"n": [1] * 5}, "path", "needs a DataFrame"),
        (pd.DataFrame({"codes": range(5)}), None, "'codes' is a name of the codes schema"),
        (pd.DataFrame([[1, 2]] * 5, columns=["a", "a"]), None, "table has two columns 'a'"),
        (pd.DataFrame([[1, 2]] * 5, columns=["1", 1]), None, "table has two columns '1'"),
        (pd.DataFrame({"n": range(5)})[::-1], None, "5 clips have no row in the table"),
        (pd.Series(range(5)), None, "a Series of labels needs a name"),
        ({"n": pd.Series(range(5))[::-1]}, None, "5 clips have no row in the table"),
        ([1, 2, 3, 4, 5], None, "must be a mapping of names to values or a DataFrame"),
    ],
)
def test_tables_that_do_not_fit(codes, table, on, message):
    with pytest.raises(InputError, match=message):
        codes.qtok.with_labels(table, on=on)


def test_labels_of_a_series_follow_its_index(codes):
    backwards = pd.Series(range(5), index=ids(codes)[::-1], name="n")
    for labels in ({"n": backwards}, backwards, backwards.to_frame()):
        assert codes.qtok.with_labels(labels)["n"].values.tolist() == [4, 3, 2, 1, 0]
    by_source = backwards.set_axis(codes["source"].values)
    assert codes.qtok.with_labels({"n": by_source})["n"].values.tolist() == [0, 1, 2, 3, 4]


def test_labels_of_a_data_array_follow_its_ids(codes):
    backwards = codes.qtok.sel_clips([4, 3, 2, 1, 0])["duration"]
    more = codes.qtok.with_labels({"seconds": backwards})
    assert more["seconds"].values.tolist() == codes["duration"].values.tolist()


def test_labels_of_polars(codes):
    pl = pytest.importorskip("polars")
    table = pl.DataFrame({"file": ids(codes)[::-1], "n": range(5), "s": ["a", None, "c", "d", "e"]})
    more = codes.qtok.with_labels(table, on="file")
    assert more["n"].values.tolist() == [4, 3, 2, 1, 0]
    assert more["s"].values.tolist() == ["e", "d", "c", "", "a"]
    assert codes.qtok.with_labels(table.drop("file"))["n"].values.tolist() == [0, 1, 2, 3, 4]
    assert codes.qtok.with_labels({"n": table["n"]})["n"].dtype == np.int64


def test_a_name_that_may_mean_two_clips_is_refused(make_codes):
    ds = make_codes([1, 2], sources=["x/a.wav", "y/a.wav"])
    with pytest.raises(InputError, match=r"'a.wav' in the table may mean 'x/a.wav' or 'y/a.wav'"):
        ds.qtok.with_labels(pd.DataFrame({"file": ["a.wav"], "n": [1]}), on="file")
    twice = make_codes([1, 2], sources=["x/a.wav", "x/a.wav"])
    labels = pd.DataFrame({"file": ["a.wav"], "n": [1]})
    assert twice.qtok.with_labels(labels, on="file")["n"].values.tolist() == [1, 1]


@pytest.mark.parametrize("dtype", ["str", "string", "category", "string[pyarrow]", "Int64"])
def test_labels_that_xarray_keeps_as_pandas_arrays(codes, dtype, tmp_path):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    values = [3, 1, 4, 1, 5] if dtype == "Int64" else list("abcde")
    series = pd.Series(values, dtype=dtype)
    ds = codes.assign_coords(x=("clip", series))
    assert ds.qtok.sel_clips([2, 0])["x"].values.tolist() == [values[2], values[0]]
    assert ids(ds.qtok.sel_clips(x=values[4])) == ["clip4.wav"]
    assert ds.qtok.concat(ds)["x"].values.tolist() == values * 2
    assert load_codes(ds.qtok.save(tmp_path / "x.zarr"))["x"].values.tolist() == values


def test_decoding_is_the_codec_s(codes, spec):
    decoded = codes.qtok.decode(Decoder(spec), original=False)
    assert [len(y) for y, _ in decoded] == codes["n_samples"].values.tolist()
    assert decoded[0][1] is False


def test_decoding_with_another_codec_is_refused(codes, spec):
    from dataclasses import replace

    other = Decoder(replace(spec, name="big", fingerprint="beef"))
    with pytest.raises(CodecMismatchError, match=r"toy.*f00d.*big.*beef"):
        codes.qtok.decode(other)


def test_decoding_needs_a_codec_not_its_name(codes):
    with pytest.raises(InputError, match=r"expected a codec, got 'mini'.*load_codec\('toy'\)"):
        codes.qtok.decode("mini")


def test_repr(codes):
    assert "5 clips" in repr(codes.qtok)
