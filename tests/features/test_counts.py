from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.exceptions import InputError
from qtokfeatures.features import count_tokens, join_ngrams

clips_of_tokens = st.lists(st.lists(st.integers(0, 6), min_size=0, max_size=12), max_size=6)


def flatten(clips: list[list[int]]) -> tuple[list[int], list[int]]:
    return [token for clip in clips for token in clip], [len(clip) for clip in clips]


def test_counts_of_a_small_example() -> None:
    counts = count_tokens([0, 0, 2, 1], [3, 0, 1], n_tokens=4)
    assert counts.dense().tolist() == [[2, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert counts.totals.tolist() == [3, 0, 1]


@given(clips_of_tokens)
def test_a_histogram_sums_to_the_frames_of_its_clip(clips: list[list[int]]) -> None:
    tokens, frame_count = flatten(clips)
    table = count_tokens(tokens, frame_count, n_tokens=7).dense()
    assert table.sum(axis=1).tolist() == frame_count


@given(clips_of_tokens, st.randoms())
def test_the_order_of_frames_within_a_clip_does_not_matter(clips: list[list[int]], random) -> None:
    shuffled = [random.sample(clip, len(clip)) for clip in clips]
    one = count_tokens(*flatten(clips), n_tokens=7).dense()
    two = count_tokens(*flatten(shuffled), n_tokens=7).dense()
    np.testing.assert_array_equal(one, two)


@given(clips_of_tokens, st.integers(1, 4))
def test_ngrams_are_the_runs_of_each_clip(clips: list[list[int]], ngram: int) -> None:
    joined, run_count = join_ngrams(*flatten(clips), n_tokens=7, ngram=ngram)
    runs = [clip[i : i + ngram] for clip in clips for i in range(len(clip) - ngram + 1)]
    assert joined.tolist() == [int("".join(map(str, run)), 7) for run in runs]
    assert run_count.tolist() == [max(len(clip) - ngram + 1, 0) for clip in clips]


@pytest.mark.parametrize(("token", "found"), [(-1, "-1"), (5, "5")])
def test_a_token_out_of_range_is_named(token: int, found: str) -> None:
    with pytest.raises(InputError, match=rf"0 … 4, got {found}$"):
        count_tokens([0, token], [2], n_tokens=5)


def test_frame_counts_must_add_up() -> None:
    with pytest.raises(InputError, match="sum to 3 frames, got a sum of 2"):
        count_tokens([0, 1, 1], [2], n_tokens=5)
    with pytest.raises(InputError, match="0 or more"):
        count_tokens([0], [2, -1], n_tokens=5)


def test_tokens_must_be_one_row() -> None:
    with pytest.raises(InputError, match="1-D, got 2-D"):
        count_tokens([[0, 1]], [2], n_tokens=5)


def test_impossible_ngrams_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1, got 0"):
        join_ngrams([0], [1], n_tokens=5, ngram=0)
    with pytest.raises(InputError, match="64 bits"):
        join_ngrams([0], [1], n_tokens=2048, ngram=6)
