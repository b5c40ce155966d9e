from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from qtokfeatures.exceptions import CodecMismatchError, InputError, SchemaError
from qtokfeatures.labelled import (
    CodeSequence,
    append_codes,
    load_codes,
    save_codes,
    zarr_append,
)


@pytest.fixture(params=["codes.nc", "codes.zarr"])
def path(request, tmp_path):
    return tmp_path / request.param


@pytest.fixture
def zarr_path(tmp_path):
    return tmp_path / "codes.zarr"


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def names(folder):
    return [entry.name for entry in folder.iterdir() if entry.suffix != ".lock"]


def odd(codes):
    """Add variables of every kind that stores keep."""
    with warnings.catch_warnings():  # older xarray counts every date in nanoseconds, and says so
        warnings.simplefilter("ignore")
        seconds = xr.Variable("clip", np.array(["2020-01-01T01:02:03"] * 5, "datetime64[s]"))
    return codes.assign_coords(
        wide=("clip", np.array(["a", "b", "", "d", "e"], dtype="<U9")),
        thing=("clip", np.array(["", "é", "🎻", "d", "e"], dtype=object)),
        empty=("clip", np.array([""] * 5)),
        tiny=("clip", np.arange(5, dtype=np.uint8)),
        single=("clip", np.array([0.1, np.nan, np.inf, -0.0, 1], dtype=np.float32)),
        seconds=seconds,
    ).assign(variable=("clip", list("vwxyz")), energy=("frame", np.linspace(0, 1, 15)))


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds,
        odd,
        lambda ds: ds.qtok.sel_clips([1]),
        lambda ds: ds.qtok.sel_clips([]),
        lambda ds: odd(ds).qtok.sel_clips([]),
        lambda ds: ds.isel(codebook=slice(2)),
        lambda ds: ds.assign_attrs(note="日本\n", empty="", half=0.5, big=2**60),
        lambda ds: ds.assign_attrs(long="x" * 200_000),
        lambda ds: ds.assign_coords(clip=["", " ", "ä/ö", "#", "e" * 300]),
    ],
    ids=["plain", "odd", "one frame", "no clips", "odd no clips", "prefix", "attrs", "long", "ids"],
)
def test_round_trip_bit_for_bit(codes, path, change, assert_same):
    ds = change(codes)
    assert ds.qtok.save(path) == path
    assert_same(load_codes(path), ds)
    assert_same(load_codes(path, lazy=True).load(), ds)


def test_plain_xarray_reads_the_same(codes, path):
    codes = codes.drop_vars("size (cm)")  # CF cannot mark a name with a blank as a coordinate
    save_codes(codes, path)
    engine = "zarr" if path.suffix == ".zarr" else "h5netcdf"
    with xr.open_dataset(path, engine=engine) as opened:
        xr.testing.assert_identical(opened, codes)
        assert CodeSequence(opened)[2].shape == (4, 5)
        assert opened.qtok.sel_clips(instrument="oboe").qtok.clip_ids == ["clip2.wav"]
        opened.qtok.validate()


def test_what_plain_xarray_read_can_be_saved_again(codes, path, tmp_path):
    save_codes(codes.drop_vars("size (cm)"), path)
    engine = "zarr" if path.suffix == ".zarr" else "h5netcdf"
    with xr.open_dataset(path, engine=engine) as opened:
        opened.load().qtok.save(tmp_path / "again.zarr")
        again = load_codes(tmp_path / "again.zarr")
        xr.testing.assert_identical(again, opened)
        assert {n: v.dtype for n, v in again.variables.items()} == {
            n: v.dtype for n, v in opened.variables.items()
        }


def test_lazy_codes_stay_in_the_store(codes, path):
    save_codes(codes, path)
    lazy = load_codes(path, lazy=True)
    for ds in (lazy, pickle.loads(pickle.dumps(CodeSequence(lazy))).dataset):
        assert not ds["codes"].variable._in_memory
        assert ds["instrument"].variable._in_memory
        chosen = ds.qtok.sel_clips(slice(1, 3))
        assert not chosen["codes"].variable._in_memory
        np.testing.assert_array_equal(chosen["codes"], codes["codes"][:, 3:9])
        np.testing.assert_array_equal(ds.qtok.clip(2), codes.qtok.clip(2))
        assert not ds["codes"].variable._in_memory
    lazy.close()


