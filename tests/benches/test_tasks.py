"""The bench of tasks, on sounds that are easy to tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import soundfile as sf

import qtokfeatures as qt
from qtokfeatures.benches.tasks import sounds as bench
from qtokfeatures.benches.tasks.bench import bench_tasks
from qtokfeatures.benches.tasks.learners import _inner_folds, classify
from qtokfeatures.benches.tasks.result import Compared, _verdict_row
from qtokfeatures.exceptions import InputError

SR = 24_000


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
        )


def test_easy_sounds_are_told_apart_by_tokens(result):
    classified, clustered = result.tasks.values()
    mean = next(row for row in classified if row.feature == "mean")
    assert mean.scores["accuracy"] > 0.9
    assert set(clustered[0].scores) == {"ari", "nmi"}
    assert result.chosen in ("mean", "histogram")
    assert set(result.chosen_rows()) == set(result.tasks)


def test_tables_have_a_row_for_every_feature_and_score(result):
    verdict, classified, clustered = result.tables()
    assert [row[1] for row in verdict.rows] == ["MFCC", "log-mel"] * 3
    assert classified.header == (
        "feature",
        "accuracy, %",
        "difference to MFCC",
        "difference to log-mel",
        "in training",
    )
    assert [row[2:4].count("–") for row in classified.rows] == [1, 1, 0, 0]
    features = [row[0] for row in classified.rows]
    assert features[:2] == ["MFCC", "log-mel"]
    assert features[-2:] == ["mean", "histogram"]
    assert [row[0] for row in clustered.rows] == features
    notes = " ".join(result.notes("make it"))
    assert "make it" in notes
    assert "24 rendered notes of 3 instruments, soundfonts fluid, timgm" in notes
    assert result.to_dict()["chosen"] == result.chosen


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
    assert classify(task, features).right.all()
    noise = np.random.default_rng(1).standard_normal((len(codes), 3)).astype(np.float32)
    assert classify(task, noise).right.mean() < 0.7


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
