"""Distances against their definition written with librosa, and what must hold for any signals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.audio import log_mel_distance, log_stft_distance, si_sdr
from qtokfeatures.audio.acoustic import mel_filters
from qtokfeatures.exceptions import AudioError, InputError

SIZES = [(2048, 128), (1024, 80), (512, 64), (256, 32)]
SPECTRAL = [log_mel_distance, log_stft_distance]


def signals(n_samples: int = 12_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.normal(0, 0.1, n_samples) * np.linspace(0, 1, n_samples)
    return y.astype(np.float32), (y + rng.normal(0, 0.01, n_samples)).astype(np.float32)


@pytest.mark.parametrize("sr", [8000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize(("n_fft", "n_mels"), SIZES)
def test_mel_filters_are_librosas(sr, n_fft, n_mels):
    librosa = pytest.importorskip("librosa")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bands narrower than a bin
        expected = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, htk=False, norm=None)
    np.testing.assert_allclose(mel_filters(sr, n_fft, n_mels), expected, atol=1e-6)


@pytest.mark.parametrize("n_samples", [100, 3001, 24_000])
@pytest.mark.parametrize("sr", [16_000, 24_000])
def test_distances_follow_their_definition(n_samples, sr):
    librosa = pytest.importorskip("librosa")
    y, y_hat = signals(n_samples)

    def spectrum(signal: np.ndarray, size: int) -> np.ndarray:
        padded = librosa.stft(
            np.pad(signal, size // 2), n_fft=size, hop_length=size // 4, window="hann", center=False
        )
        return np.abs(padded) * 4 / size

    mel, stft = [], []
    for size, n_bands in SIZES:
        a, b = spectrum(y, size), spectrum(y_hat, size)
        filters = librosa.filters.mel(sr=sr, n_fft=size, n_mels=n_bands, norm=None)
        stft.append(np.mean(np.abs(np.log(a + 3e-5) - np.log(b + 3e-5))))
        mel.append(np.mean(np.abs(np.log(filters @ a + 1e-4) - np.log(filters @ b + 1e-4))))
    assert log_mel_distance(y, y_hat, sr) == pytest.approx(np.mean(mel), rel=1e-4)
    assert log_stft_distance(y, y_hat, sr) == pytest.approx(np.mean(stft), rel=1e-4)


def test_sine_of_amplitude_one_has_amplitude_one():
    """The scale that the constants 1e-4 and 3e-5 are meant for."""
    from qtokfeatures.audio.distances import _spectra

    sine = np.sin(2 * np.pi * 64 / 2048 * np.arange(20_480)).astype(np.float32)
    [spectra] = _spectra(sine, 2048)
    assert spectra[20].max() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("distance", SPECTRAL)
def test_equal_signals_have_distance_zero(distance):
    y, _ = signals()
    assert distance(y, y.copy(), 24_000) == 0
    assert distance(np.zeros(500), np.zeros(500), 24_000) == 0


@pytest.mark.parametrize("distance", SPECTRAL)
@given(st.integers(1, 5000), st.integers(0, 5))
def test_distance_is_symmetric_and_positive(distance, n_samples, seed):
    y, y_hat = signals(n_samples, seed)
    there = distance(y, y_hat, 24_000)
    assert there == pytest.approx(distance(y_hat, y, 24_000), rel=1e-9)
    assert 0 <= there < 20


@pytest.mark.parametrize("distance", SPECTRAL)
def test_more_noise_is_farther(distance):
    y, _ = signals()
    noise = np.random.default_rng(9).normal(0, 1, y.size)
    away = [distance(y, y + level * noise, 24_000) for level in (0.001, 0.01, 0.1)]
    assert away == sorted(away)


def test_gain_far_above_the_floor_is_its_logarithm():
    y = np.random.default_rng(0).normal(0, 0.3, 48_000)
    assert log_mel_distance(y, y * 2, 24_000) == pytest.approx(np.log(2), rel=0.02)


def test_long_signals_in_pieces_give_the_same(monkeypatch):
    y, y_hat = signals(60_000)
    whole = log_mel_distance(y, y_hat, 24_000)
    monkeypatch.setattr("qtokfeatures.audio.distances._VALUES_AT_ONCE", 2**13)
    assert log_mel_distance(y, y_hat, 24_000) == pytest.approx(whole, rel=1e-6)


def test_kept_filters_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        mel_filters(24_000, 512, 64)[0, 0] = 1


# ---------------------------------------------------------------------------- SI-SDR


@given(st.floats(0.01, 100), st.floats(-40, 40), st.floats(-1, 1))
def test_si_sdr_is_the_ratio_whatever_gain_and_offset(gain, ratio_db, offset):
    phase = 2 * np.pi * 10 * np.arange(10_000) / 10_000
    y, noise = np.sin(phase), np.cos(phase)
    y_hat = gain * (y + noise * 10 ** (-ratio_db / 20)) + offset * gain
    assert si_sdr(y, y_hat) == pytest.approx(ratio_db, abs=0.05)


def test_si_sdr_at_its_ends():
    y, _ = signals()
    silence = np.zeros_like(y)
    assert si_sdr(y, y) > 120
    assert si_sdr(y, -0.5 * y) > 120
    assert si_sdr(y, silence) == -np.inf
    assert np.isnan(si_sdr(silence, y))
    assert np.isnan(si_sdr(np.full(5000, 0.1), y[:5000]))


# ---------------------------------------------------------------------------- errors

ALL = [*SPECTRAL, lambda y, y_hat, sr: si_sdr(y, y_hat)]


@pytest.mark.parametrize("distance", ALL)
def test_unequal_lengths(distance):
    with pytest.raises(InputError, match="y has 100 samples and y_hat 99; a distance needs equal"):
        distance(np.zeros(100), np.zeros(99), 24_000)


@pytest.mark.parametrize("distance", ALL)
def test_what_is_not_audio(distance):
    with pytest.raises(AudioError, match="y_hat: 1 of 100 values are NaN"):
        distance(np.zeros(100), np.where(np.arange(100) == 3, np.nan, 0), 24_000)
    with pytest.raises(AudioError, match="y: has no samples"):
        distance(np.zeros(0), np.zeros(0), 24_000)


@pytest.mark.parametrize("distance", SPECTRAL)
def test_absurd_rate(distance):
    with pytest.raises(InputError, match="got sr=0"):
        distance(np.zeros(100), np.zeros(100), 0)
