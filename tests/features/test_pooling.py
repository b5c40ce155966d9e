from __future__ import annotations

import numpy as np
import pytest

from qtokfeatures.exceptions import InputError
from qtokfeatures.features import POOLINGS, pool_frames
from qtokfeatures.features.pooling import check_pooling

FRAMES = np.array([[0.0, 4.0], [2.0, 4.0], [1.0, 7.0]])

EXPECTED = {
    "mean": [1.0, 5.0],
    "std": [np.sqrt(2 / 3), np.sqrt(2)],
    "min": [0.0, 4.0],
    "max": [2.0, 7.0],
    "median": [1.0, 4.0],
    "delta": [1.5, 1.5],
}


@pytest.mark.parametrize("name", POOLINGS)
def test_each_statistic(name: str) -> None:
    np.testing.assert_allclose(pool_frames(FRAMES, name), EXPECTED[name], rtol=1e-6)


def test_statistics_follow_one_another() -> None:
    pooled = pool_frames(FRAMES, ["max", "mean"])
    np.testing.assert_allclose(pooled, EXPECTED["max"] + EXPECTED["mean"])
    assert pooled.dtype == np.float32


@pytest.mark.parametrize("name", POOLINGS)
def test_one_frame_is_enough(name: str) -> None:
    pooled = pool_frames(FRAMES[:1], name)
    expected = [0.0, 0.0] if name in ("std", "delta") else FRAMES[0]
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
