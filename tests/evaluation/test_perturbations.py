from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.evaluation.perturbations import (
    babble,
    gain,
    mix,
    noises,
    small_room,
    standard_perturbations,
    telephone,
    white_noise,
)
from qtokfeatures.exceptions import InputError

SR = 24_000


@pytest.fixture(scope="module")
def talkers() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.normal(0, 0.1 * (i + 1), size=6000 + i).astype(np.float32) for i in range(7)]


def decibels(ratio: float) -> float:
    return float(10 * np.log10(ratio))


@given(st.floats(-20, 40), st.floats(0.01, 100))
def test_noise_is_added_at_the_ratio_asked_for_whatever_its_level(snr_db: float, level: float):
    rng = np.random.default_rng(0)
    y, noise = rng.normal(size=500), level * rng.normal(size=500)
    added = mix(y, noise, snr_db=snr_db) - y
    assert decibels(np.sum(y**2) / np.sum(added**2)) == pytest.approx(snr_db, abs=1e-6)


def test_silence_stays_as_it_is():
    y, nothing = np.ones(10), np.zeros(10)
    np.testing.assert_array_equal(mix(y, nothing, snr_db=0), y)
    np.testing.assert_array_equal(mix(nothing, y, snr_db=0), nothing)


def test_every_change_keeps_the_length_and_follows_from_the_clips_name(speech, talkers):
    for change in standard_perturbations(talkers):
        once = change.apply(speech, SR, key="a clip")
        assert once.shape == speech.shape
        assert once.dtype == np.float32
        np.testing.assert_array_equal(once, change.apply(speech, SR, key="a clip"))
        assert not np.array_equal(once, speech), change.name


def test_another_clip_or_another_seed_gets_other_noise(speech, talkers):
    change = babble(talkers, snr_db=5)
    once = change.apply(speech, SR, key="a clip")
    assert not np.array_equal(once, change.apply(speech, SR, key="another"))
    other = babble(talkers, snr_db=5, seed=1)
    assert not np.array_equal(once, other.apply(speech, SR, key="a clip"))


def test_names_are_unique_and_state_kind_and_amount(talkers):
    names = [change.name for change in standard_perturbations(talkers)]
    assert len(set(names)) == len(names) == 11
    assert names[:4] == ["white 20 dB", "white 10 dB", "white 5 dB", "white 0 dB"]
    assert names[-3:] == ["small room", "telephone band", "gain −20 dB"]
    assert len(noises(talkers)) == 8


def test_babble_is_of_equally_loud_talkers_and_of_any_length(talkers):
    loud = [1000 * talkers[0], *talkers[1:]]
    y = np.ones(20_000, dtype=np.float32)
    np.testing.assert_allclose(
        babble(loud, snr_db=0).apply(y, SR, key="k"),
        babble(talkers, snr_db=0).apply(y, SR, key="k"),
        atol=1e-4,
    )


def test_babble_needs_six_talkers_who_talk(talkers):
    with pytest.raises(InputError, match="at least 6 clips of speech that are not silent, got 5"):
        babble(talkers[:5], snr_db=0)
    with pytest.raises(InputError, match="not silent"):
        babble([*talkers[:5], np.zeros(9)], snr_db=0)


@pytest.mark.parametrize(("hz", "passes"), [(60, False), (1000, True), (2500, True), (8000, False)])
def test_a_telephone_passes_its_band_without_delay(hz: int, passes: bool):
    y = np.sin(2 * np.pi * hz * np.arange(SR) / SR).astype(np.float32)
    heard = telephone().apply(y, SR, key="tone")[2000:-2000]
    if passes:
        np.testing.assert_allclose(heard, y[2000:-2000], atol=0.05)
    else:
        assert np.abs(heard).max() < 0.05


def test_a_telephone_of_low_rate_cuts_only_the_bass():
    y = np.sin(2 * np.pi * 3000 * np.arange(6000) / 6000.1).astype(np.float32)
    assert telephone(band_hz=(300.0, 3400.0)).apply(y, 6000, key="k").shape == y.shape


def test_a_room_adds_a_tail_and_leaves_the_direct_sound_in_place():
    y = np.zeros(SR, dtype=np.float32)
    y[1000] = 1
    heard = small_room().apply(y, SR, key="click")
    assert heard[1000] == pytest.approx(1)
    assert np.abs(heard[:1000]).max() < 1e-6
    tail = heard[1001:]
    assert decibels(1 / np.sum(tail**2)) == pytest.approx(3, abs=0.01)
    early, late = np.mean(tail[100:800] ** 2), np.mean(tail[6000:6700] ** 2)
    assert 30 < decibels(early / late) < 60


def test_gain_is_only_gain(speech):
    np.testing.assert_allclose(gain().apply(speech, SR, key="k"), 0.1 * speech, rtol=1e-6)


def test_white_noise_is_white():
    y = np.full(2**16, 1e-9, dtype=np.float32)
    spectrum = np.abs(np.fft.rfft(white_noise(snr_db=-40).apply(y, SR, key="k"))) ** 2
    low, high = np.mean(spectrum[1:16_000]), np.mean(spectrum[16_000:-1])
    assert decibels(low / high) == pytest.approx(0, abs=0.2)
