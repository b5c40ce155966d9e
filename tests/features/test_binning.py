from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtokfeatures.exceptions import InputError
from qtokfeatures.features import merge_codes


def blobs(n_blobs: int, size: int, dim: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    blob = rng.permutation(np.repeat(np.arange(n_blobs), size))
    return 50 * rng.normal(size=(n_blobs, dim))[blob] + rng.normal(size=(len(blob), dim)), blob


def test_separate_blobs_get_separate_bins() -> None:
    vectors, blob = blobs(6, 40)
    bins = merge_codes(vectors, 6)
    assert len(set(zip(bins.tolist(), blob.tolist(), strict=True))) == 6


def test_the_same_seed_gives_the_same_bins() -> None:
    vectors = np.random.default_rng(0).normal(size=(300, 8))
    np.testing.assert_array_equal(merge_codes(vectors, 20), merge_codes(vectors, 20))


def test_the_bins_do_not_depend_on_an_offset_of_all_vectors() -> None:
    vectors, _ = blobs(6, 40)
    np.testing.assert_array_equal(merge_codes(vectors, 6), merge_codes(vectors + 3.0, 6))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 2**31))
def test_every_bin_is_used_and_numbered_as_met(bins: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(60, 3))
    labels = merge_codes(vectors, bins)
    assert sorted(set(labels.tolist())) == list(range(bins))
    assert list(dict.fromkeys(labels.tolist())) == list(range(bins))


def test_as_many_bins_as_codes_keeps_all_codes() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 4))
    assert merge_codes(vectors, 50).tolist() == list(range(50))


def test_equal_vectors_share_a_bin_even_with_bins_to_spare() -> None:
    assert merge_codes([[1.0], [2.0], [1.0], [2.0]], 3).tolist() == [0, 1, 0, 1]


def test_k_means_is_close_to_scikit_learns() -> None:
    from sklearn.cluster import KMeans

    vectors = np.random.default_rng(1).normal(size=(400, 6))
    labels = merge_codes(vectors, 12)
    centres = np.stack([vectors[labels == bin_].mean(axis=0) for bin_ in range(12)])
    inertia = ((vectors - centres[labels]) ** 2).sum()
    assert inertia < 1.05 * KMeans(12, n_init=5, random_state=0).fit(vectors).inertia_


@pytest.mark.parametrize("bins", [0, 9])
def test_bins_out_of_range_are_refused(bins: int) -> None:
    with pytest.raises(InputError, match=f"from 1 to 8, the number of codes, got {bins}"):
        merge_codes(np.zeros((8, 2)), bins)


def test_vectors_that_are_no_finite_table_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(code, dim\)"):
        merge_codes([1.0, 2.0], 1)
    with pytest.raises(InputError, match="finite"):
        merge_codes([[np.nan], [1.0]], 1)
