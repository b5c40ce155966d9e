"""Simulated recordings: bands, levels, clicks, speed and MP3."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from qtokfeatures.evaluation import recording_chains
from qtokfeatures.evaluation.recording_chains import (
    ACOUSTIC,
    ELECTRICAL,
    LOW_RATE_MP3,
    RECORDING_CHAINS,
    TAPE,
    UNTREATED,
    add_crackle,
    add_hiss,
    band_limit,
    through_mp3,
    wow_and_flutter,
)
from qtokfeatures.exceptions import InputError

SR = 24_000
needs_mp3 = pytest.mark.skipif(
    "MP3" not in soundfile.available_formats() or not recording_chains._takes_a_rate(),
    reason="this soundfile writes no MP3 of a given rate",
)
without_mp3 = [chain for chain in RECORDING_CHAINS if chain.mp3_kbits is None]
chains = pytest.mark.parametrize(
    "chain",
    [pytest.param(c, id=c.name, marks=needs_mp3 if c.mp3_kbits else ()) for c in RECORDING_CHAINS],
)


def tone(hz: float, *, sr: int = SR, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * sr)) / sr)).astype(np.float32)


def noise(seed: int = 0, n: int = SR) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, n).astype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def level_db(y: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(y, dtype=np.float64)) + 1e-20)


# --------------------------------------------------------------------------- bandwidth


@pytest.mark.parametrize("chain", [ACOUSTIC, ELECTRICAL, TAPE], ids=lambda chain: chain.name)
@pytest.mark.parametrize("sr", [SR, 44_100])
def test_tones_inside_the_band_pass_and_others_die(chain, sr: int) -> None:
    low, high = chain.band_hz
    middle = float(np.sqrt(low * high))
    outside = [low / 3] + ([3 * high] if 3 * high < sr / 2 else [])
    for hz, gone_db in [(middle, 0.0), *((hz, 60.0) for hz in outside)]:
        y = tone(hz, sr=sr, seconds=1.0)
        kept = band_limit(y, sr, band_hz=chain.band_hz)[sr // 4 : -sr // 4]
        loss = level_db(y) - level_db(kept)
        assert loss == pytest.approx(0, abs=0.2) if gone_db == 0 else loss > gone_db


@pytest.mark.parametrize("band", [(0, 100), (200, 100), (-1, 9), (20_000, 22_000)])
def test_bad_bands_are_refused(band) -> None:
    with pytest.raises(InputError, match="two rising edges"):
        band_limit(noise(), SR, band_hz=band)


# -------------------------------------------------------------------- hiss and crackle


@given(st.floats(-10, 50), st.integers(0, 99), st.integers(1000, 9000))
def test_hiss_has_the_ratio_it_is_given(snr_db: float, seed: int, n: int) -> None:
    y = noise(seed, n)
    hiss = add_hiss(y, SR, rng(seed), snr_db=snr_db) - y
    assert level_db(y) - level_db(hiss) == pytest.approx(snr_db, abs=0.3)


@given(st.floats(0, 30), st.floats(2, 80), st.integers(0, 99))
def test_crackle_is_short_and_has_the_ratio_it_is_given(snr_db, per_s, seed) -> None:
    y = np.full(2 * SR, 0.1, dtype=np.float32)
    clicks = add_crackle(y, SR, rng(seed), clicks_per_s=per_s, snr_db=snr_db) - y
    touched = np.abs(clicks) > 0
    assert touched.mean() <= (per_s + 6 * np.sqrt(per_s)) * 0.001 + 0.001
    if touched.any():
        assert level_db(y) - level_db(clicks) == pytest.approx(snr_db, abs=0.3)


def test_no_clicks_leave_the_sound_alone() -> None:
    y = noise()
    np.testing.assert_array_equal(add_crackle(y, SR, rng(), clicks_per_s=0, snr_db=0), y)


# --------------------------------------------------------------------- wow and flutter


@pytest.mark.parametrize(("rate_hz", "depth"), [(1.3, 0.003), (9.0, 0.001), (0.7, 0.002)])
def test_the_pitch_goes_up_and_down_by_the_depth(rate_hz: float, depth: float) -> None:
    y = tone(1000, seconds=4)
    wobbling = wow_and_flutter(y, SR, rng(1), wobbles=((rate_hz, depth),))
    phase = np.unwrap(np.angle(signal.hilbert(wobbling)))
    hz = (np.diff(phase) * SR / (2 * np.pi))[SR // 2 : -SR // 2]
    assert hz.max() == pytest.approx(1000 * (1 + depth), rel=2e-4)
    assert hz.min() == pytest.approx(1000 * (1 - depth), rel=2e-4)
    around = hz - hz.mean()
    crossings = np.sum(np.diff(np.sign(signal.savgol_filter(around, 501, 2))) != 0)
    assert crossings == pytest.approx(2 * rate_hz * len(hz) / SR, abs=2)


def test_no_wobble_leaves_the_sound_alone() -> None:
    np.testing.assert_allclose(wow_and_flutter(noise(), SR, rng(), wobbles=()), noise(), atol=1e-6)


# --------------------------------------------------------------------------------- MP3


@needs_mp3
@pytest.mark.parametrize("sr", [8000, 24_000, 44_100])
@pytest.mark.parametrize("kbits", [16, 32, 64])
def test_an_mp3_comes_back_in_time_and_length(sr: int, kbits: int) -> None:
    y = tone(440, sr=sr) * np.hanning(sr).astype(np.float32)
    heard = through_mp3(y, sr, kbits=kbits)
    assert heard.shape == y.shape
    assert np.corrcoef(heard, y)[0, 1] > 0.98


@needs_mp3
def test_fewer_bits_are_further_away() -> None:
    errors = [level_db(through_mp3(noise(), SR, kbits=k) - noise()) for k in (16, 64, 160)]
    assert errors[0] > errors[1] > errors[2]


def test_rates_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="kbits must be a number from 8 to 160, got 320"):
        through_mp3(noise(), SR, kbits=320)


# ------------------------------------------------------------------------------ chains


@chains
@pytest.mark.parametrize("n", [1, 100, 5000])
def test_as_many_samples_as_loud_and_finite(chain, n: int) -> None:
    y = noise(n=n)
    out = chain.apply(y, SR, key="a")
    assert (out.shape, out.dtype) == (y.shape, np.float32)
    assert np.isfinite(out).all()
    assert level_db(out) == pytest.approx(level_db(y), abs=0.01)


@chains
def test_the_same_clip_comes_out_the_same(chain) -> None:
    y = noise()
    np.testing.assert_array_equal(chain.apply(y, SR, key="a"), chain.apply(y, SR, key="a"))


@pytest.mark.parametrize("chain", [ACOUSTIC, ELECTRICAL, TAPE], ids=lambda chain: chain.name)
def test_other_clips_and_seeds_give_other_draws(chain) -> None:
    one = chain.apply(noise(), SR, key="a")
    assert not np.array_equal(one, chain.apply(noise(), SR, key="b"))
    assert not np.array_equal(one, chain.apply(noise(), SR, key="a", seed=1))


@chains
def test_the_input_is_not_changed(chain) -> None:
    y = noise()
    chain.apply(y, SR, key="a")
    np.testing.assert_array_equal(y, noise())


@chains
def test_silence_stays_silent(chain) -> None:
    assert not chain.apply(np.zeros(SR, np.float32), SR, key="a").any()


def test_untreated_is_the_identity() -> None:
    np.testing.assert_allclose(UNTREATED.apply(noise(), SR, key="a"), noise(), rtol=1e-6)


def test_older_recordings_are_noisier_where_nothing_plays() -> None:
    y = np.concatenate([tone(1000), np.zeros(2 * SR, np.float32)])
    floors = [
        level_db(chain.apply(y, SR, key="a")[2 * SR :])
        for chain in (ACOUSTIC, ELECTRICAL, TAPE, UNTREATED)
    ]
    assert floors == sorted(floors, reverse=True)
    assert floors[0] - floors[2] > 15


def test_wow_and_flutter_of_tape_keep_to_the_standard() -> None:
    assert sum(depth for _, depth in TAPE.wobbles) <= 0.002
    assert LOW_RATE_MP3.mp3_kbits[0] >= recording_chains.MP3_KBITS[0]
