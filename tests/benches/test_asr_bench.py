"""The ASR bench: material, errors, tables, and resuming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from qtokfeatures.benches import BenchClip, find_shared_audio, load_utterances
from qtokfeatures.benches.asr.bench import bench_asr, word_errors
from qtokfeatures.benches.asr.conditions import (
    load_noises,
    low_snr_conditions,
    room_response,
    simulated_room,
    standard_conditions,
    training_noise,
)
from qtokfeatures.benches.asr.material import N_FOLDS, Material, System
from qtokfeatures.benches.asr.result import AsrResult
from qtokfeatures.benches.asr.utterances import CORPORA, SR
from qtokfeatures.benches.clips import load_talkers, read_manifest
from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import CodecSpec

pytest.importorskip("jiwer")
pytest.importorskip("pyroomacoustics")

TONES = {"one": 400.0, "two": 900.0}


class Loudness(TransformerMixin, BaseEstimator):
    """One frame per clip with the level of each word's tone; logs every use."""

    def __init__(self, log: str = "") -> None:
        self.log = log

    def fit(self, X: object, y: object = None) -> Loudness:
        return self

    def transform(self, X: list) -> list[np.ndarray]:
        with Path(self.log).open("a") as file:
            file.write("x")
        found = []
        for y, sr in X:
            spectrum = np.abs(np.fft.rfft(y))
            at = [round(hz * len(y) / sr) for hz in TONES.values()]
            found.append(np.array([[spectrum[max(0, i - 2) : i + 3].max() for i in at]]))
        return found


class Loudest(BaseEstimator):
    """Recognises the word whose tone is loudest; nothing if deaf."""

    def __init__(self, seed: int = 0, deaf: bool = False) -> None:
        self.seed = seed
        self.deaf = deaf

    def fit(self, X: list, y: list) -> Loudest:
        self.words_ = sorted(set(y))
        return self

    def predict(self, X: list) -> list[str]:
        return ["" if self.deaf else self.words_[int(frames[0].argmax())] for frames in X]


def utterances() -> list[BenchClip]:
    time = np.arange(SR // 4) / SR
    return [
        BenchClip(
            name=f"{speaker}-{word}-{corpus}",
            kind=corpus,
            y=(0.3 * np.sin(2 * np.pi * hz * time)).astype(np.float32),
            sr=SR,
            speaker=f"{speaker}-{corpus[0]}",
            text=word,
            split="dev" if speaker == "e" else "train",
        )
        for corpus in (CORPORA[0], CORPORA[2])
        for speaker in "abcde"
        for word, hz in TONES.items()
    ]


def talkers() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.1, SR).astype(np.float32) for _ in range(6)]


@pytest.fixture
def material() -> Material:
    return Material(
        utterances=utterances(),
        conditions=standard_conditions(talkers(), talkers()),
        noise=training_noise(talkers()),
        seeds=range(2),
    )


class Named:
    """A codec of which only the identity is used."""

    spec = CodecSpec(
        name="paper", revision="1", sample_rate=24000, frame_rate=12.5, hop_length=1920,
        n_codebooks=2, codebook_size=8, fingerprint="f", embedding_dim=2,
    )  # fmt: skip


@pytest.fixture
def measured(material, tmp_path) -> tuple[AsrResult, Path, list]:
    systems = [
        System("deaf", Loudness(str(tmp_path / "a")), Loudest(deaf=True)),
        System("other", Loudness(str(tmp_path / "b")), Loudest(deaf=True)),
        System(
            "hearing",
            Loudness(str(tmp_path / "c")),
            Loudest(),
            settings=({"deaf": True}, {"deaf": False}),
        ),
    ]
    result = bench_asr(Named(), systems, material, work=tmp_path / "work")
    return result, tmp_path, systems


