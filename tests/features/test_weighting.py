from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qtokfeatures.exceptions import InputError
from qtokfeatures.features import WEIGHTINGS, weight_counts

counts_of_clips = arrays(np.int64, (3, 5), elements=st.integers(0, 1000))


@given(counts_of_clips)
def test_shares_sum_to_one_or_to_nothing(counts: np.ndarray) -> None:
    totals = counts.sum(axis=1, keepdims=True)
    sums = weight_counts(counts, totals, "relative").sum(axis=1)
    np.testing.assert_allclose(sums, (totals[:, 0] > 0).astype(float), atol=1e-6)


@given(counts_of_clips)
def test_hellinger_distance(counts: np.ndarray) -> None:
    counts += 1
    totals = counts.sum(axis=1, keepdims=True)
    rows = weight_counts(counts, totals, "hellinger").astype(float)
    share = counts / totals
    affinity = np.sqrt(share[0] * share[1]).sum()
    assert ((rows[0] - rows[1]) ** 2).sum() / 2 == pytest.approx(1 - affinity, abs=1e-6)


def test_counts_stay_counts() -> None:
    assert weight_counts([[2, 0, 5]], [[7]], "count").tolist() == [[2.0, 0.0, 5.0]]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_every_weighting_is_float32_and_leaves_its_input(weighting: str) -> None:
    counts = np.array([[1, 0], [0, 0]])
    weighted = weight_counts(counts, [[1], [0]], weighting)
    assert weighted.dtype == np.float32
    assert np.isfinite(weighted).all()
    assert counts.tolist() == [[1, 0], [0, 0]]


def test_an_unknown_weighting_is_refused() -> None:
    with pytest.raises(InputError, match="count, relative, hellinger; got 'tf'"):
        weight_counts([[1]], [[1]], "tf")
