"""The tasks bench, on sounds that are easy to classify."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import soundfile as sf

import qtokfeatures as qt
from qtokfeatures.audio.acoustic import mfcc_frames
from qtokfeatures.benches.tasks import conditions
from qtokfeatures.benches.tasks import sounds as bench
from qtokfeatures.benches.tasks.baselines import POOLINGS, frame_levels, pooled
from qtokfeatures.benches.tasks.bench import _usable, bench_tasks
from qtokfeatures.benches.tasks.learners import _inner_folds, classify
from qtokfeatures.benches.tasks.result import Compared, _verdict_row
from qtokfeatures.evaluation import find_lag, recording_chains
from qtokfeatures.evaluation.perturbations import Perturbation, white_noise
from qtokfeatures.exceptions import InputError

SR = 24_000
TASK = "rendered instruments, another soundfont"


needs_mp3 = pytest.mark.skipif(
    "MP3" not in sf.available_formats() or not recording_chains._takes_a_rate(),
    reason="libsndfile without MP3 encoding of a given rate",
)


@dataclass(frozen=True)
class Note:
    y: np.ndarray
    instrument: str
    family: str
    soundfont: str


def tone(hz: float, noise: float, seed: int) -> np.ndarray:
    rng, t = np.random.default_rng(seed), np.arange(SR // 2) / SR
    y = 0.3 * np.sin(2 * np.pi * hz * t) + noise * rng.standard_normal(len(t))
    return y.astype(np.float32)


@pytest.fixture(scope="module")
def notes() -> list[Note]:
    """Low, high and noisy sounds of two soundfonts, four notes each."""
    kinds = {"tuba": (110, 0.003), "flute": (1760, 0.003), "shaker": (500, 0.3)}
    return [
        Note(tone(hz * (1 + 0.02 * i), noise, 10 * i + k), name, f"{name}s", font)
        for k, font in enumerate(["fluid", "timgm"])
        for name, (hz, noise) in kinds.items()
        for i in range(4)
    ]


def nowhere(y, sr, rng):
    raise InputError("there is no such place")


@pytest.fixture(scope="module")
def result(notes):
    sounds = bench.note_sounds(notes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qtokfeatures.benches.tasks.bench._CLUSTER_RESAMPLES", 5)
        patch.setattr("qtokfeatures.benches.tasks.learners.SEEDS", range(1))
        return bench_tasks(
            qt.load_codec("mini", device="cpu"),
            (bench.across_soundfonts(notes, sounds), bench.family_clusters(notes, sounds)),
            token_features={
                "mean": qt.CodeEmbedding(pooling="mean"),
                "histogram": qt.TokenHistogram(codebooks=2, bins=8),
            },
            conditions=(
                white_noise(snr_db=20.0),
                conditions.delayed(40),
                Perturbation("nothing", lambda y, sr, rng: y),
                Perturbation("no such place", nowhere),
            ),
        )


def test_easy_sounds_are_classified_by_tokens(result):
    classified, clustered = result.tasks.values()
    mean = next(row for row in classified if row.feature == "mean")
    assert mean.scores["accuracy"] > 0.9
    assert set(clustered[0].scores) == {"ari", "nmi"}
    assert result.chosen in ("mean", "histogram")
    assert set(result.chosen_rows()) == set(result.tasks)


def test_every_family_has_the_pooling_that_is_best_in_training(result):
    classified, clustered = result.tasks.values()
    tuning = {row.feature: row.tuning for row in classified}
    bases = list(classified[-1].difference_95)
    assert [base.split(",")[0] for base in bases] == ["MFCC", "log-mel"]
    for base in bases:
        family = [name for name in tuning if name.split(",")[0] == base.split(",")[0]]
        assert len(family) == len(POOLINGS)
        assert tuning[base] == max(tuning[name] for name in family)
    assert list(clustered[-1].difference_95) == bases


def test_tables_have_a_row_for_every_feature_and_score(result):
    verdict, classified, clustered, conditions, differences = result.tables()
    bases = list(result.tasks[TASK][-1].difference_95)
    assert [row[1] for row in verdict.rows] == bases * 3
    compared = (f"difference to {base}" for base in bases)
    assert classified.header == ("feature", "accuracy, %", *compared, "in training")
    features = [row[0] for row in classified.rows]
    assert features[0] == "MFCC"
    assert features[-2:] == ["mean", "histogram"]
    assert [row[0] for row in clustered.rows] == [row[0] for row in conditions.rows] == features
    assert conditions.header == ("feature", "clean", "white 20 dB", "40 ms later", "nothing")
    assert [row[0] for row in differences.rows] == [f"to {base}" for base in bases]
    assert all("[" in cell for row in differences.rows for cell in row[1:])
    notes = " ".join(result.notes("make it"))
    assert "make it" in notes
    assert "24 rendered notes of 3 instruments, soundfonts fluid, timgm" in notes
    assert "pooled in the same ways" in notes
    assert "no such place was left out: there is no such place" in notes
    assert result.to_dict()["chosen"] == result.chosen


def test_an_identity_condition_scores_as_clean(result):
    for row, perturbed in zip(result.tasks[TASK], result.perturbed[TASK], strict=True):
        assert perturbed.feature == row.feature
        assert perturbed.scores["clean"] == row.scores["accuracy"]
        assert perturbed.scores["nothing"] == perturbed.scores["clean"]
        for base, intervals in row.difference_95.items():
            assert perturbed.difference_95[base]["clean"] == intervals["accuracy"]


def test_without_conditions_there_are_no_tables_of_them(notes):
    sounds = bench.note_sounds(notes)
    features = {"mean": qt.CodeEmbedding(pooling="mean")}
    task = bench.across_soundfonts(notes, sounds)
    result = bench_tasks(qt.load_codec("mini", device="cpu"), (task,), token_features=features)
    assert result.perturbed == {}
    assert len(result.tables()) == 2
    assert type(result).from_dict(result.to_dict()) == result


def test_notes_of_one_side_only_are_refused(notes):
    only = [note for note in notes if note.soundfont == "fluid"]
    with pytest.raises(InputError, match="soundfont 'timgm' and of another one"):
        bench.across_soundfonts(only, bench.note_sounds(only))


def test_clusters_alone_are_refused(notes):
    task = bench.family_clusters(notes, bench.note_sounds(notes))
    with pytest.raises(InputError, match="at least one task of classification"):
        bench_tasks(qt.load_codec("mini"), (task,), token_features={})


def test_a_feature_that_is_the_label_is_always_right(notes):
    task = bench.across_soundfonts(notes, bench.note_sounds(notes))
    codes = np.unique(task.labels, return_inverse=True)[1]
    features = np.eye(3, dtype=np.float32)[codes]
    features += 0.01 * np.random.default_rng(0).standard_normal(features.shape)
    noise = np.random.default_rng(1).standard_normal((len(codes), 3)).astype(np.float32)
    learnt = classify(task, {"clean": features, "swapped": features[:, ::-1], "noise": noise})
    assert learnt.right["clean"].all()
    # Of three classes whose first and last are swapped, only the second is right.
    assert learnt.right["swapped"].mean() == pytest.approx(1 / 3)
    assert learnt.right["noise"].mean() < 0.7
    assert classify(task, {"clean": noise}).right["clean"].mean() < 0.7


def test_inner_folds_share_no_instance_where_they_can():
    labels = np.repeat(["a", "b"], 6)
    instances = np.array([f"{label}{i // 2}" for i, label in enumerate(labels)])
    for train, test in _inner_folds(labels, instances):
        assert not set(instances[train]) & set(instances[test])
        assert set(labels[train]) == {"a", "b"}
    single = np.where(labels == "a", "a0", instances)
    for train, _ in _inner_folds(labels, single):
        assert set(labels[train]) == {"a", "b"}


def test_real_instruments_leave_one_instance_out(tmp_path):
    rows = ["path,kind,instrument,instance"]
    for name, instrument, instance in [
        ("a1", "piano", "steinway"),
        ("a2", "piano", "steinway"),
        ("b1", "piano", "upright"),
        ("c1", "harp", "harp-1"),
    ]:
        sf.write(tmp_path / f"{name}.wav", tone(220, 0.1, 1), SR)
        rows.append(f"{name}.wav,instrument,{instrument},{instance}")
    rows.append("missing.wav,speech,,")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    task = bench.load_instruments(tmp_path)
    tested = [[task.sounds.instances[i] for i in test] for _, test in task.splits]
    assert tested == [["steinway", "steinway"], ["upright"]]
    for train, test in task.splits:
        assert not set(task.sounds.instances[train]) & set(task.sounds.instances[test])
        assert "harp" in task.labels[train]
    assert len(bench.load_instruments(tmp_path, per_instance=1).labels) == 3


def test_environments_keep_the_folds_and_sources(tmp_path):
    rows = ["path,label,note"]
    for fold in (1, 2):
        for take in "AB":
            name = f"Rain_{fold}-77-{take}.wav"
            sf.write(tmp_path / name, tone(220, 0.1, 1), SR)
            rows.append(f"{name},Rain,ESC-10 fold {fold}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    task = bench.load_environments(tmp_path)
    assert [test.tolist() for _, test in task.splits] == [[0, 1], [2, 3]]
    assert task.sounds.instances.tolist() == ["Rain_1-77"] * 2 + ["Rain_2-77"] * 2
    (tmp_path / "manifest.csv").write_text("path,label,note\nx.wav,Rain,\n")
    with pytest.raises(InputError, match="no rows of ESC-10"):
        bench.load_environments(tmp_path)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((0.1, 0.2), "better"), ((-0.1, 0.2), "no difference shown"), ((-0.2, -0.1), "worse")],
)
def test_a_difference_counts_when_its_interval_leaves_zero_out(interval, verdict):
    base = Compared("MFCC", {"accuracy": 0.5}, {})
    own = Compared("x", {"accuracy": 0.5}, {"MFCC": {"accuracy": interval}})
    assert _verdict_row("t", "accuracy", base, own)[-1] == verdict


# ------------------------------------------------------------------------------- conditions


def noise(duration_s: float = 1.0) -> np.ndarray:
    y = np.random.default_rng(5).standard_normal(round(duration_s * SR))
    return (0.1 * y).astype(np.float32)


def test_every_condition_is_repeatable_and_finite(notes):
    names = [condition.name for condition in conditions.standard_conditions()]
    assert names == [
        "20 ms later", "46 ms later", "92 ms later", "white 20 dB", "white 10 dB", "pink 20 dB",
        "pink 10 dB", "MP3 32 kbit/s", "MP3 32 kbit/s, delayed", "small room", "tilt +6 dB",
        "tilt −6 dB",
    ]  # fmt: skip
    for condition in _usable(conditions.standard_conditions(), bench.note_sounds(notes))[0]:
        changed = condition.apply(noise(), SR, key="a")
        assert np.isfinite(changed).all()
        assert not np.array_equal(changed[:SR], noise())
        np.testing.assert_array_equal(changed, condition.apply(noise(), SR, key="a"))


def test_a_delay_is_silence_before_the_whole_clip():
    changed = conditions.delayed(46).apply(noise(), SR, key="a")
    assert not changed[:1104].any()
    np.testing.assert_array_equal(changed[1104:], noise())


def test_pink_noise_has_its_level_and_equal_power_per_octave():
    y = noise(4.0)
    added = conditions.pink_noise(snr_db=10.0).apply(y, SR, key="a") - y
    assert 10 * np.log10(np.sum(y**2) / np.sum(added**2)) == pytest.approx(10, abs=0.01)
    power, hz = np.abs(np.fft.rfft(added)) ** 2, np.fft.rfftfreq(len(added), 1 / SR)
    octaves = [power[(hz >= low) & (hz < 2 * low)].sum() for low in (250, 1000, 4000)]
    assert octaves == pytest.approx([np.mean(octaves)] * 3, rel=0.15)


@pytest.mark.parametrize("by_db", [6.0, -6.0])
def test_a_tilt_has_its_gains_and_no_delay(by_db: float):
    y = np.zeros(SR, dtype=np.float32)
    y[SR // 2] = 1
    changed = conditions.tilted(by_db).apply(y, SR, key="a")
    assert np.abs(changed).argmax() == SR // 2
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(changed)))
    expected = {60: -by_db, 125: -by_db, 1000: 0, 8000: by_db, 11_000: by_db}
    assert gain_db[list(expected)] == pytest.approx(list(expected.values()), abs=0.1)


@needs_mp3
def test_mp3_is_in_time_or_late_by_its_delay():
    y = tone(440, 0.05, 3)
    in_time = conditions.mp3().apply(y, SR, key="a")
    late = conditions.mp3(delay=True).apply(y, SR, key="a")
    assert len(in_time) == len(y)
    assert abs(find_lag(y, in_time)) <= 2
    np.testing.assert_array_equal(late[1105:], in_time)
    assert not late[:1105].any()
    assert 0.01 < np.sqrt(np.mean((in_time - y) ** 2) / np.mean(y**2)) < 0.7


def test_without_an_encoder_mp3_is_left_out_with_the_reason(notes, monkeypatch):
    monkeypatch.setattr(sf, "available_formats", lambda: {"WAV": "WAV"})
    usable, skipped = _usable(conditions.standard_conditions(), bench.note_sounds(notes))
    assert len(usable) == 10
    assert list(skipped) == ["MP3 32 kbit/s", "MP3 32 kbit/s, delayed"]
    assert "MP3 support" in skipped["MP3 32 kbit/s"]


# -------------------------------------------------------------------------------- baselines


def test_baselines_have_every_pooling_of_tokens():
    waves = [noise(0.5), tone(440, 0.01, 1)]
    found = pooled("MFCC", waves, SR)
    sizes = {name: matrix.shape for name, matrix in found.items()}
    assert sizes == {
        "MFCC": (2, 80),
        "MFCC, mean, std and delta": (2, 120),
        "MFCC, these and by loudness": (2, 240),
        "MFCC, every pooling": (2, 360),
    }
    frames = mfcc_frames(waves[0], SR)
    np.testing.assert_allclose(found["MFCC"][0, :40], frames.mean(axis=0), rtol=1e-4, atol=1e-4)


def test_levels_are_those_of_the_frames():
    y = np.concatenate([np.zeros(SR // 2), np.full(SR // 2, 0.5)]).astype(np.float32)
    levels = frame_levels(y)
    assert len(levels) == len(mfcc_frames(y, SR))
    assert levels[0] == pytest.approx(np.log(1e-5))
    assert levels[-5] == pytest.approx(np.log(0.5))