class TestBench:
    def test_everybody_is_tested_in_everything(self, measured, material) -> None:
        result, _, _ = measured
        shape = (2, len(material.conditions), len(material.utterances))
        assert {found.shape for found in result.errors.values()} == {shape}
        assert (result.errors["deaf", "clean"] == 1).all()
        assert result.rates("hearing", "clean", ["clean"]).tolist() == [0.0, 0.0]

    def test_settings_are_chosen(self, measured) -> None:
        result, _, _ = measured
        assert result.settings["hearing"] == {"deaf": False}

    def test_a_better_recogniser_makes_fewer_errors(self, measured) -> None:
        result, _, _ = measured
        reduction, (low, high) = result.noise_reduction("hearing", "deaf", "clean")
        assert low <= reduction <= high
        assert reduction > 50
        _, (low, high) = result.noise_reduction("hearing", "deaf", "clean", by_speaker=True)
        assert low <= reduction <= high
        assert result.difference("hearing", "deaf", "clean")[0] == -100

    def test_a_reduction_of_no_errors_is_undefined(self, measured) -> None:
        result, _, _ = measured
        perfect = {key: np.zeros_like(found) for key, found in result.errors.items()}
        reduction, _ = replace(result, errors=perfect).noise_reduction("hearing", "deaf", "clean")
        assert np.isnan(reduction)

    def test_speakers_are_drawn_whole(self, measured) -> None:
        result, _, _ = measured
        rows = result._draw_speakers(np.random.default_rng(0))
        drawn, times = np.unique(rows, return_counts=True)
        for speaker in np.unique(result.speakers[drawn]):
            own = np.flatnonzero(result.speakers == speaker)
            assert set(own) <= set(drawn)
            assert len({int(times[drawn == row][0]) for row in own}) == 1

    def test_stored_results_are_not_computed_again(self, measured, material) -> None:
        result, folder, systems = measured
        before = (folder / "a").read_text()
        again = bench_asr(Named(), systems, material, work=folder / "work")
        assert (folder / "a").read_text() == before
        assert again.to_dict() == result.to_dict()

    def test_other_speech_is_computed_again(self, measured, material, tmp_path) -> None:
        _, folder, systems = measured
        before = len((folder / "a").read_text())
        fewer = Material(
            utterances=material.utterances[:-1], conditions=material.conditions,
            noise=material.noise, seeds=material.seeds,
        )  # fmt: skip
        bench_asr(Named(), systems, fewer, work=folder / "work")
        assert len((folder / "a").read_text()) > before

    def test_tables_and_notes(self, measured) -> None:
        result, _, _ = measured
        tables = result.tables()
        assert [row[0] for row in tables[0].rows] == ["deaf", "other", "hearing"]
        assert tables[0].rows[0][1] == "–"
        assert tables[2].rows[2][1].startswith("0.0 ±")
        notes = "\n".join(result.notes("make bench-asr"))
        assert "Made by `make bench-asr`" in notes
        assert "Seeds: 2" in notes

    def test_curves(self, measured) -> None:
        from qtokfeatures.viz.error_curves import draw_error_curves

        curves = measured[0].curves()
        assert curves["trained on clean speech"]["white"]["hearing"][0] == (np.inf, 0.0)
        assert draw_error_curves(curves).startswith(b"\x89PNG")

    def test_systems_need_names(self, material, tmp_path) -> None:
        system = System("a", Loudness(), Loudest())
        with pytest.raises(InputError, match="different names"):
            bench_asr(Named(), [system, system], material, work=tmp_path)


