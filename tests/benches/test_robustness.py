from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.benches import BenchClip
from qtokfeatures.benches.robustness.bench import bench_robustness
from qtokfeatures.benches.robustness.flips import (
    chance_flips,
    count_flips,
    entropy_bits,
    held_out_information,
    speech_frames,
)
from qtokfeatures.benches.robustness.phones import (
    PAUSE,
    PhoneClip,
    missing_flite,
    speak,
    speak_all,
)
from qtokfeatures.benches.robustness.result import RobustnessResult
from qtokfeatures.exceptions import CodecError, CodesError, InputError

SR = 24_000
needs_flite = pytest.mark.skipif(bool(missing_flite()), reason=missing_flite())


@pytest.fixture(scope="module")
def talkers(make_voice) -> list[np.ndarray]:
    return [make_voice(0.5, seed=seed) for seed in range(10, 16)]


@pytest.fixture(scope="module")
def result(codec, clips, talkers):
    return bench_robustness(
        codec, clips=clips[:2], talkers=talkers, sentences=["Red sky at night.", "Five old owls."]
    )


def test_every_perturbation_has_a_share_of_every_codebook(result):
    assert list(result.flips)[:2] == ["white 20 dB", "white 10 dB"]
    assert len(result.flips) == 11
    for flips in result.flips.values():
        assert len(flips.every) == len(flips.speech) == 16
        assert all(0 <= share <= 1 for share in (*flips.every, *flips.speech))
    assert len(result.chance) == len(result.perplexity) == 16
    assert 0 < result.n_speech_frames <= result.n_frames


@needs_flite
def test_information_on_phones_is_at_most_their_entropy(result):
    assert [each.condition for each in result.phones] == ["clean", "white 5 dB", "babble 5 dB"]
    assert result.phone_entropy > 3
    for each in result.phones:
        assert len(each.by_sentence) == len(each.by_voice) == 16
        assert max(each.by_sentence) <= result.phone_entropy


def test_json_there_and_back(result):
    stored = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert RobustnessResult.from_dict(stored) == result


def test_tables_set_the_earlier_codec_beside_the_new_one(result):
    page = result.to_markdown("make it")
    assert "| speech through | codebook 0 | 1 | 2–3 | 4–7 | 8–15 | 0, pauses too |" in page
    assert "| any other frame instead |" in page
    assert "Made by `make it`." in page
    both = replace(result, before=result).to_markdown()
    assert "| codebook 0 | before: codebook 0 | 1 |" in both
    assert "| before: mini-random, 0 |" in both


def test_without_flite_phones_are_left_out_with_the_reason(codec, clips, talkers, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda tool: None)
    result = bench_robustness(codec, clips=clips[:1], talkers=talkers)
    assert result.phones == ()
    page = result.to_markdown()
    assert "left out, because flite not found: install flite" in page
    with pytest.raises(CodecError, match="install flite"):
        speak_all(["Hello."])


def test_clips_of_several_rates_or_none_are_refused(codec, clips, talkers):
    with pytest.raises(InputError, match="expected clips to measure on, got none"):
        bench_robustness(codec, clips=[], talkers=talkers)
    slow = BenchClip("slow", "speech", clips[0].y, 16_000)
    with pytest.raises(InputError, match=r"\[16000, 24000\] Hz"):
        bench_robustness(codec, clips=[clips[0], slow], talkers=talkers)


# ------------------------------------------------------------------------------------ flips


def test_flips_are_counted_codebook_by_codebook():
    before = [np.array([[1, 2], [3, 4]]), np.array([[5], [6]])]
    after = [np.array([[1, 9], [3, 4]]), np.array([[9], [6]])]
    speaks = [np.array([True, False]), np.array([True])]
    flips = count_flips(before, after, speaks)
    assert flips.every == pytest.approx((2 / 3, 0))
    assert flips.speech == pytest.approx((1 / 2, 0))


def test_other_shapes_are_refused():
    with pytest.raises(CodesError, match="other codebooks or frames"):
        count_flips([np.zeros((2, 3))], [np.zeros((2, 4))], [np.ones(3, dtype=bool)])


@given(st.integers(1, 50), st.integers(2, 200))
def test_chance_of_even_use(n_codes: int, n_each: int):
    codes = np.tile(np.arange(n_codes), n_each)[None]
    assert chance_flips([codes])[0] == pytest.approx(1 - 1 / n_codes)


