"""``qtok codec train`` on two short sounds."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile as sf
import torch
from typer.testing import CliRunner

import qtokfeatures as qt
from qtokfeatures.apps.cli import app
from qtokfeatures.codecs.mini.config import TINY
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.weights import save_weights
from qtokfeatures.training import trainer

runner = CliRunner()


@pytest.fixture
def sounds(tmp_path, monkeypatch):
    """Two tones; and a network and a number of batches small enough to wait for."""
    monkeypatch.setattr("qtokfeatures.training.initialize._BATCHES", 2)
    monkeypatch.setattr(trainer, "_KMEANS_FRAMES", 500)
    monkeypatch.setattr(trainer, "_REFINE_FRAMES", 500)
    monkeypatch.setattr(trainer, "MiniConfig", _TinyConfig)
    folder = tmp_path / "my sounds"
    folder.mkdir()
    t = np.arange(48_000) / 24_000
    for pitch in (220, 330):
        sf.write(folder / f"{pitch}.wav", 0.2 * np.sin(2 * np.pi * pitch * t), 24_000)
    return folder


class _TinyConfig(type(TINY)):
    """Sizes for tests wherever the default ones would be taken."""

    def __new__(cls):
        return TINY


@pytest.mark.slow
def test_two_sounds_make_a_codec(sounds, tmp_path):
    run = tmp_path / "run"
    done = runner.invoke(
        app, ["codec", "train", str(sounds), "-o", str(run), "--steps", "0.0001", "--json"]
    )
    assert done.exit_code == 0, done.output
    weights = json.loads(done.stdout)["weights"]
    codec = qt.load_codec(weights, device="cpu")
    assert codec.encode(np.zeros(4000), sr=24_000).shape == (16, 3)


def test_tuning_says_what_it_gave(sounds, tmp_path):
    start = tmp_path / "start" / "mini.safetensors"
    start.parent.mkdir()
    torch.manual_seed(0)
    save_weights(MiniModel(TINY), start)
    arguments = ["codec", "train", "--from", str(start), "--data", str(sounds)]
    arguments += ["-o", str(tmp_path / "mine"), "--max-steps", "4"]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "log-mel distance on held-out recordings" in done.stdout
    assert qt.load_codec(tmp_path / "mine").spec.n_codebooks == 16


def test_nothing_to_train_on_is_said(tmp_path):
    done = runner.invoke(app, ["codec", "train", "-o", str(tmp_path / "run")])
    assert done.exit_code == 1
    assert "nothing to train on" in done.output


def test_a_folder_that_is_not_there_is_usage(tmp_path):
    done = runner.invoke(app, ["codec", "train", str(tmp_path / "nowhere")])
    assert done.exit_code == 2
    assert "Invalid value for" in done.output
