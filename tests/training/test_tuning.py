"""Fitting a trained codec to a few recordings: measured, kept when better, resumable."""

from __future__ import annotations

import itertools
import shutil
import signal

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch

import qtokfeatures as qt
from qtokfeatures.codecs.checkpoint import read_state, save_checkpoint
from qtokfeatures.codecs.mini.config import TINY
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.weights import save_weights
from qtokfeatures.exceptions import CodecError, InputError, SkippedClipWarning
from qtokfeatures.training import train_mini, tune_mini, tuning
from qtokfeatures.training.tuning import held_out_clips


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


def tune(recordings, folder, start, **options):
    return tune_mini(
        recordings, folder, start=start, **{**OPTIONS, "max_steps": 8, "report": quiet, **options}
    )


@pytest.fixture(scope="module")
def begun(sounds, untrained, tmp_path_factory):
    """A run of four steps."""
    folder = tmp_path_factory.mktemp("begun")
    tune([sounds], folder, untrained, max_steps=4)
    return folder


def test_an_interrupted_run_goes_on_from_the_last_whole_step(
    sounds, untrained, tmp_path, monkeypatch
):
    folder, taken = tmp_path / "run", itertools.count(1)
    whole = tune([sounds], tmp_path / "whole", untrained)
    step, distance = tuning._Run._take_step, tuning._Run._distance

    def interrupted_step(run):
        step(run)
        if next(taken) == 3:
            signal.raise_signal(signal.SIGINT)

    def interrupted_measuring(run, weights):
        if weights.name == "tried.safetensors":
            raise KeyboardInterrupt
        return distance(run, weights)

    interruptions = [("_take_step", interrupted_step, 3), ("_distance", interrupted_measuring, 4)]
    for name, instead, saved_step in interruptions:
        with monkeypatch.context() as patch:
            patch.setattr(tuning._Run, name, instead)
            with pytest.raises(KeyboardInterrupt):
                tune([sounds], folder, untrained)
        assert read_state(folder / "checkpoint.safetensors")["step"] == saved_step
        assert not (folder / "tried.safetensors").exists()
    seen = []
    done = tune([], folder, untrained, on_progress=lambda *what: seen.append(what))
    assert (done.steps, done.best_step, done.before) == (8, whole.best_step, whole.before)
    assert done.after == pytest.approx(whole.after, abs=1e-4)
    assert ("tune", 4, 8) in seen
    assert ("tune", 8, 8) in seen
    assert ("measure", 0, 2) in seen


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"seed": 1}, "seed 0, now 1"),
        ({"lr": 1e-5}, "lr 0.003, now 1e-05"),
        ({"held_out": 0.5}, "held_out 0.15, now 0.5"),
    ],
)
def test_a_run_does_not_go_on_as_another_one(sounds, untrained, begun, given, named):
    with pytest.raises(InputError, match=f"{named}.*choose another folder"):
        tune([sounds], begun, untrained, **given)


def test_a_run_does_not_go_on_with_other_recordings_or_weights(sounds, untrained, begun, tmp_path):
    shutil.copytree(sounds, tmp_path / "more")
    with pytest.raises(InputError, match=r"recordings: 4 new \(.*\), 4 gone"):
        tune([tmp_path / "more"], begun, untrained)
    with pytest.raises(InputError, match=r"start [0-9a-f]{12}, now [0-9a-f]{12}"):
        tune([sounds], begun, begun)


def test_weights_that_the_run_did_not_write_are_kept(sounds, untrained, tmp_path):
    shutil.copy(untrained, tmp_path)
    with pytest.raises(InputError, match="is not overwritten"):
        tune([sounds], tmp_path, tmp_path)
    assert (tmp_path / "mini.safetensors").read_bytes() == untrained.read_bytes()
    assert len(list(tmp_path.iterdir())) == 1


def test_weights_get_the_rights_of_other_files(begun):
    (begun / "plain").touch()
    expected = (begun / "plain").stat().st_mode
    for name in ("mini.safetensors", "checkpoint.safetensors", "corpus/held_out.csv"):
        assert (begun / name).stat().st_mode == expected


