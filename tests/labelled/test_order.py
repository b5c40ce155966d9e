"""Codes re-ordered by xarray's own methods keep each clip's frames, or are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from qtokfeatures.exceptions import InputError, SchemaError
from qtokfeatures.labelled import (
    CodecSpec,
    CodeSequence,
    as_code_sequence,
    build_codes,
    concat_codes,
    load_codes,
    save_codes,
)
from qtokfeatures.labelled.stored_form import to_stored
from qtokfeatures.labelled.stores import _write_zarr

GOLDEN = Path(__file__).parent / "golden"

SPEC = CodecSpec("toy", "r1", 24000, 12.5, 1920, 3, 100, "f00d", 8)


def numbered(counts):
    """Return codes whose value is the number of their clip, plus 10 for each codebook."""
    clips = [np.full((3, n), clip) + 10 * np.arange(3)[:, None] for clip, n in enumerate(counts)]
    ds = build_codes(
        clips,
        spec=SPEC,
        n_samples=[1920 * n for n in counts],
        sample_rates=[24000] * len(counts),
        sources=[f"{clip}.wav" for clip in range(len(counts))],
        labels={"score": [(7 * clip) % 5 for clip in range(len(counts))]},
    )
    # Frames of a clip differ as well: bit 6 is set in every other one.
    odd = (ds["time"].values * 12.5).round().astype(np.int16) % 2
    ds["codes"] += 64 * odd
    return ds


@pytest.fixture
def ds():
    return numbered([3, 1, 5, 2, 4])


REORDERED = {
    "sortby a label": lambda ds: ds.sortby("score"),
    "sortby duration": lambda ds: ds.sortby("duration", ascending=False),
    "isel in another order": lambda ds: ds.isel(clip=[4, 3, 2, 1, 0]),
    "isel of some": lambda ds: ds.isel(clip=[1, 3]),
    "sel of ids": lambda ds: ds.sel(clip=["4.wav", "1.wav", "0.wav", "3.wav", "2.wav"]),
    "reindex": lambda ds: ds.reindex(clip=ds["clip"].values[::-1]),
    "roll of frames": lambda ds: ds.roll(frame=2),
    "roll with coordinates": lambda ds: ds.roll(frame=2, roll_coords=True),
    "roll of clips": lambda ds: ds.roll(clip=1),
    "shift of frames": lambda ds: ds.shift(frame=1, fill_value=0),
    "frames backwards": lambda ds: ds.isel(frame=slice(None, None, -1)),
    "frames sorted by time": lambda ds: ds.sortby("time"),
    "frames of two clips exchanged": lambda ds: ds.isel(frame=[3, 1, 2, 0, *range(4, 15)]),
    "frames cut": lambda ds: ds.isel(frame=slice(0, 14)),
    "codebooks backwards": lambda ds: ds.isel(codebook=slice(None, None, -1)),
    "later codebooks": lambda ds: ds.isel(codebook=slice(1, None)),
    "concatenated by xarray": lambda ds: xr.concat([ds, ds], "clip", data_vars="all"),
}


@pytest.mark.parametrize("change", REORDERED.values(), ids=REORDERED)
@pytest.mark.parametrize(
    "use",
    [
        CodeSequence,
        as_code_sequence,
        lambda ds: ds.qtok.clip(0),
        lambda ds: ds.qtok.decode(None),
        lambda ds: save_codes(ds, "never.zarr"),
        lambda ds: concat_codes([ds]),
    ],
    ids=["sequence", "estimators", "clip", "decode", "save", "concat"],
)
def test_reordered_codes_are_refused(ds, change, use):
    with pytest.raises(SchemaError, match=r"sel_clips|first on|dimensions"):
        use(change(ds))


def test_the_error_says_how_to_order(ds):
    with pytest.raises(SchemaError, match=r"ds.qtok.sel_clips\(ds\['duration'\].argsort\(\)\)"):
        CodeSequence(ds.sortby("duration"))
    ordered = ds.qtok.sel_clips(ds["duration"].argsort())
    assert ordered["duration"].values.tolist() == sorted(ds["duration"].values)
    assert [int(codes[0, 0]) % 64 for codes in CodeSequence(ordered)] == [1, 3, 0, 4, 2]


@pytest.mark.parametrize("equal", [2, 1])
def test_clips_of_equal_length_are_refused_as_well(equal):
    with pytest.raises(SchemaError, match="clip_number"):
        numbered([equal] * 4).isel(clip=[1, 0, 2, 3]).qtok.n_clips  # noqa: B018


def test_harmless_changes_are_allowed(ds):
    for same in (
        ds.copy(deep=True),
        ds.sortby("clip_number"),
        ds.isel(clip=slice(None)),
        ds.isel(codebook=slice(2)),
        ds.assign_coords(clip=list("abcde")),
        ds.drop_vars("score"),
    ):
        assert [int(codes[0, 0]) % 64 for codes in CodeSequence(same)] == [0, 1, 2, 3, 4]


def test_codes_in_dask_arrays_are_checked(ds):
    pytest.importorskip("dask")
    assert [int(codes[0, 0]) % 64 for codes in CodeSequence(ds.chunk())] == [0, 1, 2, 3, 4]
    with pytest.raises(SchemaError, match="'frame_number' disagrees"):
        CodeSequence(ds.chunk().roll(frame=1))


def test_a_frame_check_once_does_not_hide_later_changes(ds):
    assert ds.qtok.n_clips == 5
    ds["clip_index"] = ds["clip_index"][::-1].variable
    with pytest.raises(SchemaError, match="'clip_index' disagrees"):
        ds.qtok.clip(0)


LENGTHS = st.lists(st.integers(1, 4), min_size=1, max_size=4)
OPERATIONS = st.sampled_from(
    [
        "sortby",
        "isel",
        "sel",
        "reindex",
        "roll",
        "shift",
        "frames",
        "cut",
        "drop",
        "codebooks",
        "sel_clips",
        "concat",
        "xarray concat",
        "label",
    ]
)


def changed(ds, operation, draw):
    """Apply an operation of xarray or of the accessor with parameters drawn at random."""
    n_clips, n_frames = ds.sizes["clip"], ds.sizes["frame"]
    clips = draw(st.lists(st.integers(0, max(n_clips - 1, 0)), max_size=5)) if n_clips else []
    ids = ds["clip"].values[clips] if "clip" in ds.coords else []
    changes = {
        "sortby": lambda: ds.sortby(draw(st.sampled_from(["score", "duration", "clip", "time"]))),
        "isel": lambda: ds.isel(clip=clips),
        "sel": lambda: ds.sel(clip=ids),
        "reindex": lambda: ds.reindex(clip=list(dict.fromkeys(ids))),
        "roll": lambda: ds.roll(
            {draw(st.sampled_from(["clip", "frame"])): draw(st.integers(-3, 3))},
            roll_coords=draw(st.booleans()),
        ),
        # One frame filled with 0 is like one frame of number 0.
        "shift": lambda: ds.shift(frame=draw(st.integers(-2, 2)) * (n_frames > 1), fill_value=0),
        "frames": lambda: ds.isel(frame=draw(st.permutations(range(n_frames)))),
        "cut": lambda: ds.isel(frame=slice(draw(st.integers(0, 2)), draw(st.integers(0, 20)))),
        "drop": lambda: ds.drop_vars(draw(st.sampled_from(sorted(map(str, ds.variables))))),
        "codebooks": lambda: ds.isel(codebook=draw(st.permutations(range(ds.sizes["codebook"])))),
        "sel_clips": lambda: ds.qtok.sel_clips(clips),
        "concat": lambda: ds.qtok.concat(ds),
        "xarray concat": lambda: xr.concat(
            [ds, ds], draw(st.sampled_from(["clip", "frame"])), data_vars="all"
        ),
        "label": lambda: ds.assign_coords(score=("clip", np.arange(n_clips)[::-1])),
    }
    return changes[operation]()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4), st.lists(OPERATIONS, max_size=4), st.data()
)
def test_every_use_gives_each_clip_its_own_codes_or_refuses(counts, operations, data):
    ds = numbered(counts)
    for operation in operations:
        try:
            ds = changed(ds, operation, data.draw)
        except InputError:
            return
        except Exception:  # noqa: BLE001 - xarray's own refusals are of many kinds
            assert operation not in ("sel_clips", "concat")
            return
    try:
        sequence = CodeSequence(ds)
    except SchemaError:
        return
    for clip, source, codes in zip(ds["clip"].values, ds["source"].values, sequence, strict=True):
        number = int(str(source).removesuffix(".wav"))
        assert str(clip).startswith(f"{number}.wav")
        assert codes.shape[1] == counts[number]
        expected = number + 10 * np.arange(codes.shape[0])[:, None]
        expected = expected + 64 * (np.arange(counts[number]) % 2)
        np.testing.assert_array_equal(codes, expected)


def test_codes_of_version_1_are_read():
    ds = load_codes(GOLDEN / "version1.nc")
    assert ds.attrs["schema_version"] == 2
    assert ds["clip_number"].values.tolist() == [0, 1, 2]
    assert ds["codebook"].values.tolist() == [0, 1, 2, 3]
    for clip, n in enumerate((3, 1, 5)):
        expected = (np.arange(4 * n).reshape(4, n) + 7 * n) % 32
        np.testing.assert_array_equal(ds.qtok.clip(clip), expected)
    assert ds["instrument"].values.tolist() == ["flute", "", "oboe"]
    assert np.isnat(ds["recorded"].values).tolist() == [False, True, False]


def test_a_zarr_store_of_version_1_is_read_and_extended(ds, tmp_path):
    old = ds.drop_vars(["clip_number", "frame_number", "codebook"])
    path = tmp_path / "old.zarr"
    _write_zarr(to_stored(old.assign_attrs(schema_version=1)), path)
    assert load_codes(path).identical(ds)
    assert load_codes(path, lazy=True).load().identical(ds)
    from qtokfeatures.labelled import append_codes

    append_codes(ds.assign_coords(clip=list("abcde")), path)
    there = load_codes(path)
    assert there.qtok.n_clips == 10
    np.testing.assert_array_equal(there.qtok.clip("c"), ds.qtok.clip(2))


def test_plain_xarray_does_not_read_version_1():
    opened = xr.open_dataset(GOLDEN / "version1.nc", engine="h5netcdf")
    with pytest.raises(SchemaError, match=r"version 1 of the schema: load_codes\(...\) reads"):
        opened.qtok.validate()
