"""``qtok codec train`` on two short sounds."""

from __future__ import annotations

import json
from dataclasses import replace

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
from qtokfeatures.training import Recipe, trainer
from qtokfeatures.training.corpus import prepare_corpus

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

    def __new__(cls, **sizes):
        return replace(TINY, **sizes)


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
    assert "log-mel distance on 2.0 s of held-out recordings" in done.stdout
    assert qt.load_codec(tmp_path / "mine").spec.n_codebooks == 16


@pytest.fixture
def begun(sounds, tmp_path):
    """A run that has taken no step of a recipe of its own."""
    recipe = Recipe(seed=3).shortened(0.001)
    prepare_corpus(tmp_path / "run" / "corpus", [sounds])
    trainer.Trainer(
        tmp_path / "run" / "corpus", tmp_path / "run", recipe=recipe, report=lambda line: None
    ).save()
    return tmp_path / "run"


def test_a_run_takes_the_options_of_its_start_or_none(begun, monkeypatch):
    monkeypatch.setattr(trainer.Trainer, "run", lambda run: run.folder / str(run.recipe.seed))
    train = ["codec", "train", "-o", str(begun)]
    for options in ([], ["--steps", "0.001"], ["--seed", "3"]):
        done = runner.invoke(app, [*train, "--json", *options])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["weights"].endswith("3")
    for options, named in [
        (["--steps", "0.1"], "plain_steps of the recipe 1, now 50"),
        (["--seed", "4"], "seed of the recipe 3, now 4"),
        (["--seed", "3", "--steps", "0.002"], "magnitude_steps of the recipe 2, now 4"),
        (["--device", "cuda:99"], "cuda"),
        (["--from", "mini"], "expected a checkpoint of kind 'tune'"),
    ]:
        done = runner.invoke(app, [*train, *options])
        assert done.exit_code == 1
        assert named in done.output
        assert "internal error" not in done.output


@pytest.mark.parametrize(
    "options",
    [
        ["--steps", "0"],
        ["--steps", "inf"],
        ["--render", "inf"],
        ["--render", "nan"],
        ["--render", "-1"],
        ["--max-steps", "5"],
        ["--from", "mini", "--steps", "1"],
        ["--from", "mini", "--render", "0"],
    ],
)
def test_options_out_of_range_or_place_are_usage(tmp_path, options):
    done = runner.invoke(app, ["codec", "train", "-o", str(tmp_path / "run"), *options])
    assert done.exit_code == 2, done.output
    assert "Invalid value for" in done.output
    assert not (tmp_path / "run").exists()


def test_no_training_material_is_an_error(tmp_path):
    done = runner.invoke(app, ["codec", "train", "-o", str(tmp_path / "run")])
    assert done.exit_code == 1
    assert "no training material" in done.output


def test_a_folder_that_is_not_there_is_usage(tmp_path):
    done = runner.invoke(app, ["codec", "train", str(tmp_path / "nowhere")])
    assert done.exit_code == 2
    assert "Invalid value for" in done.output
