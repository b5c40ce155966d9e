"""Sounds to work on, a small codec, and the command line as a function."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from typer.testing import CliRunner

from qtokfeatures.apps.cli import app
from qtokfeatures.codecs import Codec
from qtokfeatures.codecs.mini import random_mini

RATES = (24000, 44100, 8000, 16000)


@dataclass(frozen=True)
class Ran:
    """How a run of the command line ended."""

    code: int
    out: str
    err: str
    exception: BaseException | None

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


Qtok = Callable[..., Ran]


def tone(path: Path, *, hz: float, sr: int = 24000, duration_s: float = 0.5) -> Path:
    """Write a decaying tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(duration_s * sr)) / sr
    sf.write(path, 0.5 * np.sin(2 * np.pi * hz * time) * np.exp(-3 * time), sr)
    return path


@pytest.fixture(scope="session")
def small_codec() -> Codec:
    """Return a codec with random weights."""
    return random_mini(seed=0)


@pytest.fixture
def qtok(small_codec: Codec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Qtok:
    """Run a command in this process, in an empty folder, with the small codec as `mini`."""
    monkeypatch.setattr("qtokfeatures.codecs.load_codec", lambda *args, **kwargs: small_codec)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["qtok", *map(str, arguments)])
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return Ran(done.exit_code, done.stdout, done.stderr, done.exception)

    return run


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Return a folder of five tones at four rates, with awkward names, in two folders."""
    folder = tmp_path / "my söunds"
    for index, name in enumerate(["a.wav", "b ü.flac", "low/c's <d>.wav", "low/小.wav", "e.wav"]):
        tone(folder / name, hz=200 * (index + 1), sr=RATES[index % 4], duration_s=0.3 + 0.1 * index)
    return folder


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Return a file that is no audio."""
    path = tmp_path / "broken.wav"
    path.write_bytes(b"RIFF, but no more than that")
    return path


@pytest.fixture
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, for tests that are about something else; a picture takes half a second."""
    drawn = dict.fromkeys(("waveform", "spectrogram", "tokens"), b"\x89PNG")
    monkeypatch.setattr(
        "qtokfeatures.studio.roundtrip_page.roundtrip_pictures", lambda roundtrip: drawn
    )
