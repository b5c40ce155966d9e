from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qtokfeatures.exceptions import CodecMismatchError, InputError
from qtokfeatures.labelled import CodeSequence, concat_codes


def test_parts_make_the_whole_again(codes, assert_same):
    parts = [codes.qtok.sel_clips(part) for part in (slice(0, 2), [2], [], slice(3, None))]
    assert_same(concat_codes(parts), codes)
    assert_same(parts[0].qtok.concat(*parts[1:]), codes)


def test_sequences_and_generators_are_fine(codes, assert_same):
    parts = (CodeSequence(codes)[part] for part in (slice(0, 2), slice(2, None)))
    assert_same(concat_codes(parts), codes)


def test_one_dataset(codes, assert_same):
    assert_same(concat_codes([codes]), codes)


def test_other_fingerprint_is_refused_whatever_the_ids(codes, spec):
    other = codes.assign_attrs(replace(spec, name="big", fingerprint="beef").to_attrs())
    with pytest.raises(CodecMismatchError, match=r"toy.*f00d.*big.*beef"):
        codes.qtok.concat(other)


def test_repeated_ids_are_renamed_or_refused(codes):
    twice = codes.qtok.concat(codes)
    twice.qtok.validate()
    assert twice.qtok.clip_ids[5] == "clip0.wav#2"
    with pytest.raises(InputError, match=r"clip 'clip0.wav' occurs more than once"):
        codes.qtok.concat(codes, on_duplicate="raise")
    with pytest.raises(InputError, match="'rename' or 'raise', got 'drop'"):
        codes.qtok.concat(codes, on_duplicate="drop")


def test_labels_that_only_one_side_has(make_codes):
    one = make_codes([1, 2], labels={"a": ["x", "y"], "n": [1, 2]})
    other = make_codes([3], labels={"b": [True], "d": np.array(["2020-01-01"], "M8[ns]")})
    both = one.qtok.concat(other)
    assert both["a"].values.tolist() == ["x", "y", ""]
    np.testing.assert_array_equal(both["n"], [1, 2, np.nan])
    np.testing.assert_array_equal(both["b"], [np.nan, np.nan, 1])
    assert np.isnat(both["d"].values).tolist() == [True, True, False]
    assert set(both.coords) >= {"a", "n", "b", "d"}


def test_label_without_a_value_takes_the_kind_of_the_others(make_codes):
    one = make_codes([1], labels={"a": [None]})
    other = make_codes([2], labels={"a": ["x"]})
    assert one.qtok.concat(other)["a"].values.tolist() == ["", "x"]


def test_label_of_two_kinds_is_refused(make_codes):
    one, other = make_codes([1], labels={"a": [1]}), make_codes([2], labels={"a": ["1"]})
    with pytest.raises(InputError, match="label 'a' is numbers and text in different Datasets"):
        one.qtok.concat(other)


def test_numbers_of_codebooks_must_agree(codes):
    with pytest.raises(InputError, match=r"have \[4, 2\] codebooks.*isel\(codebook=slice\(2\)\)"):
        codes.qtok.concat(codes.isel(codebook=slice(2)))


def test_extra_variables(codes):
    more = codes.assign(energy=("frame", np.arange(15.0)), grid=("g", [1, 2]))
    twice = more.qtok.concat(more)
    assert twice["energy"].values.tolist() == [*range(15), *range(15)]
    assert twice["grid"].values.tolist() == [1, 2]
    with pytest.raises(InputError, match="variable 'energy' must have the same dimensions in all"):
        more.qtok.concat(codes)
    with pytest.raises(InputError, match="variable 'grid' differs"):
        more.qtok.concat(more.assign(grid=("g", [1, 3])))


def test_skipped_items_add_up_and_other_attributes_must_agree(make_codes):
    one = make_codes([1], skipped=[{"index": 0, "source": "x", "error": "e"}])
    other = make_codes([2], skipped=[{"index": 4, "source": "y", "error": "e"}])
    one, other = one.assign_attrs(a="same", b=1), other.assign_attrs(a="same", b=2, _versions="{}")
    both = one.qtok.concat(other)
    assert [item["source"] for item in both.qtok.skipped] == ["x", "y"]
    assert both.attrs["a"] == "same"
    assert "b" not in both.attrs
    assert both.attrs["_versions"] == one.attrs["_versions"]


def test_nothing_to_concatenate(codes):
    with pytest.raises(InputError, match="at least one Dataset"):
        concat_codes([])
    with pytest.raises(InputError, match="a list of Datasets"):
        concat_codes(codes)


@pytest.mark.parametrize("other", [[0.5], None])
def test_whole_numbers_that_float_does_not_hold_are_refused(make_codes, other):
    one = make_codes([1], labels={"n": [2**53 + 1]})
    two = make_codes([1], labels={} if other is None else {"n": other})
    with pytest.raises(InputError, match=r"label 'n' holds whole numbers beyond 2\^53"):
        one.qtok.concat(two)
    same = make_codes([1], labels={"n": [2**60]})
    assert one.qtok.concat(same)["n"].values.tolist() == [2**53 + 1, 2**60]
