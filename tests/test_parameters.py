"""Checks of parameter values."""

from __future__ import annotations

import numpy as np
import pytest

from qtokfeatures.exceptions import InputError, InputTypeError
from qtokfeatures.parameters import flag, number, one_of, optional, share, whole

WAYS = ("mean", "sum", None)


@pytest.mark.parametrize("value", [3, np.int16(3), np.uint64(3)])
def test_whole_numbers_become_ints(value):
    assert whole("bins", value, at_least=1) == 3
    assert type(whole("bins", value)) is int


@pytest.mark.parametrize("value", [0.25, np.float32(0.25)])
def test_numbers_become_floats(value):
    assert number("lr", value, above=0) == 0.25
    assert type(number("lr", value)) is float
    assert number("lr", np.int64(2)) == 2.0


@pytest.mark.parametrize(
    ("check", "value", "limits", "expected"),
    [
        (whole, 0, {"at_least": 1}, "a whole number of at least 1, got 0"),
        (whole, 10**400, {"at_most": 9}, f"a whole number of at most 9, got 1{'0' * 99}"),
        (whole, 2.0, {}, "a whole number, got 2.0"),
        (whole, True, {"at_least": 1}, "a whole number of at least 1, got True"),
        (whole, 17, {"at_least": 1, "at_most": 9}, "a whole number from 1 to 9, got 17"),
        (whole, "3", {"at_most": 9}, "a whole number of at most 9, got '3'"),
        (whole, -1, {"unit": "Hz", "at_least": 9}, "a whole number of Hz of at least 9, got -1"),
        (number, 0, {"above": 0, "unit": "seconds"}, "a number of seconds above 0, got 0"),
        (number, float("nan"), {}, "a number, got nan"),
        (number, float("inf"), {"above": 0}, "a number above 0, got inf"),
        (number, 10**400, {}, f"a number, got 1{'0' * 99}"),
        (number, False, {}, "a number, got False"),
        (number, np.bool_(True), {}, "a number, got np.True_"),
        (number, None, {}, "a number, got None"),
        (number, np.ones(2), {}, "a number, got array([1., 1.])"),
        (share, 1.5, {}, "a share from 0 to 1, got 1.5"),
        (share, 1, {"below": 1}, "a share of at least 0 and below 1, got 1"),
        (share, 0, {"above": 0, "at_most": 0.5}, "a share above 0 and of at most 0.5, got 0"),
        (flag, 1, {}, "True or False, got 1"),
    ],
)
def test_messages(check, value, limits, expected):
    with pytest.raises(InputError) as caught:
        check("x", value, **limits)
    assert str(caught.value) == f"x must be {expected}".replace("np.True_", repr(np.bool_(True)))


def test_wrong_types_are_type_errors_and_wrong_values_are_not():
    with pytest.raises(TypeError):
        whole("x", "1")
    with pytest.raises(InputError) as caught:
        whole("x", 0, at_least=1)
    assert not isinstance(caught.value, InputTypeError)


def test_infinity_where_it_is_meant():
    assert number("batch_s", float("inf"), above=0, finite=False) == float("inf")
    with pytest.raises(InputError, match="got nan"):
        number("batch_s", float("nan"), finite=False)


@pytest.mark.parametrize("value", [np.str_("sum"), "sum"])
def test_one_of_returns_the_allowed_value(value):
    assert type(one_of("combine", value, WAYS)) is str
    assert one_of("combine", None, WAYS) is None


@pytest.mark.parametrize("value", ["max", 1, np.array(["mean", "sum"]), ["mean"]])
def test_one_of_refuses_other_values(value):
    with pytest.raises(InputError, match="combine must be 'mean', 'sum' or None, got "):
        one_of("combine", value, WAYS)


def test_one_of_tells_one_from_true():
    with pytest.raises(InputError, match="deltas must be 0 or 1, got True"):
        one_of("deltas", True, (0, 1))
    with pytest.raises(InputError, match="cache must be 'memory', got 1"):
        one_of("cache", 1, ["memory"])


@pytest.mark.parametrize("value", [True, np.bool_(True)])
def test_flags_become_bools(value):
    assert flag("sparse_output", value) is True


def test_optional_allows_none():
    assert optional(whole, "bins", None, at_least=1) is None
    assert optional(whole, "bins", 2, at_least=1) == 2
    assert optional(one_of, "reduce", "pca", ("pca", "umap")) == "pca"
    with pytest.raises(
        InputError, match=r"^bins must be None or a whole number of at least 1, got"
    ):
        optional(whole, "bins", 0, at_least=1)
    assert optional(share, "contamination", "auto", also="auto") == "auto"
    with pytest.raises(InputError, match="must be 'auto' or a share from 0 to 1, got None"):
        optional(share, "contamination", None, also="auto")
    with pytest.raises(InputTypeError, match="None or a whole number"):
        optional(whole, "bins", 0.5)


def test_long_values_are_cut():
    with pytest.raises(InputError) as caught:
        whole("bins", "9" * 5000)
    assert len(str(caught.value)) < 200
