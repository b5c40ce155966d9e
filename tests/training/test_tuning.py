"""Fitting a trained codec to a few recordings: measured, kept when better, resumable."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile as sf
import torch

import qtokfeatures as qt
from qtokfeatures.codecs.mini.config import TINY
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.weights import save_weights
from qtokfeatures.exceptions import InputError
from qtokfeatures.training import tune_mini


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Four recordings of tones."""
    folder = tmp_path_factory.mktemp("sounds")
    t = np.arange(48_000) / 24_000
    for pitch in (220, 262, 330, 392):
        y = 0.2 * np.sin(2 * np.pi * pitch * t) * np.exp(-2 * (t % 0.5))
        sf.write(folder / f"{pitch}.wav", y, 24_000)
    return folder


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Weights of a tiny network that nobody trained."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("start") / "mini.safetensors"
    save_weights(MiniModel(TINY), path)
    return path


OPTIONS = {"measure_every": 4, "clips": 2, "device": "cpu", "lr": 3e-3}


def quiet(line: str) -> None:
    """Take a report and do nothing."""


def test_tuning_comes_closer_to_held_out_recordings(sounds, untrained, tmp_path):
    done = tune_mini([sounds], tmp_path, start=untrained, max_steps=8, report=quiet, **OPTIONS)
    assert done.after < done.before
    assert done.best_step > 0
    codec, before = qt.load_codec(tmp_path), qt.load_codec(untrained)
    assert codec.spec.fingerprint != before.spec.fingerprint
    assert codec.encode(sounds / "220.wav").shape == (16, 25)


def test_a_run_in_two_parts_ends_as_one(sounds, untrained, tmp_path):
    whole = tune_mini(
        [sounds], tmp_path / "whole", start=untrained, max_steps=8, report=quiet, **OPTIONS
    )
    for max_steps in (4, 8):
        parts = tune_mini(
            [sounds],
            tmp_path / "parts",
            start=untrained,
            max_steps=max_steps,
            report=quiet,
            **OPTIONS,
        )
    assert parts.before == whole.before
    assert parts.after == pytest.approx(whole.after, abs=1e-4)
    assert parts.steps == 8


def test_weights_that_nothing_improves_are_kept(sounds, untrained, tmp_path):
    options = {**OPTIONS, "lr": 1e6}
    done = tune_mini(
        [sounds], tmp_path, start=untrained, max_steps=100, patience=2, report=quiet, **options
    )
    assert (done.best_step, done.steps) == (0, 8)
    assert done.after == done.before
    assert (tmp_path / "mini.safetensors").read_bytes() == untrained.read_bytes()


def test_one_recording_is_not_enough(untrained, sounds, tmp_path):
    (tmp_path / "one").mkdir()
    shutil.copy(sounds / "220.wav", tmp_path / "one")
    with pytest.raises(InputError, match="at least two recordings"):
        tune_mini([tmp_path / "one"], tmp_path / "run", start=untrained, report=quiet)


def test_a_start_that_is_no_weights_is_named(sounds, tmp_path):
    with pytest.raises(InputError, match=r"expected \"mini\".*nowhere"):
        tune_mini([sounds], tmp_path, start="nowhere", report=quiet)
