from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from qtokfeatures.exceptions import CodesError, InputError, SchemaError
from qtokfeatures.labelled import CodeSequence, MemoryCache, as_code_sequence, schema


def _without_attr(ds, name):
    ds = ds.copy()
    ds.attrs = {key: value for key, value in ds.attrs.items() if key != name}
    return ds


@pytest.mark.parametrize("name", sorted(schema.DIMS))
def test_missing_variable_is_named(codes, name):
    with pytest.raises(SchemaError, match=f"variable '{name}' is missing: expected"):
        schema.check_codes(codes.drop_vars(name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.isel(clip=[0, 1]), r"adds up to 4 frames.*has 15.*sel_clips"),
        (lambda ds: ds.isel(frame=slice(3)), "adds up to 15 frames"),
        (lambda ds: ds.transpose(), r"'codes' has dimensions \(frame, codebook\)"),
        (lambda ds: ds.assign(codes=ds["codes"].astype("int32")), "is int32: expected int16"),
        (lambda ds: ds.assign(frame_count=ds["frame_count"] * 1.0), "'frame_count' is float64"),
        (lambda ds: ds.assign(frame_count=ds["frame_count"].astype("u8")), "is uint64: expected"),
        (lambda ds: ds.assign(frame_count=ds["frame_count"] * 0), "is 0: expected at least 1"),
        (lambda ds: ds.assign_coords(clip=range(5)), "'clip' is int64: expected str"),
        (lambda ds: ds.isel(clip=0), r"has dimensions \(\)"),
        (lambda ds: ds.assign_attrs(schema_version=3), "is 3, this qtokfeatures reads up to 2"),
        (lambda ds: ds.assign_attrs(schema_version=1), "version 1 of the schema: load_codes"),
        (lambda ds: ds.assign_attrs(n_codebooks=3), "has 4 codebooks: expected 1 to 3"),
        (lambda ds: _without_attr(ds, "schema_version"), "'schema_version' is missing"),
        (lambda ds: _without_attr(ds, "codec_name"), "'codec_name' is missing"),
        (lambda ds: xr.Dataset(), "expected a codes Dataset"),
        (lambda ds: ds["codes"], "expected an xarray.Dataset of codes, got DataArray"),
    ],
)
def test_what_is_wrong_is_said(codes, change, message):
    with pytest.raises(SchemaError, match=message):
        schema.check_codes(change(codes))


@pytest.mark.parametrize(
    "use",
    [
        lambda ds, whole: ds.qtok.spec,
        lambda ds, whole: ds.qtok.n_clips,
        lambda ds, whole: len(ds.qtok),
        lambda ds, whole: ds.qtok.clip_ids,
        lambda ds, whole: ds.qtok.labels,
        lambda ds, whole: ds.qtok.skipped,
        lambda ds, whole: ds.qtok.validate(),
        lambda ds, whole: ds.qtok.sequence(),
        lambda ds, whole: ds.qtok.sel_clips(0),
        lambda ds, whole: ds.qtok.clip(0),
        lambda ds, whole: ds.qtok.frame_slices(),
        lambda ds, whole: ds.qtok.padded(),
        lambda ds, whole: ds.qtok.counts(),
        lambda ds, whole: ds.qtok.concat(whole),
        lambda ds, whole: whole.qtok.concat(ds),
        lambda ds, whole: ds.qtok.with_labels({}),
        lambda ds, whole: ds.qtok.save("never.nc"),
        lambda ds, whole: ds.qtok.decode(None),
        lambda ds, whole: CodeSequence(ds),
    ],
)
def test_every_use_checks_the_frame_counts(codes, use):
    with pytest.raises(SchemaError, match="leave frames behind"):
        use(codes.isel(clip=[0]), codes)


def test_changes_after_the_first_use_are_noticed(codes):
    accessor = codes.qtok
    assert accessor.n_clips == 5
    codes["frame_count"][0] = 9
    with pytest.raises(SchemaError, match="adds up to 21"):
        accessor.clip(0)


def test_prefix_of_codebooks_is_valid(codes):
    schema.validate_codes(codes.isel(codebook=slice(1)))


def test_complete_check_names_a_bad_code(codes):
    schema.validate_codes(codes)
    codes["codes"][1, 4] = 32
    with pytest.raises(CodesError, match=r"clip 'clip2.wav': code 32 in codebook 1, frame 0"):
        codes.qtok.validate()


@pytest.mark.parametrize("code", [-1, 32, 2048])
def test_every_use_refuses_codes_that_the_codec_lacks(codes, code):
    codes["codes"][1, 4] = code
    for use in (CodeSequence, lambda ds: ds.qtok.counts(), lambda ds: ds.qtok.clip(0)):
        with pytest.raises(CodesError, match=f"clip 'clip2.wav': code {code} in codebook 1"):
            use(codes.copy())


def test_complete_check_names_a_repeated_id(codes):
    with pytest.raises(SchemaError, match="'clip' must hold unique ids, 'a' occurs 5 times"):
        schema.validate_codes(codes.assign_coords(clip=["a"] * 5))


def test_repeated_ids_choose_no_clip(codes):
    twice = codes.assign_coords(clip=["a", "b", "a", "c", "d"])
    with pytest.raises(SchemaError, match="'a' occurs 2 times"):
        twice.qtok.clip("b")
    assert twice.qtok.clip(1).shape == (4, 1)


def test_skipped_items_must_be_json(codes):
    with pytest.raises(SchemaError, match="'skipped' must be a JSON list of objects, got 'none'"):
        codes.assign_attrs(skipped="none").qtok.skipped  # noqa: B018


def test_complete_check_compares_clip_index(codes):
    with pytest.raises(SchemaError, match="'clip_index' disagrees"):
        schema.validate_codes(codes.assign_coords(clip_index=codes["clip_index"] + 1))


def test_labels_are_everything_else_per_clip(codes):
    names = ["instrument", "year", "pitch", "live", "recorded", "size (cm)"]
    assert schema.label_names(codes) == names
    more = codes.assign(extra=("clip", np.arange(5)), other=("frame", np.arange(15)))
    assert sorted(schema.label_names(more)) == sorted([*names, "extra"])


def test_other_things_are_no_codes():
    with pytest.raises(InputError, match=r"got MemoryCache: codec.encode_many.*build_codes"):
        as_code_sequence(MemoryCache())
