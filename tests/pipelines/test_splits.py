"""Splits keep groups whole and leave every class in training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.exceptions import InputError
from qtokfeatures.pipelines import group_splits

# How many clips each group of each class has: two classes or more, two groups or more of each.
corpora = st.lists(st.lists(st.integers(1, 4), min_size=2, max_size=5), min_size=2, max_size=4)


def as_arrays(corpus: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    rows = [
        (f"class {c}", f"group {c}-{g}")
        for c, sizes in enumerate(corpus)
        for g, size in enumerate(sizes)
        for _ in range(size)
    ]
    y, groups = zip(*rows, strict=True)
    return np.array(y), np.array(groups)


@given(corpora, st.integers(2, 6), st.integers(0, 3))
def test_groups_stay_whole_and_each_clip_is_tested_once(corpus, n_splits, seed) -> None:
    y, groups = as_arrays(corpus)
    splits = group_splits(y, groups, n_splits=n_splits, seed=seed)
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(y)))
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == set(y)
        assert sorted([*train, *test]) == list(range(len(y)))
    assert 2 <= len(splits) <= min(n_splits, min(len(sizes) for sizes in corpus))


def test_speakers_who_speak_all_classes_stay_whole() -> None:
    speakers = np.repeat(["ann", "bob", "cid", "dan"], 6)
    splits = group_splits(np.tile(["glad", "sad"], 12), speakers)
    assert len(splits) == 4
    assert all(len(set(speakers[test])) == 1 for _, test in splits)


def test_without_groups_clips_are_groups() -> None:
    assert len(group_splits(["a"] * 3 + ["b"] * 4)) == 3


def test_the_same_seed_splits_alike() -> None:
    y, groups = as_arrays([[2, 3, 1, 2], [1, 1, 4]])
    one, again = (group_splits(y, groups, seed=3) for _ in range(2))
    assert [t.tolist() for _, t in one] == [t.tolist() for _, t in again]


@pytest.mark.parametrize(
    ("y", "groups", "match"),
    [
        (["a", "a"], [1, 2], "at least two classes, got 1 class"),
        (["a", "a", "b", "b"], [1, 2, 3, 3], "1 of 2 classes have one: b"),
        (["a", "a", "b"], None, "every class needs two clips"),
        (["a", "b"], [1, 2, 3], "for each of 2 clips"),
    ],
)
def test_what_cannot_be_split_is_refused(y, groups, match) -> None:
    with pytest.raises(InputError, match=match):
        group_splits(y, groups)


def test_a_lonely_class_can_be_split_by_clips_where_that_is_said() -> None:
    y, groups = np.array(["a"] * 4 + ["b"] * 3), np.array([1, 1, 2, 2, 3, 3, 3])
    for train, test in group_splits(y, groups, strict=False):
        assert set(y[train]) == {"a", "b"}
        assert not {1, 2} & set(groups[train]) & set(groups[test])


def test_classes_may_share_a_group_such_as_a_session() -> None:
    y = np.array(["drums"] * 11 + ["bass"] * 11 + ["guitar"] * 14)
    groups = np.array(["kit"] * 10 + ["session"] + ["fender"] * 10 + ["session"])
    groups = np.concatenate([groups, ["gibson"] * 10 + ["archtop"] * 3 + ["session"]])
    splits = group_splits(y, groups)
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == set(y)
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(y)))


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (["a", None, "b", "b"], "y has no value for clip 1"),
        ([1.0, 1.0, float("nan"), 2.0], "y has no value for clip 2"),
        ([0.5, 0.25, 0.75, 0.1], "classes of one type"),
        (np.array(["a", 1, "a", 1], dtype=object), "classes of one type"),
        ([["a"], ["a"], ["b"], ["b"]], r"one class per clip, got an array of shape \(4, 1\)"),
    ],
)
def test_labels_that_are_no_classes_are_refused(y, match) -> None:
    with pytest.raises(InputError, match=match):
        group_splits(y)


@pytest.mark.parametrize("n_splits", [1, 2.5, True])
def test_folds_are_a_whole_number(n_splits) -> None:
    with pytest.raises(InputError, match="n_splits must be a whole number of at least 2"):
        group_splits(["a", "a", "b", "b"], n_splits=n_splits)


@pytest.mark.parametrize(
    ("y", "groups", "match"),
    [
        (["a", "a", "b", "b"], [1, 2, 3, 3], "every class needs two groups"),
        # Two folds of three groups hold out both groups of some class.
        (["a", "a", "b", "b", "c", "c"], [1, 2, 2, 3, 3, 1], "too many classes share"),
    ],
)
def test_the_way_out_of_groups_is_named(y, groups, match) -> None:
    with pytest.raises(InputError, match=match) as caught:
        group_splits(y, groups)
    assert "groups=None (--group none)" in str(caught.value)
