from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.exceptions import InputError
from qtokfeatures.features import LOUD_POOLINGS, POOLINGS, pool_frames
from qtokfeatures.features.pooling import check_pooling, pool_clips, pooled_blocks

FRAMES = np.array([[0.0, 4.0], [2.0, 4.0], [1.0, 7.0]])

EXPECTED = {
    "mean": [1.0, 5.0],
    "std": [np.sqrt(2 / 3), np.sqrt(2)],
    "min": [0.0, 4.0],
    "max": [2.0, 7.0],
    "median": [1.0, 4.0],
    "delta": [1.5, 1.5],
}


LEVELS = [np.log(0.1), np.log(0.1), np.log(0.2)]  # the last frame counts twice
EXPECTED |= {
    "loud_mean": [1.0, 5.5],
    "loud_std": [np.sqrt(0.5), 1.5],
    "loudest": [1.0, 7.0],
}


@pytest.mark.parametrize("name", POOLINGS)
def test_each_statistic(name: str) -> None:
    pooled = pool_frames(FRAMES, name, levels=LEVELS)
    np.testing.assert_allclose(pooled, EXPECTED[name], rtol=1e-6)


def test_statistics_follow_one_another() -> None:
    pooled = pool_frames(FRAMES, ["max", "mean"])
    np.testing.assert_allclose(pooled, EXPECTED["max"] + EXPECTED["mean"])
    assert pooled.dtype == np.float32


@pytest.mark.parametrize("name", POOLINGS)
def test_one_frame_is_enough(name: str) -> None:
    pooled = pool_frames(FRAMES[:1], name, levels=[-3.0])
    expected = [0.0, 0.0] if name in ("std", "loud_std", "delta") else FRAMES[0]
    np.testing.assert_array_equal(pooled, expected)


@pytest.mark.parametrize("name", ["mean", "std", "min", "max", "median"])
def test_the_order_of_frames_does_not_matter(name: str) -> None:
    np.testing.assert_allclose(pool_frames(FRAMES[::-1], name), pool_frames(FRAMES, name))


@pytest.mark.parametrize("pooling", [(), "sum", ("mean", "mean"), ("mean", "average")])
def test_wrong_names_are_refused(pooling: str | tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="different names of mean, std"):
        check_pooling(pooling)


def test_no_frames_are_refused() -> None:
    with pytest.raises(InputError, match="a frame at least"):
        pool_frames(np.empty((0, 3)))


def test_segments_give_beginning_middle_and_end_and_the_spread_of_all() -> None:
    frames = np.arange(12.0).reshape(6, 2)
    pooled = pool_frames(frames, ("mean", "std"), segments=3)
    means = [frames[i : i + 2].mean(axis=0) for i in (0, 2, 4)]
    np.testing.assert_allclose(pooled, np.concatenate([*means, frames.std(axis=0)]), rtol=1e-6)


def test_segments_share_a_frame_that_lies_in_two() -> None:
    frames = np.arange(5.0)[:, None]
    assert pool_frames(frames, "mean", segments=3).tolist() == [0.5, 2.0, 3.5]
    assert pool_frames(frames[:1], "mean", segments=3).tolist() == [0.0, 0.0, 0.0]


@given(st.integers(1, 40), st.integers(1, 9))
def test_every_frame_is_in_a_segment_and_no_segment_is_empty(n_frames: int, segments: int) -> None:
    frames = np.arange(n_frames, dtype=float)[:, None]
    low = pool_frames(frames, "min", segments=segments)
    high = pool_frames(frames, "max", segments=segments)
    covered = {i for a, b in zip(low, high, strict=True) for i in range(int(a), int(b) + 1)}
    assert covered == set(range(n_frames))
    lengths = high - low + 1
    assert lengths.min() >= 1
    assert lengths.max() <= n_frames / segments + 2


