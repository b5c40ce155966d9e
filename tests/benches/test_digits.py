from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from qtokfeatures.audio.acoustic import log_mel_frames, mfcc_frames
from qtokfeatures.benches import BenchClip, load_digits
from qtokfeatures.benches.clips import load_talkers
from qtokfeatures.benches.digits.bench import WINDOWS, bench_digits, encode_with_latents, pool
from qtokfeatures.benches.digits.classifier import Examples, leave_one_speaker_out
from qtokfeatures.estimators import CodeEmbedding, TokenHistogram
from qtokfeatures.exceptions import InputError

SR = 8000
SPEAKERS = ("ann", "ben", "cid")


def tone(digit: int, speaker: int, take: int) -> np.ndarray:
    """One pitch a digit, nearly the same for every speaker."""
    time = np.arange(2400 + 100 * take) / SR
    hz = 300 * (digit + 1) * (1 + 0.02 * speaker)
    noise = np.random.default_rng(take).normal(0, 0.002, size=len(time))
    return (0.4 * np.sin(2 * np.pi * hz * time) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def digits() -> list[BenchClip]:
    return [
        BenchClip(
            f"{digit}_{name}_{take}",
            "speech",
            tone(digit, speaker, take),
            SR,
            speaker=name,
            text=str(digit),
        )
        for speaker, name in enumerate(SPEAKERS)
        for digit in range(3)
        for take in range(2)
    ]


@pytest.fixture(scope="module")
def talkers(make_voice) -> list[np.ndarray]:
    return [make_voice(0.5, seed=seed, sr=SR) for seed in range(6)]


FEATURES = {
    "histogram": TokenHistogram(codebooks=1, bins=None),
    "embedding": CodeEmbedding(segments=3),
}


@pytest.fixture(scope="module")
def result(codec, digits, talkers):
    features = {name: each.set_params(codec=codec) for name, each in FEATURES.items()}
    return bench_digits(
        codec, digits, token_features=features, talkers=talkers,
        training_talkers=talkers[::-1], n_codebooks=(16, 1, 99), refine=1, peers=[],
    )  # fmt: skip


def test_every_feature_is_measured_clean_and_in_every_noise(result):
    assert [row.name for row in result.features] == [
        "histogram",
        "embedding",
        "latents, mean and std",
        "latents, 3 segments",
        "MFCC, mean and std",
        "MFCC, 3 segments",
        "log-mel, mean and std",
        "log-mel, 3 segments",
        "MFCC, 3 segments, trained on noisy speech",
    ]
    assert result.conditions[0] == "clean"
    assert len(result.conditions) == 9
    for row in result.features:
        assert tuple(row.right) == result.conditions
        assert all(right.shape == (18,) for right in row.right.values())


def test_tones_are_classified_by_spectral_features(result):
    by_name = {row.name: row for row in result.features}
    assert by_name["MFCC, 3 segments"].accuracy() == 1
    assert by_name["log-mel, mean and std"].accuracy() == 1
    assert by_name["MFCC, 3 segments"].interval() == (1, 1)


def test_decoded_rows_start_with_originals_and_cover_every_number_of_codebooks(result):
    assert [row.name for row in result.decoded] == [
        "originals",
        "mini-random, 16 codebooks",
        "mini-random, 1 codebook",
        "mini-random, 16 codebooks, refine=1",
    ]
    assert result.decoded[0].accuracy() == 1
    assert all(list(row.right) == ["clean"] for row in result.decoded)


def test_tables_and_notes_show_the_measurements(result):
    page = result.to_markdown("make it")
    assert "| feature | clean | white 20 dB | white 10 dB |" in page
    assert "| MFCC, 3 segments | 100 [100, 100] | " in page
    assert "| originals | 100 [100, 100] | 100 |" in page
    assert "18 recordings of the Free Spoken Digit Dataset (8 kHz, 3 speakers" in page
    assert "Made by `make it`." in page
    assert "fingerprint `" in page


def test_json_has_accuracy_and_interval(result):
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["recordings"] == dict.fromkeys(SPEAKERS, 6)
    clean = plain["features"][5]["conditions"]["clean"]
    assert clean == {"accuracy": 1.0, "interval_95": [1.0, 1.0]}


def test_a_missing_peer_is_named(codec, digits, talkers, monkeypatch):
    monkeypatch.setattr("qtokfeatures.benches.peers.shutil.which", lambda tool: None)
    result = bench_digits(
        codec, digits, token_features={}, talkers=talkers, training_talkers=talkers,
        n_codebooks=(1,),
    )  # fmt: skip
    assert "Opus, asked for 6 kbit/s" in result.skipped
    assert "was left out: opusenc" in "\n".join(result.notes())


def test_digits_of_several_rates_are_refused(codec, digits, talkers):
    other = BenchClip("x", "speech", digits[0].y, 16_000, speaker="ann", text="1")
    with pytest.raises(InputError, match=r"one rate, got \[8000, 16000\] Hz"):
        bench_digits(
            codec, [*digits, other], token_features={}, talkers=talkers, training_talkers=talkers
        )


# ------------------------------------------------------------------------------- classifier


def separable(n_speakers: int = 4) -> Examples:
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(3), 4 * n_speakers)
    speakers = np.repeat([f"s{i}" for i in range(n_speakers)], 12)
    features = np.eye(3)[labels] * 100 + rng.normal(0, 1, size=(len(labels), 3))
    return Examples(features.astype(np.float32), labels, speakers)


