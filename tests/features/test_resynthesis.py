"""Runs of frames: they stay in their segments, and the choice among them is the cheap one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.exceptions import InputError
from qtokfeatures.features.resynthesis import choose_runs, replacing_runs, run_starts

LENGTHS = st.lists(st.integers(1, 8), min_size=1, max_size=6)


def segment_of(lengths: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(lengths)), lengths)


@given(LENGTHS, st.integers(1, 4), st.integers(1, 3))
def test_no_run_leaves_its_segment(lengths: list[int], run_length: int, step: int) -> None:
    segment = segment_of(lengths)
    starts = run_starts(lengths, run_length, step=step)
    assert all(len(set(segment[start : start + run_length])) == 1 for start in starts)
    if step == 1:
        assert len(starts) == sum(max(0, length - run_length + 1) for length in lengths)


@given(LENGTHS, st.integers(1, 12), st.integers(0, 9))
def test_a_chosen_sequence_is_made_of_runs(lengths: list[int], n_frames: int, seed: int) -> None:
    run_length = max(lengths)
    values = np.random.default_rng(seed).normal(size=sum(lengths))
    chosen = choose_runs(
        lengths,
        lambda sequences: abs(values[sequences].mean(axis=1)),
        n_frames=n_frames,
        run_length=run_length,
    )
    assert len(chosen) == n_frames
    for first in range(0, n_frames, run_length):
        run = chosen[first : first + run_length]
        np.testing.assert_array_equal(np.diff(run), 1)
        assert len(set(segment_of(lengths)[run])) == 1


def test_reconsidering_mends_what_greed_spoilt() -> None:
    values = np.array([4.0, 5.0, 9.0])
    # Greedy takes 5 first (nearest to 6.5 alone is 5), then 9: (5 + 9) / 2 = 7; best is 4 and 9.
    chosen = choose_runs(
        [1, 1, 1],
        lambda sequences: abs(values[sequences].mean(axis=1) - 6.5),
        n_frames=2,
        run_length=1,
    )
    assert sorted(values[chosen]) == [4.0, 9.0]


def test_going_on_is_among_the_choices() -> None:
    # Only even starts are tried, but the frame after the last run always is.
    cost = lambda sequences: (np.diff(sequences, axis=1) != 1).sum(axis=1) + sequences[:, 0] / 100  # noqa: E731
    chosen = choose_runs([9], cost, n_frames=6, run_length=3, step=2)
    np.testing.assert_array_equal(chosen, np.arange(6))


def test_replacing_a_run_leaves_the_others() -> None:
    sequences, replaced = replacing_runs([0, 1, 2, 3, 4], [10, 20], run_length=2, firsts=[2, 4])
    assert sequences.tolist() == [
        [0, 1, 10, 11, 4], [0, 1, 20, 21, 4], [0, 1, 2, 3, 10], [0, 1, 2, 3, 20],
    ]  # fmt: skip
    np.testing.assert_array_equal(replaced, sequences != np.arange(5))


@pytest.mark.parametrize(
    ("n_frames", "run_length", "match"),
    [(0, 1, "1 or more"), (1, 0, "1 or more"), (1, 4, "no segment has 4 frames")],
)
def test_impossible_wishes(n_frames: int, run_length: int, match: str) -> None:
    with pytest.raises(InputError, match=match):
        choose_runs([3, 2], lambda s: np.zeros(len(s)), n_frames=n_frames, run_length=run_length)
