"""Comparison of estimates with references: known delays, known ratios, undefined values."""

from __future__ import annotations

import math
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import qtokfeatures as qt
from qtokfeatures.evaluation.comparison import METRICS
from qtokfeatures.exceptions import (
    AudioError,
    InputError,
    MissingExtraError,
    SkippedClipWarning,
)

SR = 24_000
NOISE = np.random.default_rng(0).normal(0, 0.1, 2 * SR).astype(np.float32)


def score(ds: xr.Dataset, metric: str, clip: int = 0) -> float:
    return float(ds.score.sel(metric=metric)[clip])


def reason(ds: xr.Dataset, metric: str, clip: int = 0) -> str:
    return str(ds.reason.sel(metric=metric)[clip].item())


def test_equal_signals_have_the_best_scores(speech):
    found = qt.evaluate(speech, speech, sr=SR)
    assert found.score.dims == ("clip", "metric")
    assert found.metric.values.tolist() == list(METRICS)
    assert score(found, "log_mel") == score(found, "log_stft") == 0
    assert score(found, "si_sdr") > 200
    assert score(found, "pesq_wb") == pytest.approx(4.64, abs=0.01)
    assert score(found, "pesq_nb") == pytest.approx(4.55, abs=0.01)
    assert score(found, "stoi") == pytest.approx(1, abs=1e-6)
    assert score(found, "estoi") == pytest.approx(1, abs=1e-6)
    assert score(found, "lag") == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("snr_db", [0, 10, 30])
def test_si_sdr_is_the_known_ratio_of_signal_to_noise(snr_db):
    noise = np.random.default_rng(1).normal(0, 0.1, NOISE.size)
    estimate = NOISE + 10 ** (-snr_db / 20) * noise
    found = qt.evaluate(NOISE, estimate, sr=SR, metrics="si_sdr")
    assert score(found, "si_sdr") == pytest.approx(snr_db, abs=0.2)


def test_distances_are_the_known_gain():
    found = qt.evaluate(NOISE, 0.5 * NOISE, sr=SR, metrics=["log_stft", "log_mel"])
    np.testing.assert_allclose(found.score.values[0], math.log(2), rtol=0.03)
    assert found.units.values.tolist() == ["Np", "Np"]


@pytest.mark.parametrize("delay", [-120, 17, 480])
def test_lag_is_the_known_delay(speech, delay):
    late = np.pad(speech, (max(0, delay), 0))[max(0, -delay) :]
    found = qt.evaluate(speech, late, sr=SR, metrics=["lag", "lag_error"])
    assert score(found, "lag") == pytest.approx(delay / SR, abs=1 / SR)
    assert 0 < score(found, "lag_error") < 0.001
    assert not found.reason.values.any()


def test_noise_floor_is_the_known_rise():
    y = np.concatenate([NOISE, 1e-3 * NOISE])
    estimate = y + 1e-3 * np.random.default_rng(1).normal(0, 0.1, y.size)
    found = qt.evaluate(y, estimate, sr=SR, metrics=["noise_floor"])
    assert score(found, "noise_floor") == pytest.approx(3.0, abs=0.3)


def test_alignment_removes_a_delay_and_keeps_the_lag(speech):
    late = np.pad(speech, (48, 0))
    with pytest.warns(SkippedClipWarning, match="pass align=True"):
        as_given = qt.evaluate(speech, late, sr=SR, metrics=["si_sdr", "lag"])
    assert math.isnan(score(as_given, "si_sdr"))
    assert f"the reference has {speech.size} samples" in reason(as_given, "si_sdr")
    found = qt.evaluate(speech, late, sr=SR, metrics=["si_sdr", "lag"], align=True)
    assert score(found, "si_sdr") > 100
    for each in (as_given, found):
        assert score(each, "lag") == pytest.approx(0.002, abs=1e-4)