def test_separable_classes_are_classified_at_any_scale():
    data = separable()
    for scale in (1e-4, 1, 1e4):
        tests = {"clean": scale * data.features}
        train = Examples(scale * data.features, data.labels, data.speakers)
        right = leave_one_speaker_out(train, tests, data.labels, data.speakers)
        assert right["clean"].all()


def test_features_of_the_speaker_alone_do_not_classify():
    """A feature that names the speaker, and nothing else, is worth nothing on others."""
    data = separable()
    speaker = np.unique(data.speakers, return_inverse=True)[1]
    features = np.eye(4, dtype=np.float32)[speaker]
    train = Examples(features, data.labels, data.speakers)
    right = leave_one_speaker_out(train, {"clean": features}, data.labels, data.speakers)
    assert right["clean"].mean() < 0.5


def test_test_conditions_do_not_affect_each_other():
    data = separable()
    tests = {"clean": data.features, "nonsense": np.full_like(data.features, 7)}
    together = leave_one_speaker_out(data, tests, data.labels, data.speakers)
    alone = leave_one_speaker_out(data, {"clean": data.features}, data.labels, data.speakers)
    np.testing.assert_array_equal(together["clean"], alone["clean"])
    assert together["nonsense"].mean() == pytest.approx(1 / 3)


def test_constant_features_are_no_error():
    data = separable()
    nothing = np.zeros_like(data.features)
    train = Examples(nothing, data.labels, data.speakers)
    right = leave_one_speaker_out(train, {"clean": nothing}, data.labels, data.speakers)
    assert right["clean"].mean() == pytest.approx(1 / 3)


def test_two_speakers_are_too_few():
    data = separable(2)
    with pytest.raises(InputError, match="needs three speakers, got 2"):
        leave_one_speaker_out(data, {}, data.labels, data.speakers)


# --------------------------------------------------------------------------------- features


def test_statistics_of_mfcc_and_log_mel(speech):
    frames = mfcc_frames(speech, 24_000, **WINDOWS)
    assert frames.shape == (201, 40)
    assert log_mel_frames(speech, 24_000, **WINDOWS).shape == (201, 40)
    assert pool([frames, frames[:30]]).shape == (2, 80)
    assert pool([frames], segments=3).shape == (1, 160)


def test_very_short_clips_have_mfcc():
    assert np.isfinite(mfcc_frames(np.full(300, 0.1, dtype=np.float32), SR, **WINDOWS)).all()


def test_codes_and_latents_of_many_are_what_users_get_of_each(codec, digits):
    waves = [clip.y for clip in digits[:5]]
    codes, latents = encode_with_latents(codec, waves, sr=SR)
    for own, latent, y in zip(codes, latents, waves, strict=True):
        np.testing.assert_array_equal(own, codec.encode(y, sr=SR))
        np.testing.assert_allclose(latent, codec.latents(y, sr=SR), rtol=1e-5, atol=1e-6)
    (decoded, rate), *_ = codec.decode_many(codes)
    assert (len(decoded), rate) == (len(waves[0]), SR)


# ------------------------------------------------------------------------------- recordings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = ["path,kind,split,speaker,digit"]

    def add(path: str, kind: str, split: str, speaker: str, digit: str, *, level=0.1):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        sf.write(file, level * np.sin(np.arange(9000 if digit == "" else 1000)), SR)
        rows.append(f"{path},{kind},{split},{speaker},{digit}")

    for speaker in SPEAKERS:
        for digit in (0, 7):
            for take in range(4):
                add(f"a/fsdd/{digit}_{speaker}_{take}.wav", "speech", "dev", speaker, str(digit))
    add("a/read/1.wav", "speech", "dev", "p", "", level=0.3)
    add("a/read/2.wav", "speech", "train", "q", "")
    add("a/alphanumeric/3.wav", "speech", "train", "r", "", level=0.2)
    add("a/read/silent.wav", "speech", "dev", "s", "", level=0)
    add("a/music/4.wav", "music", "dev", "", "")
    (tmp_path / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path


def test_digits_are_spread_evenly_and_scaled(folder):
    digits = load_digits(folder, per_digit=2)
    assert len(digits) == 12
    assert {clip.text for clip in digits} == {"0", "7"}
    assert [clip.name for clip in digits[:2]] == ["a/fsdd/0_ann_0.wav", "a/fsdd/0_ann_2.wav"]
    assert all(np.abs(clip.y).max() == pytest.approx(0.5) for clip in digits)
    assert len(load_digits(folder, per_digit=None)) == 24


def test_talkers_of_tests_and_of_training_are_other_clips_that_no_codec_was_trained_on(folder):
    (for_tests,) = load_talkers(folder, sr=16_000)
    (for_training,) = load_talkers(folder, sr=16_000, split="train", within="alphanumeric")
    assert len(for_tests) == 18_000
    assert np.abs(for_tests).max() == pytest.approx(0.3, abs=0.02)
    assert np.abs(for_training).max() == pytest.approx(0.2, abs=0.02)


def test_a_folder_without_digits_or_talkers_is_named(folder):
    (folder / "manifest.csv").write_text("path,kind,split,speaker,digit\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"manifest\.csv: no digits by two or more speakers"):
        load_digits(folder)
    with pytest.raises(InputError, match="no speech of split 'dev' for babble"):
        load_talkers(folder, sr=SR)


@pytest.mark.shared
def test_the_shared_digits_are_fifteen_of_each_by_each_of_five(shared_audio):
    digits = load_digits(shared_audio)
    assert len(digits) == 750
    assert len({clip.speaker for clip in digits}) == 5
    assert {clip.sr for clip in digits} == {SR}
