"""Resampling: lengths, what passes and what dies."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.audio import load_audio, resample, resampled_length
from qtokfeatures.audio.resampling import resample_blocks
from qtokfeatures.exceptions import InputError

RATES = st.sampled_from([8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000])


def tone(hz: float, sr: int, duration_s: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(duration_s * sr)) / sr).astype(np.float32)


@given(st.integers(0, 5000), RATES, RATES)
def test_length_follows_the_rule(n_samples, orig_sr, target_sr):
    made = resample(np.zeros(n_samples, np.float32), orig_sr=orig_sr, target_sr=target_sr)
    assert made.dtype == np.float32
    assert len(made) == resampled_length(n_samples, orig_sr, target_sr)


@given(st.integers(1, 10**9), RATES, RATES)
def test_rule_is_round_half_up_and_at_least_one(n_samples, orig_sr, target_sr):
    exact = Fraction(n_samples * target_sr, orig_sr)
    assert resampled_length(n_samples, orig_sr, target_sr) == max(1, int(exact + Fraction(1, 2)))


@given(st.integers(1, 200_000), RATES)
def test_length_returns_after_going_up_and_down(n_samples, sr):
    """So that a decoded clip comes back at its exact length when its codec's rate is higher."""
    higher = 96_000
    up = resampled_length(n_samples, sr, higher)
    assert resampled_length(up, higher, sr) == n_samples


@pytest.mark.parametrize(
    ("orig_sr", "target_sr"), [(44_100, 24_000), (8000, 24_000), (768_000, 100)]
)
@pytest.mark.parametrize("n_samples", [1, 2, 3])
def test_one_sample_becomes_at_least_one(orig_sr, target_sr, n_samples):
    y = resample(np.ones(n_samples, np.float32), orig_sr=orig_sr, target_sr=target_sr)
    assert len(y) == resampled_length(n_samples, orig_sr, target_sr) >= 1
    assert np.isfinite(y).all()


def test_equal_rates_change_nothing():
    y = tone(440, 24_000)
    np.testing.assert_array_equal(resample(y, orig_sr=24_000, target_sr=24_000), y)


@pytest.mark.parametrize(
    ("orig_sr", "target_sr"), [(8000, 24_000), (44_100, 24_000), (24_000, 8000)]
)
def test_low_tone_passes(orig_sr, target_sr):
    y = resample(tone(1000, orig_sr), orig_sr=orig_sr, target_sr=target_sr)
    middle = slice(500, -500)
    np.testing.assert_allclose(y[middle], tone(1000, target_sr)[middle], atol=1e-3)


def test_tone_above_the_new_nyquist_dies():
    y = resample(tone(15_000, 48_000), orig_sr=48_000, target_sr=24_000)
    assert np.abs(y[500:-500]).max() < 1e-4


def test_going_up_adds_nothing_above_the_old_nyquist():
    noise = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(resample(noise, orig_sr=8000, target_sr=24_000)))
    above = spectrum[len(spectrum) * 9 // 24 :]  # from 4.5 kHz
    assert np.square(above).sum() < 1e-4 * np.square(spectrum).sum()


@pytest.mark.parametrize(
    ("orig_sr", "target_sr"), [(44_100, 24_000), (8000, 24_000), (44_101, 7919)]
)
def test_it_is_soxr_hq(orig_sr, target_sr):
    y = np.random.default_rng(0).normal(0, 0.1, 30_000).astype(np.float32)
    expected = soxr.resample(y, orig_sr, target_sr, quality="HQ")
    np.testing.assert_allclose(
        resample(y, orig_sr=orig_sr, target_sr=target_sr), expected, atol=1e-6
    )


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=8), RATES, RATES)
def test_blocks_give_the_same_as_the_whole(sizes, orig_sr, target_sr):
    y = np.random.default_rng(0).uniform(-1, 1, sum(sizes)).astype(np.float32)
    blocks = np.split(y, np.cumsum(sizes)[:-1])
    pieces = list(resample_blocks(blocks, orig_sr=orig_sr, target_sr=target_sr))
    assert all(piece.size for piece in pieces)
    whole = resample(y, orig_sr=orig_sr, target_sr=target_sr)
    np.testing.assert_array_equal(np.concatenate([y[:0], *pieces]), whole)


@given(st.integers(1, 3000), RATES, RATES)
def test_clip_remembers_its_original(n_samples, sr, target_sr):
    clip = load_audio(np.zeros(n_samples), sr=sr, target_sr=target_sr)
    assert (clip.n_samples, clip.sample_rate, clip.sr) == (n_samples, sr, target_sr)
    assert len(clip.y) == resampled_length(n_samples, sr, target_sr)


def test_channels_are_refused():
    with pytest.raises(InputError, match=r"mono audio of shape \(sample,\), got shape \(2, 100\)"):
        resample(np.zeros((2, 100), np.float32), orig_sr=8000, target_sr=16_000)


@pytest.mark.parametrize("name", ["orig_sr", "target_sr"])
def test_absurd_rate(name):
    with pytest.raises(InputError, match=f"got {name}=0"):
        resample(np.zeros(9), **{"orig_sr": 8000, "target_sr": 8000, name: 0})