def test_an_estimate_at_another_rate_is_resampled():
    time = np.arange(SR) / SR
    tone = 0.3 * np.sin(2 * np.pi * 440 * time)
    low = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    found = qt.evaluate((tone, SR), (low, 8000), metrics=["si_sdr"])
    assert score(found, "si_sdr") > 25
    assert found.sample_rate.item() == SR


@pytest.mark.filterwarnings("error")
def test_undefined_values_have_a_reason(speech):
    found = qt.evaluate([np.zeros(SR), speech[:2000]], [NOISE[:SR], speech[:2000]], sr=SR)
    assert np.isnan(found.score.where(found.reason != "", 0)).sum() == (found.reason != "").sum()
    assert reason(found, "si_sdr") == "the reference is silent or constant"
    assert reason(found, "stoi") == reason(found, "pesq_nb") == "the reference is silent"
    assert "no modulation" in reason(found, "lag")
    assert reason(found, "pesq_wb", 1) == "the reference is shorter than 0.25 s"
    assert reason(found, "estoi", 1) == "the reference has less than 0.4 s of sound"
    assert "no silent segment" in reason(found, "noise_floor", 1)
    assert found.reason.dtype.kind == "U"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("NoUtterancesError", "PESQ finds no utterance in the reference"),
        ("PesqError", "PESQ failed"),
    ],
)
def test_failures_of_pesq_are_reasons(monkeypatch, speech, error, expected):
    pesq = pytest.importorskip("pesq", reason="pesq (extra `eval`) is not installed")

    def fail(*arguments):
        raise getattr(pesq, error)("too quiet")

    monkeypatch.setattr(pesq, "pesq", fail)
    found = qt.evaluate(speech, speech, sr=SR, metrics=["pesq_wb", "stoi"])
    assert reason(found, "pesq_wb").startswith(expected)
    assert score(found, "stoi") == pytest.approx(1)


def test_one_bad_pair_does_not_lose_the_others(tmp_path):
    good = qt.example_file("piano_C4")
    bad = tmp_path / "broken.wav"
    bad.write_bytes(b"RIFF")
    with pytest.warns(SkippedClipWarning, match=r"broken\.wav") as caught:
        found = qt.evaluate([good, bad, good], [good, good, bad], metrics=["log_mel"])
    assert len(caught) == 2
    assert score(found, "log_mel") == 0
    assert np.isnan(found.score.values[1:]).all()
    assert "broken.wav" in reason(found, "log_mel", 1)
    assert "broken.wav" in reason(found, "log_mel", 2)
    assert found["clip"].values.tolist() == ["piano_C4.flac", "broken.wav", "piano_C4.flac#2"]
    assert found.sample_rate.values.tolist() == [24_000, 0, 24_000]
    assert np.isnan(found.duration.values[1])
    with pytest.raises(AudioError, match=r"broken\.wav"):
        qt.evaluate([good, bad], [good, good], on_error="raise")


def test_unequal_lengths_raise_on_request():
    with pytest.raises(InputError, match=r"<array 0>.*48000 samples and the estimate 47999"):
        qt.evaluate(NOISE, NOISE[:-1], sr=SR, on_error="raise")


@pytest.mark.parametrize("several", [list, np.stack, pd.Series, iter])
def test_lists_rows_and_series_are_several_clips(several):
    batch = [NOISE, 0.5 * NOISE]
    found = qt.evaluate(several(batch), batch, sr=SR, metrics=["log_mel"], ids=["a", "b"])
    assert found.score.values.tolist() == [[0], [0]]
    assert found["clip"].values.tolist() == ["a", "b"]


def test_the_result_is_stored_and_read_back(tmp_path):
    found = qt.evaluate(NOISE, 0.9 * NOISE, sr=SR)
    found.to_netcdf(tmp_path / "scores.nc")
    assert xr.load_dataset(tmp_path / "scores.nc").identical(found)


