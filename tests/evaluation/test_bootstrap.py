from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.evaluation import bootstrap_interval
from qtokfeatures.evaluation.bootstrap import grouped_interval, ratio_of_means
from qtokfeatures.exceptions import InputError


def test_an_interval_needs_two_defined_clips():
    assert bootstrap_interval([5.0, math.nan]) == pytest.approx((math.nan, math.nan), nan_ok=True)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30))
def test_an_interval_holds_its_summary_and_stays_within_the_clips(values):
    low, high = bootstrap_interval(values, n_resamples=200)
    slack = 1e-9
    assert min(values) - slack <= low <= high <= max(values) + slack


def test_an_infinite_score_stays_infinite():
    assert bootstrap_interval([math.inf, math.inf]) == (math.inf, math.inf)


def test_an_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = [
        low <= 0 <= high
        for low, high in (
            bootstrap_interval(rng.normal(size=40), n_resamples=300) for _ in range(200)
        )
    ]
    assert 0.88 <= np.mean(hits) <= 0.99


def test_a_ratio_of_means_is_of_the_same_clips_above_and_below():
    above, below = [2.0, 20.0, float("nan"), 6.0], [1.0, 10.0, 5.0, 3.0]
    assert ratio_of_means(above, below) == (2.0, (2.0, 2.0))
    ratio, (low, high) = ratio_of_means([1.0, 2.0, 3.0], [1.0, 1.0, 2.0])
    assert ratio == 1.5
    assert 1 <= low <= ratio <= high <= 2


@pytest.mark.parametrize("below", [[], [float("nan")], [0.0]])
def test_a_ratio_without_clips_is_undefined(below):
    ratio, interval = ratio_of_means([1.0] * len(below), below)
    assert np.isnan([ratio, *interval]).all()


def test_an_interval_draws_whole_groups():
    gain = np.array([1.0, 1.0, 1.0, 0.0])
    groups = np.array(["a", "a", "a", "b"])
    assert grouped_interval(groups, lambda drawn: float(gain[drawn].mean())) == (0.0, 1.0)


@pytest.mark.parametrize("options", [{"level": 1.0}, {"level": 95}, {"n_resamples": 0}])
def test_bad_parameters_are_refused(options):
    (name,) = options
    with pytest.raises(InputError, match=f"{name} must be"):
        bootstrap_interval([1.0, 2.0], **options)
