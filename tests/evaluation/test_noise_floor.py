from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.evaluation import noise_floor_rise

SR = 24_000


def loud_then_quiet(quiet: float, *, quiet_s: float = 1.0) -> np.ndarray:
    level = np.concatenate([np.full(SR, 0.3), np.full(round(quiet_s * SR), quiet)])
    return level * np.random.default_rng(0).normal(size=len(level))


@given(st.floats(-6, 30))
def test_the_rise_is_that_of_the_quiet_part(rise_db: float):
    y = loud_then_quiet(1e-3)
    y_hat = y.copy()
    y_hat[SR:] *= 10 ** (rise_db / 20)
    y_hat[: SR - 2400] *= 3  # what happens where it is loud does not matter
    assert noise_floor_rise(y, y_hat, SR) == pytest.approx(rise_db, abs=0.1)


def test_a_short_burst_of_noise_in_silence_is_not_its_floor():
    y = loud_then_quiet(1e-3)
    y_hat = y.copy()
    y_hat[SR + 2400 : SR + 4800] *= 100
    assert noise_floor_rise(y, y_hat, SR) == pytest.approx(0, abs=0.1)


def test_digital_silence_counts_as_80_db_below_full_scale():
    y = loud_then_quiet(0.0)
    assert noise_floor_rise(y, y, SR) == 0
    y_hat = y.copy()
    y_hat[SR:] = 1e-3
    assert noise_floor_rise(y, y_hat, SR) == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize(
    "y",
    [
        np.random.default_rng(0).normal(size=SR),
        loud_then_quiet(0.02),  # 24 dB below: a soft passage, not silence
        loud_then_quiet(1e-3, quiet_s=0.07),
        np.ones(3),
    ],
    ids=["steady", "soft", "short gap", "three samples"],
)
def test_without_silent_stretches_there_is_no_floor(y):
    assert np.isnan(noise_floor_rise(y, y, SR))
