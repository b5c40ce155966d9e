"""The small checkpoint and the reference's outputs for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from qtokfeatures.codecs import load_codec

GOLDEN = Path(__file__).parents[1] / "golden" / "qwen3-tiny"


@pytest.fixture(scope="session")
def golden_folder():
    """Return the folder of the small checkpoint."""
    return GOLDEN


@pytest.fixture(scope="session")
def golden():
    """Return the reference's inputs and outputs."""
    with np.load(GOLDEN / "golden.npz") as file:
        return dict(file)


@pytest.fixture(scope="session")
def qwen():
    """Return the small checkpoint as a codec."""
    return load_codec(GOLDEN, device="cpu")


@pytest.fixture
def checkpoint(tmp_path):
    """Return a copy of the small checkpoint that a test may change."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "preprocessor_config.json"):
        shutil.copyfile(GOLDEN / name, folder / name)
    return folder
