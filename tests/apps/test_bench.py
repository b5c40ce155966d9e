"""verify and bench: whether a codec is exact, and how good it is."""

from __future__ import annotations

from pathlib import Path

import pytest


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
    monkeypatch.setattr("qtokfeatures.evaluation.codec_bench.default_peers", lambda: ())
    card = Path("card.md")
    card.write_text("<!-- bench:begin -->\n<!-- bench:end -->\n", encoding="utf-8")
    ran = qtok("bench", "codec", "--data", manifest, "--card", card)
    assert ran.code == 0
    assert "environment" in ran.out
    assert "environment" in card.read_text(encoding="utf-8")


def test_bench_codec_for_a_machine(qtok, manifest: Path, monkeypatch) -> None:
    monkeypatch.setattr("qtokfeatures.evaluation.codec_bench.default_peers", lambda: ())
    ran = qtok("bench", "codec", "--data", manifest, "--json")
    assert ran.json["clips"]["kinds"] == {"music": 1, "environment": 1}


def test_bench_codec_without_recordings_says_where_they_should_be(qtok, monkeypatch) -> None:
    monkeypatch.setenv("QTOK_SHARED", "nowhere")
    ran = qtok("bench", "codec")
    assert ran.code == 1
    assert "QTOK_SHARED" in ran.err