def test_speech_is_what_is_loud():
    y = np.concatenate([np.full(100, 1.0), np.full(100, 0.1), np.full(100, 0.01), np.zeros(50)])
    assert speech_frames(y, 4, 100).tolist() == [True, True, False, False]
    assert not speech_frames(np.zeros(100), 1, 100).any()


# ------------------------------------------------------------------------------ information


def made_up(n: int = 6000, n_phones: int = 8, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng, rng.integers(n_phones, size=n), np.arange(n) % 5


def test_a_token_for_each_phone_holds_all_information():
    _, phones, groups = made_up()
    assert entropy_bits(phones) == pytest.approx(3, abs=0.01)
    assert held_out_information(100 - phones, phones, groups) == pytest.approx(3, abs=0.02)


def test_half_of_the_phone_is_half_of_the_bits():
    _, phones, groups = made_up()
    assert held_out_information(phones % 2, phones, groups) == pytest.approx(1, abs=0.02)


def test_random_tokens_hold_no_information_unlike_the_plug_in_estimate():
    rng, phones, groups = made_up()
    tokens = rng.integers(2048, size=len(phones))
    joint = np.zeros((2048, 8))
    np.add.at(joint, (tokens, phones), 1 / len(phones))
    expected = np.outer(joint.sum(1), joint.sum(0))
    seen = joint > 0
    naive = np.sum(joint[seen] * np.log2(joint[seen] / expected[seen]))
    assert naive > 1
    assert held_out_information(tokens, phones, groups) == pytest.approx(0, abs=0.02)


def test_a_collapsed_codebook_holds_no_information():
    _, phones, groups = made_up()
    assert held_out_information(np.zeros(len(phones)), phones, groups) == pytest.approx(0, abs=1e-3)


def test_noisy_tokens_are_judged_by_counts_of_clean_ones():
    rng, phones, groups = made_up()
    noisy = np.where(rng.random(len(phones)) < 0.5, phones, rng.integers(8, size=len(phones)))
    clean = held_out_information(phones, phones, groups)
    told = held_out_information(phones, phones, groups, test_tokens=noisy)
    assert told < clean - 1
    unseen = held_out_information(phones, phones, groups, test_tokens=phones + 1000)
    assert unseen == pytest.approx(0, abs=0.01)


def test_relations_of_one_voice_do_not_generalise():
    rng, phones, _ = made_up()
    voices = rng.integers(3, size=len(phones))
    tokens = 8 * voices + (phones + 3 * voices) % 8
    mixed = np.arange(len(phones)) % 5
    assert held_out_information(tokens, phones, mixed) > 2.8
    assert held_out_information(tokens, phones, voices) < 0.01


def test_groups_and_lengths_are_checked():
    with pytest.raises(InputError, match="two or more groups"):
        held_out_information([1, 2], ["a", "b"], [0, 0])
    with pytest.raises(InputError, match="got 2, 2, 3 and 3"):
        held_out_information([1, 2], ["a", "b", "c"], [0, 1, 2])


# ----------------------------------------------------------------------------------- phones


def test_a_frame_has_the_phone_that_fills_most_of_it():
    clip = PhoneClip("x", "v", np.zeros(10), SR, ("pau", "a", "b"), (0.05, 0.10, 0.29))
    phones = clip.frame_phones(5, frame_rate=10)
    # The first frame is half pause and half "a": the first of equals. After the last: a pause.
    assert phones.tolist()[1:] == ["b", "b", PAUSE, PAUSE]
    assert phones[0] in ("pau", "a")


@needs_flite
def test_flite_labels_its_phones_and_their_times():
    clip = speak("Six seals.", voice="slt")
    assert clip.phones == ("pau", "s", "ih", "k", "s", "s", "iy", "l", "z", "pau")
    assert clip.ends_s == tuple(sorted(clip.ends_s))
    assert clip.ends_s[-1] == pytest.approx(len(clip.y) / clip.sr, abs=0.03)
    energy = np.square(clip.y[: len(clip.y) // 160 * 160].reshape(-1, 160)).mean(axis=1)
    phones = clip.frame_phones(len(energy), frame_rate=100)
    assert energy[phones == "iy"].mean() > 100 * energy[phones == PAUSE].mean()


@needs_flite
def test_every_voice_speaks_fast_and_slowly():
    clips = speak_all(["No."])
    assert len(clips) == 6
    assert len({clip.voice for clip in clips}) == 3
    assert len(clips[1].y) > 1.2 * len(clips[0].y)
