"""``qtok bench asr``: its systems, and a run on little speech."""

from __future__ import annotations

from pathlib import Path

import pytest

import qtokfeatures as qt
from qtokfeatures.benches import BenchClip, load_utterances, runs
from qtokfeatures.benches.asr.material import asr_systems


def test_all_have_the_same_recogniser_and_choice() -> None:
    systems = asr_systems(qt.load_codec("mini"), cache=Path("codes"), epochs=1)
    assert [system.name for system in systems] == [
        "MFCC", "log-mel with slopes", "log-mel", "semantic", "codebook 0", "embedding", "latent",
        "tokens",
    ]  # fmt: skip
    assert len({str(system.settings) for system in systems}) == 1
    rates = {
        system.front_end.upsample
        * (100 if system.front_end.features in ("mfcc", "logmel") else 12.5)
        / system.recognizer.stride
        for system in systems
    }
    plain = {str(system.recognizer.set_params(stride=1)) for system in systems}
    assert len(plain) == 1
    assert rates == {25.0}


@pytest.mark.slow
@pytest.mark.shared
def test_it_runs(qtok, monkeypatch, tmp_path: Path, shared_audio: Path) -> None:
    pytest.importorskip("jiwer")
    pytest.importorskip("pyroomacoustics")

    def little(folder: Path, *, per_digit: int) -> list[BenchClip]:
        spoken = load_utterances(folder, per_digit=per_digit)
        return [u for u in spoken if u.kind != "numbers"][::2] + spoken[-12:]

    monkeypatch.setattr(runs, "load_utterances", little)
    options = [
        "--data",
        str(shared_audio.resolve()),
        "--seeds",
        "1",
        "--epochs",
        "1",
        "--per-digit",
        "2",
        "--jobs",
        "1",
    ]
    card = tmp_path / "card.md"
    card.write_text("<!-- bench-asr:begin -->\n<!-- bench-asr:end -->\n")
    ran = qtok(
        "bench", "asr", *options, "--work", str(tmp_path), "--plot", str(tmp_path / "curves.png"),
        "--card", str(card), "--json",
    )  # fmt: skip
    assert ran.code == 0
    systems = asr_systems(qt.load_codec("mini"), cache=tmp_path, epochs=1)
    assert list(ran.json["systems"]) == [system.name for system in systems]
    assert "| semantic |" in card.read_text()
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