def test_lazy_sequences_survive_scikit_learn(codes, path):
    from sklearn.model_selection import train_test_split

    save_codes(codes, path)
    lazy = CodeSequence(load_codes(path, lazy=True))
    train, test = train_test_split(lazy, random_state=0)
    assert sum(clip.shape[1] for part in (train, test) for clip in part) == 15
    assert lazy == CodeSequence(codes)


def test_dask_arrays_are_saved_from_their_pieces(codes, path, assert_same):
    pytest.importorskip("dask")
    save_codes(codes.chunk({"frame": 4, "codebook": 3}), path)
    assert_same(load_codes(path), codes)


def test_stores_need_no_dask(codes, zarr_path):
    program = (
        "import sys; sys.modules['dask'] = None\n"
        "from qtokfeatures.labelled import load_codes\n"
        "ds = load_codes(sys.argv[1], lazy=True)\n"
        "print(ds.qtok.clip(2).shape, ds.qtok.sel_clips([0, 2]).qtok.save(sys.argv[2]).exists())"
    )
    save_codes(codes, zarr_path)
    result = subprocess.run(
        [sys.executable, "-c", program, zarr_path, zarr_path.with_suffix(".nc")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["(4,", "5)", "True"]


def test_zarr_is_chunked_along_frame(make_codes, zarr_path):
    save_codes(make_codes([20_000, 20_000]), zarr_path)
    with xr.open_dataset(zarr_path, engine="zarr", chunks={}) as opened:
        assert opened["codes"].chunks == ((4,), (16384, 16384, 7232))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.assign_attrs(done=True), "attribute 'done' of the Dataset is bool.*json"),
        (lambda ds: ds.assign_attrs(nothing=None), "attribute 'nothing' of the Dataset is None"),
        (lambda ds: ds.assign_attrs(tree={"a": 1}), "attribute 'tree' of the Dataset is dict"),
        (lambda ds: ds.assign_coords(x=("clip", [1j] * 5)), "variable 'x' is complex128"),
        (
            lambda ds: ds.assign_coords(x=("clip", np.array(["a", None, 1, 2, 3], object))),
            "variable 'x' holds objects that are not text: ds.qtok.with_labels",
        ),
        (lambda ds: ds.assign_coords(x=("clip", ["a\0b"] * 5)), "'x' holds a NUL"),
        (lambda ds: ds.assign_coords({"a/b": ("clip", range(5))}), "name must be text without '/'"),
    ],
)
def test_what_cannot_be_stored_is_named_and_nothing_is_written(codes, path, change, message):
    with pytest.raises(InputError, match=message):
        save_codes(change(codes), path)
    assert names(path.parent) == []


def test_other_suffixes_are_refused(codes, tmp_path):
    for use in (lambda p: save_codes(codes, p), load_codes, lambda p: append_codes(codes, p)):
        with pytest.raises(InputError, match=r"stored in .nc, .nc4, .zarr, got '.*codes.npz'"):
            use(tmp_path / "codes.npz")


def test_missing_damaged_and_foreign_stores(codes, path, tmp_path):
    with pytest.raises(InputError, match=f"{path.name} does not exist"):
        load_codes(path)
    (tmp_path / "bad.nc").write_bytes(b"not HDF5")
    with pytest.raises(InputError, match=r"bad.nc cannot be read as codes"):
        load_codes(tmp_path / "bad.nc")
    (tmp_path / "bad.zarr").mkdir()
    with pytest.raises(InputError, match=r"bad.zarr cannot be read as codes"):
        load_codes(tmp_path / "bad.zarr")
    xr.Dataset({"t": ("x", [1.0])}).to_netcdf(tmp_path / "weather.nc", engine="h5netcdf")
    with pytest.raises(SchemaError, match="expected a codes Dataset"):
        load_codes(tmp_path / "weather.nc")


def test_saving_again_replaces(codes, path, assert_same):
    save_codes(codes, path)
    fewer = codes.qtok.sel_clips([1])
    save_codes(fewer, path)
    assert_same(load_codes(path), fewer)
    with pytest.raises(InputError, match="exists: give another name, or overwrite=True"):
        save_codes(codes, path, overwrite=False)
    assert names(path.parent) == [path.name]


def test_lazy_codes_can_replace_their_own_store(codes, path, assert_same):
    save_codes(codes, path)
    save_codes(load_codes(path, lazy=True).qtok.sel_clips([2, 0]), path)
    assert_same(load_codes(path), codes.qtok.sel_clips([2, 0]))


