from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.evaluation import align, find_common_lag, find_lag
from qtokfeatures.evaluation.alignment import cross_correlation
from qtokfeatures.exceptions import InputError

SR = 8000


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def delayed(y: np.ndarray, lag: int) -> np.ndarray:
    return np.pad(y, (lag, 0)) if lag >= 0 else y[-lag:]


@given(st.integers(-300, 300), st.integers(500, 900))
def test_a_shift_is_found_and_taken_out(lag, length):
    y = noise(length, seed=length)
    late = delayed(y, lag)
    assert find_lag(y, late, max_lag=400) == lag
    back = align(late, lag, length)
    assert len(back) == length
    start = max(0, -lag)
    np.testing.assert_array_equal(back[start:], y[start:].astype(np.float32))
    assert not back[:start].any()


def test_the_lag_is_not_looked_for_beyond_the_limit():
    y = noise(1000)
    assert abs(find_lag(y, delayed(y, 50), max_lag=20)) <= 20


def test_correlation_agrees_with_the_definition():
    y, y_hat = noise(30, 1), noise(34, 2)
    scale = np.linalg.norm(y) * np.linalg.norm(y_hat)
    expected = [
        sum(y[i] * y_hat[i + lag] for i in range(30) if 0 <= i + lag < 34) / scale
        for lag in range(-10, 11)
    ]
    np.testing.assert_allclose(cross_correlation(y, y_hat, max_lag=10), expected, atol=1e-6)


def test_silence_has_no_lag():
    assert find_lag(np.zeros(100), noise(100)) == 0
    assert find_common_lag([(np.zeros(100), np.zeros(100))], sr=SR) == 0


def test_one_odd_clip_does_not_decide_the_common_lag():
    good = [noise(2000, seed) for seed in range(4)]
    pairs = [(y, delayed(y, 13)) for y in good] + [(noise(2000, 9), noise(2000, 10))]
    assert find_common_lag(pairs, sr=SR) == 13


def test_a_vocoder_is_aligned_by_its_envelope():
    rng = np.random.default_rng(0)
    bumps = np.interp(np.arange(SR), np.sort(rng.integers(0, SR, 40)), rng.uniform(0, 1, 40))
    pairs = [
        (bumps * noise(SR, seed), delayed(bumps * noise(SR, seed + 50), 160)) for seed in range(4)
    ]
    assert find_common_lag(pairs, sr=SR) == pytest.approx(160, abs=8)


def test_nothing_to_align_is_refused():
    with pytest.raises(InputError, match="no pair of signals"):
        find_common_lag([], sr=SR)
    with pytest.raises(InputError, match="max_lag must be a whole number of samples of at least 0"):
        find_lag([1.0], [1.0], max_lag=-1)


@pytest.mark.parametrize(
    ("lag", "length", "message"),
    [(1.5, 3, "lag must be a whole number"), (0, -1, "length must be a whole number of samples")],
)
def test_bad_shifts_are_refused(lag, length, message):
    with pytest.raises(InputError, match=message):
        align([0.0, 1.0], lag, length)