def test_every_metric_states_units_direction_and_definition():
    found = qt.evaluate(NOISE, NOISE, sr=SR)
    for name in ("units", "better", "definition"):
        assert found[name].dims == ("metric",)
        assert all(found[name].values)
    assert set(found.better.values) == {"higher", "lower", "zero"}
    assert "pesq 0." in found.definition.sel(metric="pesq_wb").item()


def test_a_missing_package_is_a_reason_or_an_error(monkeypatch, speech):
    monkeypatch.setitem(sys.modules, "pesq", None)
    found = qt.evaluate(speech, speech, sr=SR)
    assert "pip install 'qtokfeatures[eval]'" in reason(found, "pesq_wb")
    assert score(found, "log_mel") == 0
    with pytest.raises(MissingExtraError, match="pesq_wb needs pesq"):
        qt.evaluate(speech, speech, sr=SR, metrics=["log_mel", "pesq_wb"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["snr"]}, "metrics must be 'si_sdr', .*got 'snr'"),
        ({"metrics": []}, "at least one"),
        ({"metrics": ["lag", "lag"]}, "different names"),
        ({"align": 1}, "align must be True or False, got 1"),
        ({"max_lag_s": 0}, "max_lag_s must be a number of seconds above 0"),
        ({"on_error": "skip"}, "on_error must be 'nan' or 'raise'"),
        ({"ids": ["a", "b"]}, "1 references, 1 estimates and 2 ids"),
        ({"ids": "a"}, "ids must be a list of strings, got 'a'"),
        ({"ids": [3]}, "ids must be a list of strings"),
        ({"sr": -1}, "sr"),
        ({"sr": None}, "an array has no sampling rate: pass sr="),
    ],
)
def test_bad_parameters_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        qt.evaluate(NOISE, NOISE, **{"sr": SR, **options})


@pytest.mark.parametrize(
    ("reference", "estimate", "message"),
    [
        ([NOISE], [NOISE, NOISE], "1 references, 2 estimates"),
        ([], [], "holds no clip"),
        ({"a": NOISE}, [NOISE], "expected clips in an order"),
    ],
)
def test_pairs_must_match(reference, estimate, message):
    with pytest.raises(InputError, match=message):
        qt.evaluate(reference, estimate, sr=SR)


def test_repeated_ids_are_refused():
    with pytest.raises(InputError, match="'a' more than once"):
        qt.evaluate([NOISE] * 2, [NOISE] * 2, sr=SR, ids=["a", "a"])


@pytest.mark.parametrize("n_samples", [1, 100, 3000])
@pytest.mark.parametrize("align", [False, True])
def test_short_clips_never_fail(n_samples, align):
    y = NOISE[:n_samples]
    found = qt.evaluate(y, 0.5 * y, sr=SR, align=align)
    undefined = np.isnan(found.score.values)
    assert (undefined == (found.reason.values != "")).all()
    assert not undefined[0, 1:3].any()


def test_decoded_codes_are_compared_with_their_recordings():
    codec = qt.load_codec("mini", device="cpu")
    files = [qt.example_file("speech_slt_1"), qt.example_file("piano_C4")]
    found = qt.evaluate(files, codec.decode_many(codec.encode_many(files)))
    assert not np.isnan(found.score.sel(metric=["log_mel", "stoi", "lag"])).any()
    assert (abs(found.score.sel(metric="lag")) < 0.01).all()


def test_a_strict_floating_point_setting_does_not_matter(speech):
    quiet = 1e-30 * speech
    with np.errstate(all="raise"):
        found = qt.evaluate(quiet, quiet, sr=SR)
    assert score(found, "log_mel") == 0


def test_a_reference_with_a_long_silence_has_a_noise_floor_and_no_pesq(speech):
    y = np.concatenate([speech[:4000], np.zeros(SR)])
    found = qt.evaluate(y, y, sr=SR, metrics=["noise_floor", "pesq_wb"])
    assert score(found, "noise_floor") == 0
    assert reason(found, "pesq_wb") == "PESQ finds no utterance in the reference"