def test_folders_that_are_no_stores_are_never_replaced(codes, tmp_path):
    for name in ("photos.zarr", "photos.nc"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cat.jpg").touch()
        with pytest.raises(InputError, match=r"not a Zarr store|is a folder"):
            save_codes(codes, tmp_path / name)
        assert (tmp_path / name / "cat.jpg").exists()


def test_missing_folders_are_made(codes, path, assert_same):
    deep = path.parent / "a" / "b" / path.name
    save_codes(codes, deep)
    assert_same(load_codes(deep), codes)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_interrupted_saving_leaves_the_old_codes_alone(
    codes, path, monkeypatch, failure, assert_same
):
    save_codes(codes, path)

    def stop(*args, **kwargs):
        raise failure

    monkeypatch.setattr(xr.Dataset, "dump_to_store", stop)
    monkeypatch.setattr(xr.Dataset, "to_zarr", stop)
    with pytest.raises(failure):
        save_codes(codes.qtok.sel_clips([0]), path)
    assert names(path.parent) == [path.name]
    assert_same(load_codes(path), codes)


@pytest.mark.parametrize("part", [slice(0, 2), []], ids=["two", "none"])
def test_appending_equals_saving_all(codes, path, part, assert_same):
    first = codes.qtok.sel_clips(part)
    rest = codes.qtok.sel_clips(slice(first.sizes["clip"], None))
    append_codes(first, path)
    append_codes(rest.qtok.sel_clips(0), path)
    append_codes(rest.qtok.sel_clips(slice(1, None)), path)
    assert_same(load_codes(path), codes)


def test_appending_odd_labels(codes, path, assert_same):
    ds = odd(codes)
    first, rest = ds.qtok.sel_clips(slice(0, 2)), ds.qtok.sel_clips(slice(2, None))
    save_codes(first, path)
    append_codes(rest, path)
    assert_same(load_codes(path), first.qtok.concat(rest))


def test_appending_across_chunks(make_codes, zarr_path, assert_same):
    ds = make_codes([10_000, 10_000, 30_000, 5])
    for clip in ds.qtok.clip_ids:
        append_codes(ds.qtok.sel_clips(clip), zarr_path)
    assert_same(load_codes(zarr_path), ds)


def test_appending_longer_text_is_not_cut(make_codes, path):
    append_codes(make_codes([1], sources=["a"], labels={"x": ["s"]}), path)
    append_codes(make_codes([2], sources=["b" * 90], labels={"x": ["long" * 50]}), path)
    assert load_codes(path)["x"].values.tolist() == ["s", "long" * 50]


def test_appending_without_a_label_fills_it(make_codes, path):
    append_codes(make_codes([1], clip_ids=["a"], labels={"x": ["s"], "f": [0.5]}), path)
    append_codes(make_codes([2], clip_ids=["b"]), path)
    there = load_codes(path)
    assert there["x"].values.tolist() == ["s", ""]
    np.testing.assert_array_equal(there["f"], [0.5, np.nan])


def test_ids_stored_already_are_refused_or_renamed(codes, path):
    save_codes(codes, path)
    with pytest.raises(InputError, match=r"clip 'clip0.wav' occurs more than once"):
        append_codes(codes, path)
    assert load_codes(path).qtok.n_clips == 5
    append_codes(codes, path, on_duplicate="rename")
    assert load_codes(path).qtok.clip_ids[5] == "clip0.wav#2"


def test_codes_of_another_codec_are_not_appended(codes, path, spec, assert_same):
    save_codes(codes, path)
    other = codes.assign_attrs(replace(spec, fingerprint="beef").to_attrs())
    with pytest.raises(CodecMismatchError, match=r"f00d.*beef"):
        append_codes(other, path)
    assert_same(load_codes(path), codes)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"n": [1], "new": ["x"]}, "label 'new' is not in the store"),
        ({"n": [1.5]}, "label 'n' is int64 in the store"),
        ({"n": ["text"]}, "label 'n' is numbers and text"),
    ],
)
def test_labels_that_the_store_cannot_take(make_codes, zarr_path, labels, message, assert_same):
    first = make_codes([2], clip_ids=["a"], labels={"n": [1]})
    save_codes(first, zarr_path)
    with pytest.raises(InputError, match=message):
        append_codes(make_codes([1], clip_ids=["b"], labels=labels), zarr_path)
    assert_same(load_codes(zarr_path), first)