def test_training_and_tuning_do_not_go_on_with_each_other(begun, tmp_path, untrained):
    with pytest.raises(InputError, match=r"of kind 'train', got .* of kind 'tune'"):
        train_mini([], begun, device="cpu")
    save_checkpoint(tmp_path / "checkpoint.safetensors", {}, {}, {"stage": "plain"})
    with pytest.raises(InputError, match=r"of kind 'tune', got .* of kind 'train'"):
        tune([], tmp_path, untrained)


def test_only_recordings_that_can_be_used_are_held_out(sounds, untrained, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(sounds, mixed)
    for i in range(20):
        sf.write(mixed / f"short {i}.wav", np.full(2, 0.5), 24_000)
        (mixed / f"broken {i}.wav").write_bytes(b"RIFF")
    with pytest.warns(SkippedClipWarning, match="left out of the corpus"):
        done = tune([mixed], tmp_path / "run", untrained, max_steps=1)
    held = pd.read_csv(tmp_path / "run" / "corpus" / "held_out.csv")
    assert held.n_samples.tolist() == [48_000, 48_000]
    assert done.held_out_s == 4.0
    trained = pd.read_csv(tmp_path / "run" / "corpus" / "corpus.csv")
    assert not set(held.name) & set(trained.name)
    assert trained.n_samples.sum() == 2 * 48_000 + 20 * 2


def clips(*n_samples):
    """An index of recordings of these lengths."""
    return pd.DataFrame(
        {"name": [f"{i}.wav" for i in range(len(n_samples))], "n_samples": n_samples}
    )


@pytest.mark.parametrize(
    ("lengths", "share", "expected"),
    [
        ((240_000,) * 10, 0.15, 2),
        ((24_000,) * 10, 0.15, 3),  # three seconds
        ((24_000,) * 4, 0.15, 2),  # but no more than half
        ((240_000,) * 4, 0.99, 3),  # and one to train on
    ],
)
def test_enough_is_held_out(lengths, share, expected):
    apart = held_out_clips(clips(*lengths), share=share, n_listed=len(lengths))
    assert apart.tolist() == [True] * expected + [False] * (len(lengths) - expected)


def test_all_clips_of_a_recording_go_to_the_same_side():
    index = clips(100_000, 100_000, 100_000).assign(name=["a.wav", "a.wav#2", "b#3.wav"])
    assert held_out_clips(index, share=0.5, n_listed=2).tolist() == [True, True, False]


def test_too_little_held_out_audio_is_an_error():
    with pytest.raises(InputError, match=r"2 of 4 recordings can be held out, 0\.50 s in all"):
        held_out_clips(clips(*(6_000,) * 4), share=0.15, n_listed=4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 0) for name in ("max_steps", "measure_every", "patience", "clips")),
        *(("held_out", value) for value in (-1, 0, 1.5, float("nan"))),
        *(("lr", value) for value in (0, float("inf"), float("nan"))),
    ],
)
def test_parameters_out_of_range_are_named(tmp_path, name, value):
    with pytest.raises(InputError, match=f"{name} must be .*got {value}"):
        tune_mini([tmp_path], tmp_path / "run", start="mini", **{name: value})
    assert not (tmp_path / "run").exists()


def test_bad_weights_are_refused_before_the_corpus_is_written(sounds, tmp_path):
    with pytest.raises(CodecError, match=r"220\.wav"):
        tune([sounds], tmp_path / "run", sounds / "220.wav")
    assert not (tmp_path / "run").exists()


def test_one_recording_is_not_enough(untrained, sounds, tmp_path):
    (tmp_path / "one").mkdir()
    shutil.copy(sounds / "220.wav", tmp_path / "one")
    with pytest.raises(InputError, match="at least two recordings"):
        tune_mini([tmp_path / "one"], tmp_path / "run", start=untrained, report=quiet)


def test_a_start_that_is_no_weights_is_named(sounds, tmp_path):
    with pytest.raises(InputError, match=r"start must be \"mini\".*nowhere"):
        tune_mini([sounds], tmp_path, start="nowhere", report=quiet)