class TestMaterial:
    def test_no_speaker_is_trained_and_tested(self, material) -> None:
        speakers = np.array([u.speaker for u in material.utterances])
        tested = []
        for train, test in material.folds():
            assert not set(speakers[train]) & set(speakers[test])
            tested += test.tolist()
        assert sorted(tested) == list(range(len(speakers)))
        assert len(list(material.folds())) == N_FOLDS

    def test_settings_are_chosen_without_reserved_speakers(self, material) -> None:
        train, test = material.tuning_fold()
        usable = np.array([u.split != "dev" for u in material.utterances])
        assert usable[np.concatenate([train, test])].all()
        assert len(test)

    def test_noise_has_its_nominal_level(self, material) -> None:
        clean = material.waves(None)
        for name in low_snr_conditions():
            snr_db = float(name.split()[-2])
            for (y, _), (noisy, _) in zip(
                clean, material.waves(material.conditions[name]), strict=True
            ):
                found = 10 * np.log10(np.sum(y**2) / np.sum((noisy - y) ** 2))
                assert found == pytest.approx(snr_db, abs=0.1)

    def test_a_room_rings_and_is_not_late(self) -> None:
        response = room_response(SR, np.random.default_rng(0))
        assert np.abs(response).max() == 1
        after = response[int(np.argmax(np.abs(response))) + SR // 100 :]
        assert np.abs(after).max() > 0.01
        y = utterances()[0].y
        changed = simulated_room().apply(y, SR, key="a")
        assert changed.shape == y.shape

    def test_training_noise_is_of_several_kinds(self, material) -> None:
        clean, noisy = material.waves(None), material.waves(material.noise)
        tilts = set()
        for (y, _), (changed, _) in zip(clean, noisy, strict=True):
            spectrum = np.abs(np.fft.rfft(changed - y))
            half = len(spectrum) // 2
            tilts.add(bool(spectrum[:half].mean() > 1.5 * spectrum[half:].mean()))
        assert tilts == {True, False}


def test_words_are_counted_as_jiwer_counts_them() -> None:
    import jiwer

    said = ["one two three", "two", "one one one"]
    heard = ["one three", "two two two", "three"]
    errors = word_errors(said, heard)
    words = sum(len(text.split()) for text in said)
    assert errors.sum() / words == pytest.approx(jiwer.wer(said, heard))


@pytest.mark.shared
def test_real_speech() -> None:
    found = load_utterances(find_shared_audio(), per_digit=3)
    by_corpus = {corpus: [u for u in found if u.kind == corpus] for corpus in CORPORA}
    assert all(by_corpus.values())
    assert {len(u.text.split()) for u in by_corpus[CORPORA[0]]} == {1}
    assert sum(len(u.text.split()) for u in found if u.kind != CORPORA[2]) == 150
    assert all(np.isfinite(u.y).all() and u.y.any() for u in found)
    assert not all(u.split != "dev" for u in found)


@pytest.mark.shared
def test_numbers_are_not_cut() -> None:
    """A cut clip would lack words of its transcript."""
    root = find_shared_audio()
    seconds = {
        row["path"]: float(row["duration_s"]) for row in read_manifest(root, ("path", "duration_s"))
    }
    numbers = [u for u in load_utterances(root, per_digit=3) if u.kind == CORPORA[2]]
    assert len(numbers) > 50
    for utterance in numbers:
        assert len(utterance.y) / SR == pytest.approx(seconds[utterance.name], abs=0.01)
        words_per_s = len(utterance.text.split()) * SR / len(utterance.y)
        assert 0.8 < words_per_s < 2.5


@pytest.mark.shared
def test_babble_of_the_tests_is_not_trained_on() -> None:
    root = find_shared_audio()
    reserved = ("fsdd", "alphanumeric")
    tested, trained = (
        load_talkers(root, sr=SR, split=split, without=reserved, per_speaker=2)
        for split in ("dev", "train")
    )
    assert len(tested) >= 6
    assert len(trained) > 30
    assert {y.tobytes() for y in tested}.isdisjoint(y.tobytes() for y in trained)
    assert len(load_noises(root)) == 3


def test_the_fingerprint_covers_noises_and_parameters(material) -> None:
    system = System("a", Loudness(), Loudest())
    others = [
        replace(material, noise=training_noise([y[::-1] for y in talkers()])),
        replace(material, conditions=standard_conditions(talkers()[:-1] * 2, talkers())),
    ]
    deaf = System("a", Loudness(), Loudest(deaf=True))
    found = [material.fingerprint(system), material.fingerprint(deaf)]
    found += [other.fingerprint(system) for other in others]
    assert len(set(found)) == 4
    assert replace(material, seeds=range(5)).fingerprint(system) == found[0]