def test_skipped_items_add_up_in_the_store(make_codes, path):
    item = {"index": 0, "source": "x", "error": "e"}
    append_codes(make_codes([1], clip_ids=["a"], skipped=[item]), path)
    append_codes(make_codes([1], clip_ids=["b"], skipped=[item]), path)
    there = load_codes(path)
    assert json.loads(there.attrs["skipped"]) == there.qtok.skipped == [item, item]


@pytest.mark.parametrize("n_written", [0, 7, 99])
def test_interrupted_append_is_invisible_and_undone(
    codes, zarr_path, monkeypatch, n_written, assert_same
):
    first, rest = codes.qtok.sel_clips(slice(0, 2)), codes.qtok.sel_clips(slice(2, None))
    save_codes(first, zarr_path)
    extend, calls = zarr_append._extend, []

    def fail_after(array, values, **where):
        calls.append(array)
        if len(calls) > n_written:
            raise KeyboardInterrupt
        extend(array, values, **where)

    monkeypatch.setattr(zarr_append, "_extend", fail_after)
    wrong = rest.copy(deep=True)
    wrong["codes"][:] = 31
    if n_written < len(codes.variables):
        with pytest.raises(KeyboardInterrupt):
            append_codes(wrong, zarr_path)
        assert_same(load_codes(zarr_path), first)
        monkeypatch.undo()
        append_codes(rest, zarr_path)
        assert_same(load_codes(zarr_path), codes)
    else:
        append_codes(rest, zarr_path)
        assert_same(load_codes(zarr_path), codes)


@pytest.mark.parametrize("kind", [{"n": [7]}, {"b": [True]}, {"n": [2**40], "x": ["s"]}])
def test_appending_without_a_stored_whole_number_fills_it(make_codes, path, kind):
    append_codes(make_codes([1], clip_ids=["a"], labels=kind), path)
    append_codes(make_codes([2], clip_ids=["b"]), path)
    append_codes(make_codes([3], clip_ids=["c"], labels=kind), path)
    there = load_codes(path)
    for name, (value,) in kind.items():
        missing = "" if value == "s" else np.nan
        assert there[name].values[[0, 2]].tolist() == [value, value]
        np.testing.assert_array_equal(there[name].values[1], missing)


def test_whole_numbers_that_float_does_not_hold_are_not_appended(make_codes, path):
    append_codes(make_codes([1], clip_ids=["a"], labels={"n": [0.5]}), path)
    with pytest.raises(InputError, match=r"label 'n' holds whole numbers beyond 2\^53"):
        append_codes(make_codes([2], clip_ids=["b"], labels={"n": [2**53 + 1]}), path)
    assert load_codes(path).qtok.n_clips == 1


@pytest.mark.parametrize("born", ["1567-05-15", "2300-01-01"])
def test_dates_that_nanoseconds_do_not_reach_are_refused(codes, path, born):
    try:
        dates = xr.Variable("clip", np.array([born] * 5, "datetime64[s]"))
    except (ValueError, UserWarning):
        pytest.skip("this xarray counts every date in nanoseconds, and refuses others itself")
    with pytest.raises(InputError, match=f"'born' holds the date {born}"):
        save_codes(codes.assign_coords(born=dates), path)


def test_one_long_text_does_not_widen_all(make_codes, path):
    texts = ["x" * 100_000, *["short"] * 999]
    ds = make_codes([1] * 1000, labels={"transcript": texts})
    assert ds.nbytes < 10**7
    save_codes(ds, path)
    there = load_codes(path)
    assert there.nbytes < 10**7
    assert there["transcript"].values.tolist() == texts
    assert there.identical(ds)
    both = there.qtok.sel_clips(slice(1, None)).qtok.concat(there.qtok.sel_clips([0]))
    assert both.nbytes < 10**7
    assert both["transcript"].values[-1] == texts[0]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_one_long_text_is_no_width_of_all_as_a_store_is_read(make_codes, tmp_path, suffix):
    ds = make_codes([1] * 1000).qtok.with_labels({"text": ["x" * 100_000] + ["short"] * 999})
    path = save_codes(ds, tmp_path / f"codes{suffix}")
    tracemalloc.start()
    try:
        loaded = load_codes(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6  # of 400 MB of padded text
    finally:
        tracemalloc.stop()
    assert loaded.identical(ds)
