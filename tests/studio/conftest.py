"""Tones as files, and a codec with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from qtokfeatures.codecs import Codec
from qtokfeatures.codecs.mini import random_mini


@pytest.fixture(scope="session")
def small_codec() -> Codec:
    return random_mini(seed=0)


@pytest.fixture
def tones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with four tones and a broken file; the working folder is beside it."""
    folder = tmp_path / "tones"
    folder.mkdir()
    for number in range(4):
        y = 0.3 * np.sin(np.arange(9600) * 0.05 * (number + 1))
        sf.write(folder / f"{number}.wav", y, 24000)
    (folder / "broken.wav").write_bytes(b"RIFF, but no more than that")
    monkeypatch.chdir(tmp_path)
    return folder
