"""verify and bench: whether a codec is exact, and how good it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from qtokfeatures.benches import runs
from qtokfeatures.benches.inverse import bundled_clips
from qtokfeatures.exceptions import SkippedClipWarning


def test_verify_reports_and_exits_with_its_status(qtok, small_codec) -> None:
    ran = qtok("verify", "--seconds", "2", "--json")
    assert ran.code == 0
    assert ran.json["ok"] is True
    assert ran.json["fingerprint"] == small_codec.spec.fingerprint


def test_verify_fails_for_a_codec_that_is_not_exact(qtok, small_codec, monkeypatch) -> None:
    encode, calls = type(small_codec).encode, []

    def drifting(self, audio, **options):
        calls.append(1)
        return (encode(self, audio, **options) + len(calls)) % 2048

    monkeypatch.setattr(type(small_codec), "encode", drifting)
    ran = qtok("verify", "--seconds", "2")
    assert ran.code == 1
    assert "DIFFERENT" in ran.out


@pytest.fixture
def manifest(sounds: Path) -> Path:
    rows = ["a.wav,environment,dev,0.9", "e.wav,music,dev,0.9", "b ü.flac,music,train,0.9"]
    text = "\n".join(["path,kind,split,duration_s", *rows])
    (sounds / "manifest.csv").write_text(text, encoding="utf-8")
    return sounds


def test_bench_codec_prints_tables_and_fills_the_card(qtok, manifest: Path, monkeypatch) -> None:
    monkeypatch.setattr("qtokfeatures.benches.codec.bench.default_peers", lambda: ())
    card = Path("card.md")
    card.write_text("<!-- bench:begin -->\n<!-- bench:end -->\n", encoding="utf-8")
    ran = qtok("bench", "codec", "--data", manifest, "--card", card)
    assert ran.code == 0
    assert "environment" in ran.out
    assert "environment" in card.read_text(encoding="utf-8")


def test_bench_codec_for_a_machine(qtok, manifest: Path, monkeypatch) -> None:
    monkeypatch.setattr("qtokfeatures.benches.codec.bench.default_peers", lambda: ())
    ran = qtok("bench", "codec", "--data", manifest, "--json")
    assert ran.json["clips"]["kinds"] == {"music": 1, "environment": 1}


def test_bench_codec_without_recordings_says_where_they_should_be(qtok, monkeypatch) -> None:
    monkeypatch.setenv("QTOK_SHARED", "nowhere")
    ran = qtok("bench", "codec")
    assert ran.code == 1
    assert "QTOK_SHARED" in ran.err


# What the other benches have beside their own tests in tests/evaluation: the command line.


def speech_folder(folder: Path) -> Path:
    """Write a few tones that pass for digits and for talkers, and a manifest that names them."""
    rows = ["path,kind,split,speaker,digit,duration_s"]

    def add(path: str, split: str, speaker: str, digit: str, *, hz: float, duration_s: float):
        time = np.arange(round(8000 * duration_s)) / 8000
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        sf.write(folder / path, 0.3 * np.sin(2 * np.pi * hz * time), 8000)
        rows.append(f"{path},speech,{split},{speaker},{digit},{duration_s}")

    for number, speaker in enumerate("abc"):
        for digit in range(2):
            for take in range(2):
                name = f"fsdd/{digit}_{speaker}_{take}.wav"
                hz = 300 * (digit + 1) + 10 * number
                add(name, "dev", speaker, str(digit), hz=hz, duration_s=0.2)
    for number in range(6):
        for split in ("dev", "train"):
            name = f"alphanumeric/{split}{number}.wav"
            add(name, split, f"t{number}", "", hz=150 + 30 * number, duration_s=1.1)
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def card_with(section: str) -> Path:
    card = Path("card.md")
    text = f"<!-- bench-{section}:begin -->\n<!-- bench-{section}:end -->\n"
    card.write_text(text, encoding="utf-8")
    return card


def test_bench_digits_fills_its_section(qtok, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("qtokfeatures.benches.peers.shutil.which", lambda tool: None)
    card = card_with("digits")
    data = speech_folder(tmp_path / "shared")
    ran = qtok("bench", "digits", "--data", data, "--per-digit", 2, "--card", card, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["recordings"] == {"a": 4, "b": 4, "c": 4}
    names = [row["name"] for row in ran.json["features"]]
    assert names[0] == "codebook 0, histogram"
    assert "all codebooks, embedding, 3 segments" in names
    page = card.read_text(encoding="utf-8")
    assert "| codebook 0, embedding, 3 segments |" in page
    assert "Made by `qtok bench digits --data " in page


@pytest.mark.parametrize("bench", ["codec", "digits", "robustness", "speed", "tasks", "asr"])
@pytest.mark.parametrize("text", [None, "no markers"])
def test_a_card_without_a_place_is_found_before_anything_is_measured(qtok, bench, text):
    if text is not None:
        Path("card.md").write_text(text, encoding="utf-8")
    ran = qtok("bench", bench, "--card", "card.md", "--data", Path.cwd())
    assert ran.code == 1
    assert "card.md" in ran.err


def test_bench_robustness_sets_an_earlier_result_beside(qtok, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("qtokfeatures.benches.robustness.bench.missing_flite", lambda: "none")
    data = speech_folder(tmp_path / "shared")
    before = Path("before.json")
    first = qtok("bench", "robustness", "--data", data, "--clips", 1, "--json")
    before.write_text(first.out, encoding="utf-8")
    card = card_with("robustness")
    ran = qtok(
        "bench", "robustness", "--data", data, "--clips", 1, "--before", before, "--card", card
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "before: codebook 0" in card.read_text(encoding="utf-8")
    before.write_text("no JSON", encoding="utf-8")
    refused = qtok("bench", "robustness", "--data", data, "--before", before)
    assert refused.code == 1
    assert "before.json: cannot be read" in refused.err


def test_bench_speed_times_the_files_that_are_named(qtok, sounds: Path) -> None:
    card = card_with("speed")
    ran = qtok("bench", "speed", sounds / "a.wav", "--card", card, "--json")
    assert ran.code == 0, ran.err
    (folder,) = ran.json["folders"]
    assert (folder["name"], folder["n_clips"]) == ("your files", 1)
    assert "| your files | 1 |" in card.read_text(encoding="utf-8")


def test_bench_speed_takes_digits_and_bundled_sounds(tmp_path: Path, monkeypatch) -> None:
    data = speech_folder(tmp_path / "shared")
    folders = runs.default_folders(data, 5)
    assert {name: len(paths) for name, paths in folders.items()} == {
        "spoken digits, 8 kHz": 5,
        "bundled sounds, 24 kHz": 44,
    }
    monkeypatch.setenv("QTOK_SHARED", str(tmp_path / "nowhere"))
    with pytest.warns(SkippedClipWarning, match="spoken digits are left out: .*QTOK_SHARED"):
        assert list(runs.default_folders(None, 5)) == ["bundled sounds, 24 kHz"]


def test_bench_codec_draws_the_best_and_the_worst(qtok, manifest: Path, monkeypatch) -> None:
    monkeypatch.setattr("qtokfeatures.benches.codec.bench.default_peers", lambda: ())
    ran = qtok("bench", "codec", "--data", manifest, "--sheet", "pictures")
    assert ran.code == 0, ran.err
    drawn = sorted(path.name for path in Path("pictures").iterdir())
    assert drawn == ["mini-random-best.png", "mini-random-worst.png"]


def test_bench_stability_fills_its_section(qtok, tmp_path: Path) -> None:
    data = speech_folder(tmp_path / "shared")
    card = card_with("stability")
    ran = qtok("bench", "stability", "--data", data, "--per-digit", 2, "--card", card, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["recordings"] == 12
    page = card.read_text(encoding="utf-8")
    assert "| codebooks 0–3 | difference |" in page
    assert "Made by `qtok bench stability --data " in page


def test_bench_inverse_fills_its_section(qtok, manifest: Path, monkeypatch) -> None:
    monkeypatch.setattr(runs, "bundled_clips", lambda: ([], []))
    monkeypatch.setattr(runs, "INVERTED", ("histogram",))
    card = card_with("inverse")
    ran = qtok(
        "bench", "inverse", "--data", manifest, "--per-kind", 1, "--card", card, "--json"
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert {score["kind"] for score in ran.json["scores"]} == {"music", "environment"}
    assert ran.json["n_fitted"] == 1
    assert "| histogram | all | 2 |" in card.read_text(encoding="utf-8")


def test_the_bundled_sounds_are_split() -> None:
    fitted, held_out = bundled_clips()
    assert len(held_out) == 11
    assert not {clip.name for clip in fitted} & {clip.name for clip in held_out}