@given(st.integers(1, 30), st.integers(1, 5))
def test_segments_of_the_reversed_clip_are_reversed(n_frames: int, segments: int) -> None:
    frames = np.random.default_rng(n_frames).normal(size=(n_frames, 1))
    forward = pool_frames(frames, "mean", segments=segments)
    np.testing.assert_allclose(
        pool_frames(frames[::-1], "mean", segments=segments), forward[::-1], atol=1e-6
    )


@pytest.mark.parametrize("segments", [0, -1, 1.5, True, "3"])
def test_wrong_numbers_of_segments_are_refused(segments: object) -> None:
    with pytest.raises(InputError, match="segments must be a whole number, 1 or more"):
        pool_frames(FRAMES, "mean", segments=segments)  # type: ignore[arg-type]


def test_blocks_are_named_in_the_order_of_the_numbers() -> None:
    assert pooled_blocks(("delta", "max"), 2) == (("delta", None), ("max", 0), ("max", 1))
    assert pooled_blocks("mean") == (("mean", None),)


@pytest.mark.parametrize(("name", "percent"), [("q0", 0), ("q5", 5), ("q25", 25), ("q100", 100)])
def test_quantiles(name: str, percent: int) -> None:
    expected = np.quantile(FRAMES, percent / 100, axis=0)
    np.testing.assert_allclose(pool_frames(FRAMES, name), expected, rtol=1e-6)


def test_quantiles_of_segments() -> None:
    assert pooled_blocks(("q25", "std"), 2) == (("q25", 0), ("q25", 1), ("std", None))
    frames = np.arange(6.0)[:, None]
    assert pool_frames(frames, "q50", segments=2).tolist() == [1.0, 4.0]


@pytest.mark.parametrize("name", ["q101", "q-1", "q05", "q", "q2.5", "Q25", "q25 ", "q٣"])
def test_what_is_no_quantile(name: str) -> None:
    with pytest.raises(InputError, match=r"quantile in per cent, q0 to q100; got"):
        check_pooling(["mean", name])


def test_loud_statistics_forget_silence() -> None:
    rng = np.random.default_rng(0)
    note, silence = rng.normal(size=(4, 3)), rng.normal(size=(6, 3))
    frames = np.concatenate([note, silence])
    levels = np.array([-2.0] * 4 + [-40.0] * 6)
    mean, std, loudest = np.split(
        pool_frames(frames, ("loud_mean", "loud_std", "loudest"), levels=levels), 3
    )
    np.testing.assert_allclose(mean, note.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(std, note.std(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(loudest, note[0], rtol=1e-6)


def test_loud_statistics_do_not_depend_on_the_gain() -> None:
    frames, levels = np.random.default_rng(1).normal(size=(5, 2)), np.linspace(-9.0, -1.0, 5)
    one, other = (pool_frames(frames, LOUD_POOLINGS, levels=levels + gain) for gain in (0.0, -6.9))
    np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("levels", [None, [0.0], [0.0, np.nan], [[0.0, 1.0]]])
def test_loud_statistics_need_a_level_for_every_frame(levels: object) -> None:
    with pytest.raises(InputError, match="needs levels, one finite number for each of 2 frames"):
        pool_frames([[1.0], [2.0]], ("mean", "loudest"), levels=levels)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(1, 4))
def test_clips_pooled_together_are_as_each_alone(counts: list[int], segments: int) -> None:
    rng = np.random.default_rng(sum(counts))
    frames = rng.normal(size=(sum(counts), 3)).astype(np.float32)
    levels = rng.integers(-4, 0, sum(counts)).astype(float)  # with equal ones among them
    names = (*POOLINGS, "q25")
    together = pool_clips(frames, counts, names, segments=segments, levels=levels)
    ends = np.cumsum(counts)[:-1]
    parts = zip(np.split(frames, ends), np.split(levels, ends), strict=True)
    alone = [pool_frames(part, names, segments=segments, levels=level) for part, level in parts]
    np.testing.assert_array_equal(together, alone)
    assert together.dtype == np.float32
