from __future__ import annotations

import math

import numpy as np
import pytest

from qtokfeatures.evaluation import pesq_wb, stoi
from qtokfeatures.evaluation.scores import score_reconstruction, summarise
from qtokfeatures.exceptions import InputError, MissingExtraError

SR = 24_000


def test_a_signal_has_no_distance_from_itself(speech):
    scores = score_reconstruction(speech, speech, SR, speech=True)
    assert scores["log_mel"] == scores["log_stft"] == 0
    assert scores["si_sdr"] > 200
    assert scores["stoi"] == pytest.approx(1.0, abs=1e-6)
    assert scores["pesq_wb"] == pytest.approx(4.64, abs=0.01)


def test_six_decibels_are_ln_2_where_the_floor_is_far_below():
    noise = np.random.default_rng(0).normal(0, 0.3, size=2 * SR)
    scores = score_reconstruction(noise, noise / 2, SR)
    assert scores["log_mel"] == pytest.approx(math.log(2), rel=0.03)
    assert scores["log_stft"] == pytest.approx(math.log(2), rel=0.03)


def test_si_sdr_is_the_level_of_independent_noise():
    rng = np.random.default_rng(0)
    y, noise = rng.normal(size=(2, 4 * SR))
    assert score_reconstruction(y, y + 0.1 * noise, SR)["si_sdr"] == pytest.approx(20, abs=0.2)


def test_noise_costs_intelligibility_and_quality(speech):
    noise = np.random.default_rng(0).normal(0, 0.05, size=len(speech)).astype(np.float32)
    little, much = (
        score_reconstruction(speech, speech + gain * noise, SR, speech=True) for gain in (0.1, 3)
    )
    assert little["stoi"] > much["stoi"] + 0.1
    assert little["pesq_wb"] > much["pesq_wb"] + 0.5
    assert little["log_mel"] < much["log_mel"]


def test_speech_metrics_are_left_out_for_other_sounds(speech):
    measured = {"log_mel", "log_stft", "si_sdr", "noise_floor_db"}
    assert set(score_reconstruction(speech, speech, SR)) == measured
    with_lag = score_reconstruction(speech, speech, SR, lag=True)
    assert set(with_lag) == measured | {"lag", "lag_error"}
    assert with_lag["lag"] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("metric", [stoi, pesq_wb])
def test_speech_metrics_are_undefined_on_silence_and_scraps(metric, speech):
    assert math.isnan(metric(np.zeros(SR), np.zeros(SR), SR))
    assert math.isnan(metric(speech[8000:8100], speech[8000:8100], SR))


@pytest.mark.parametrize("gain", [0.0, 1e-30])
def test_a_silent_reconstruction_of_speech_scores_low_and_not_nan(speech, gain):
    noise = gain * np.random.default_rng(0).normal(size=len(speech))
    assert pesq_wb(speech, noise, SR) == 1.0
    assert stoi(speech, noise, SR) < 0.3


@pytest.mark.parametrize(("package", "metric"), [("pystoi", stoi), ("pesq", pesq_wb)])
def test_missing_packages_are_named_with_their_extra(monkeypatch, package, metric, speech):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"needs {package}.*qtokfeatures\[eval\]"):
        metric(speech, speech, SR)


@pytest.mark.parametrize(
    ("y", "y_hat", "message"),
    [
        (np.ones(4), np.ones(3), "4 samples and its reconstruction 3"),
        (np.ones((2, 4)), np.ones((2, 4)), r"must be mono.*\(2, 4\)"),
        (np.ones(0), np.ones(0), r"must be mono.*\(0,\)"),
        (np.ones(2), np.array([1.0, np.nan]), "the reconstruction holds NaN"),
    ],
)
def test_signals_that_do_not_match_are_refused(y, y_hat, message):
    with pytest.raises(InputError, match=message):
        score_reconstruction(y, y_hat, SR)


def test_undefined_clips_do_not_count():
    assert summarise([1.0, math.nan, 3.0]) == 2.0
    assert math.isnan(summarise([math.nan]))
