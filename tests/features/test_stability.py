"""Change probability, weights and surprise of tokens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qtokfeatures.exceptions import InputError
from qtokfeatures.features.counts import (
    change_probability,
    count_tokens,
    join_ngrams,
    join_weights,
    mean_surprise,
    token_bits,
    weight_counts,
)

TOKENS = arrays(np.int64, st.integers(1, 20), elements=st.integers(0, 4))


def test_share_of_versions_that_differ() -> None:
    codes = np.array([[1, 2, 3]])
    changed = [[[1, 2, 4]], [[1, 0, 5]], [[1, 2, 3]], [[1, 9, 6]]]
    assert change_probability(codes, changed).tolist() == [[0.0, 0.5, 0.75]]


@pytest.mark.parametrize("changed", [[], [[[1, 2]]]])
def test_versions_of_another_shape(changed: list) -> None:
    with pytest.raises(InputError, match=r"each of shape \(1, 3\)"):
        change_probability([[1, 2, 3]], changed)


@given(TOKENS)
def test_weights_of_one_count_as_without(tokens: np.ndarray) -> None:
    plain = count_tokens(tokens, [len(tokens)], n_tokens=5)
    weighted = count_tokens(tokens, [len(tokens)], n_tokens=5, weights=np.ones(len(tokens)))
    np.testing.assert_array_equal(plain.dense(), weighted.dense())
    np.testing.assert_array_equal(plain.totals, weighted.totals)


@given(TOKENS, st.integers(0, 99))
def test_weighted_shares_add_up_to_one(tokens: np.ndarray, seed: int) -> None:
    weights = np.random.default_rng(seed).uniform(0.01, 1, len(tokens))
    counts = count_tokens(tokens, [len(tokens)], n_tokens=5, weights=weights)
    shares = weight_counts(counts.dense(), counts.totals[:, None], "relative")
    assert shares.sum() == pytest.approx(1, abs=1e-5)


def test_tokens_that_always_change_count_nothing() -> None:
    counts = count_tokens([0, 1, 1], [1, 2], n_tokens=2, weights=[0, 0.25, 0.5])
    assert counts.dense().tolist() == [[0, 0], [0, 0.75]]
    shares = weight_counts(counts.dense(), counts.totals[:, None], "relative")
    assert shares.tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("weights", [[1.0], [1.0, -0.5], [1.0, np.nan]])
def test_impossible_weights(weights: list[float]) -> None:
    with pytest.raises(InputError, match="weights must be 2 numbers of 0 or more"):
        count_tokens([0, 1], [2], n_tokens=2, weights=weights)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 3))
def test_runs_and_their_weights_line_up(frame_count: list[int], ngram: int) -> None:
    n_frames = sum(frame_count)
    runs, _ = join_ngrams(np.zeros(n_frames, int), frame_count, n_tokens=3, ngram=ngram)
    weights = join_weights(np.full(n_frames, 0.5), frame_count, ngram=ngram)
    np.testing.assert_allclose(weights, np.full(len(runs), 0.5**ngram))


def test_the_usual_surprises_less_than_the_unusual() -> None:
    bits = token_bits([[97, 1, 0, 0]])
    np.testing.assert_allclose((2.0**-bits).sum(), 1, rtol=1e-6)
    assert mean_surprise([[0, 0]], bits) < mean_surprise([[0, 1]], bits)
    assert mean_surprise([[0, 1]], bits) < mean_surprise([[2, 3]], bits)


def test_surprise_needs_the_codebooks_of_its_reference() -> None:
    with pytest.raises(InputError, match="at least 2 codebooks"):
        mean_surprise([[0, 1]], np.zeros((2, 4)))
