from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from qtokfeatures.evaluation import find_envelope_lag
from qtokfeatures.evaluation.lag import summarise_lags
from qtokfeatures.exceptions import InputError

SR = 24_000


def delayed(y: np.ndarray, lag: int) -> np.ndarray:
    """As long as before, silent at the start."""
    return np.pad(y, (lag, 0))[: len(y)] if lag >= 0 else np.pad(y[-lag:], (0, -lag))


def with_other_phases(y: np.ndarray, *, seed: int = 0, window: int = 480) -> np.ndarray:
    """The same magnitudes of windows of 20 ms, and phases that are drawn."""
    _, _, spectra = signal.stft(y, SR, nperseg=window, noverlap=3 * window // 4)
    phases = np.exp(2j * np.pi * np.random.default_rng(seed).random(spectra.shape))
    _, changed = signal.istft(
        np.abs(spectra) * phases, SR, nperseg=window, noverlap=3 * window // 4
    )
    return np.resize(changed, len(y)).astype(np.float32)


@pytest.fixture(scope="module")
def voice(make_voice) -> np.ndarray:
    return make_voice(4.0, seed=4)


@pytest.mark.parametrize("lag", [-240, -24, -7, 0, 1, 17, 24, 60, 480])
def test_a_known_delay_is_found_to_the_sample(voice, lag):
    found = find_envelope_lag(voice, delayed(voice, lag), SR)
    assert found.samples == pytest.approx(lag, abs=1)
    assert found.error < 2


@given(st.integers(-100, 100), st.integers(0, 50))
def test_bursts_of_noise_are_placed_wherever_they_lie(lag: int, seed: int):
    rng = np.random.default_rng(seed)
    y = np.repeat(rng.uniform(size=60), 400) * rng.normal(size=SR)
    assert find_envelope_lag(y, delayed(y, lag), SR).samples == pytest.approx(lag, abs=2)


@pytest.mark.parametrize("lag", [-60, 0, 60])
def test_made_up_phases_hide_a_delay_from_waveforms_but_not_from_envelopes(voice, lag):
    """The error that is told is the error that is made."""
    errors = []
    for seed in range(6):
        changed = delayed(with_other_phases(voice, seed=seed), lag)
        correlation = signal.correlate(changed, voice, "same", "fft")
        assert correlation.max() < 0.35 * np.sum(voice**2)
        found = find_envelope_lag(voice, changed, SR)
        assert found.error < 40
        errors.append((found.samples - lag) / found.error)
    assert np.sqrt(np.mean(np.square(errors))) < 2


def test_gain_and_slow_changes_of_tone_do_not_matter(voice):
    found = find_envelope_lag(voice, 0.1 * delayed(voice, 30), SR)
    assert found.samples == pytest.approx(30, abs=1)
    tilted = signal.lfilter([1, -0.7], [1], voice).astype(np.float32)
    assert find_envelope_lag(voice, tilted, SR).samples == pytest.approx(0, abs=5)


def test_an_onset_at_the_very_start_tells_time():
    y = (np.exp(-np.arange(SR) / 4000) * np.sin(0.2 * np.arange(SR))).astype(np.float32)
    found = find_envelope_lag(y, delayed(y, 40), SR)
    assert found.samples == pytest.approx(40, abs=2)


def test_unrelated_signals_have_a_large_error(voice):
    rng = np.random.default_rng(1)
    steady = rng.normal(0, 0.1, size=(2, len(voice)))
    assert find_envelope_lag(*steady, SR).error > 24
    assert find_envelope_lag(voice, np.zeros_like(voice), SR) == (0, math.inf)
    assert find_envelope_lag(np.zeros(10), np.zeros(10), SR) == (0, math.inf)


def test_other_rates_count_in_their_own_samples(voice):
    slow = voice[::3]
    assert find_envelope_lag(slow, delayed(slow, 8), 8000).samples == pytest.approx(8, abs=0.5)


def test_lengths_have_to_fit(voice):
    with pytest.raises(InputError, match="cut or align them first"):
        find_envelope_lag(voice, voice[:-1], SR)


def test_a_summary_counts_known_lags_and_those_beyond_the_limit():
    lags = [-20.0, 10.0, 100.0, 30.0, -90.0]
    errors = [5.0, 12.0, math.inf, 1.0, 23.0]
    assert summarise_lags(lags, errors, limit=24.0) == (30.0, 3, 1)
    assert math.isnan(summarise_lags([1.0], [math.inf], limit=24.0).largest)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"sr": 0}, "sr"), ({"max_lag_s": 0}, "max_lag_s must be a number of seconds above 0")],
)
def test_bad_parameters_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        find_envelope_lag(np.ones(9), np.ones(9), **{"sr": 24_000, **options})
