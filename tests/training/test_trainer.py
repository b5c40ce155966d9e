"""A small training run: it learns, resumes exactly and exports loadable weights."""

from __future__ import annotations

import itertools
import json
import resource
import shutil
import signal
from dataclasses import astuple, replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import qtokfeatures as qt
from qtokfeatures.codecs.checkpoint import read_state
from qtokfeatures.codecs.mini.config import TINY, stored_name
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.weights import load_weights, save_weights
from qtokfeatures.exceptions import CodecError, InputError
from qtokfeatures.rendering.phones import PHONES
from qtokfeatures.training import Recipe, Trainer, objectives, train_mini
from qtokfeatures.training import trainer as trainer_module
from qtokfeatures.training.batches import BatchSource, resampled
from qtokfeatures.training.corpus import prepare_corpus
from qtokfeatures.training.recipe import STAGES

RECIPE = Recipe(
    seed=3,
    clips=4,
    frames=6,
    plain_steps=3,
    magnitude_steps=3,
    waveform_steps=2,
    adversarial_steps=2,
    anneal_steps=2,
    judged_frames=4,
)
SMALL = replace(TINY, codebook_size=128, n_codebooks=4, semantic_count=16)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Six short clips of tones and noise."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    t = np.arange(36_000) / 24_000
    for i, kind in enumerate(["speech", "instrument", "music"] * 2):
        (folder / kind).mkdir(exist_ok=True)
        y = 0.3 * np.sin(2 * np.pi * 110 * (i + 1) * t) + 0.02 * rng.standard_normal(len(t))
        sf.write(folder / kind / f"{i}.wav", y, 24_000)
    made = tmp_path_factory.mktemp("corpus")
    prepare_corpus(made, [folder])
    return made


@pytest.fixture(autouse=True)
def few_batches(monkeypatch):
    """Initialise from a handful of batches."""
    monkeypatch.setattr("qtokfeatures.training.initialize._BATCHES", 4)
    monkeypatch.setattr(trainer_module, "_KMEANS_FRAMES", 200)
    monkeypatch.setattr(trainer_module, "_REFINE_FRAMES", 200)
    monkeypatch.setattr(trainer_module, "_LOG_EVERY", 1)


def trainer(corpus, folder, **options):
    return Trainer(corpus, folder, recipe=RECIPE, config=SMALL, **options)


def quiet(line: str) -> None:
    """Take a report and do nothing."""


def test_a_run_goes_through_all_stages_and_exports_a_codec(corpus, tmp_path):
    path = trainer(corpus, tmp_path).run(report=quiet)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert list(dict.fromkeys(row["stage"] for row in rows)) == list(STAGES)
    assert all(np.isfinite(row["loss"]) for row in rows)
    codec = qt.load_codec(path, device="cpu")
    y, _ = codec.decode(codec.encode(np.zeros(5000), sr=24_000))
    assert np.isfinite(y).all()


def test_a_run_in_two_parts_ends_as_one(corpus, tmp_path):
    whole = trainer(corpus, tmp_path / "whole")
    whole.run(report=quiet)
    for stop in (2, 5, 7, 9, 11, 12):
        part = trainer(corpus, tmp_path / "parts")
        part.run(until=stop, report=quiet)
    assert read_state(part.checkpoint)["step"] == 12
    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(part.model.state_dict()[name], tensor)


def test_the_loss_of_a_repeated_batch_falls(corpus, tmp_path, monkeypatch):
    run = trainer(corpus, tmp_path)
    batch = run.source.batch(0)
    monkeypatch.setattr(run.source, "batch", lambda step, corrupts: batch)
    monkeypatch.setattr(objectives, "_WARM_UP", 40)
    monkeypatch.setattr(run, "_stage_of", lambda step: ("plain", step, 60))
    losses = [float(row["loss"]) for row in run._steps(60)]
    assert np.mean(losses[-5:]) < 0.95 * losses[0]


def test_the_linear_maps_predict_from_the_start(corpus, tmp_path):
    run = trainer(corpus, tmp_path)
    batch, depth = run.source.batch(1), run.objectives.codebooks.draw_depth(1)

    def magnitude():
        parts = run.objectives.backward("plain", batch, depth, None)
        return float(parts["magnitude"].detach())

    start = magnitude()
    with torch.no_grad():
        run.model.decoder.linear.weight.zero_()
    assert start < 0.9 * magnitude()


def test_the_anneal_leaves_encoder_and_codebooks_alone(corpus, tmp_path):
    run = trainer(corpus, tmp_path)
    run.run(until=11, report=quiet)
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    run.run(until=12, report=quiet)
    changed = {k for k, v in run.model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert all(name.startswith("decoder.") for name in changed)


def test_a_run_from_weights_keeps_codebook_0(corpus, tmp_path):
    first = trainer(corpus, tmp_path / "first")
    path = first.run(until=8, report=quiet)
    onward = RECIPE.onward()
    run = Trainer(corpus, tmp_path / "second", recipe=onward, start=path)
    assert run.config == SMALL
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    torch.testing.assert_close(before, load_weights(path)[0].state_dict())
    run.run(report=quiet)
    rows = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    assert [row["stage"] for row in rows] == ["adversarial"] * 2 + ["anneal"] * 2
    changed = {k for k, v in run.model.state_dict().items() if not torch.equal(v, before[k])}
    assert any(name.startswith("encoder.shape") for name in changed)
    assert any(name.startswith("decoder") for name in changed)
    assert not any(name.startswith(("encoder.semantic", "semantic_entries")) for name in changed)


def test_train_mini_writes_the_corpus_once_and_resumes_after_an_interrupt(tmp_path):
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    t = np.arange(48_000) / 24_000
    sf.write(sounds / "tone.wav", 0.2 * np.sin(2 * np.pi * 330 * t), 24_000)
    recipe = replace(RECIPE, clips=2, plain_steps=2, magnitude_steps=2, adversarial_steps=0)

    def interrupt(line: str) -> None:
        if "step 3 " in line:
            raise KeyboardInterrupt

    options = {"recipe": recipe, "config": SMALL, "device": "cpu"}
    with pytest.raises(KeyboardInterrupt):
        train_mini([sounds], tmp_path / "run", report=interrupt, **options)
    assert read_state(tmp_path / "run" / "checkpoint.safetensors")["step"] == 3
    (sounds / "tone.wav").unlink()
    said: list[str] = []
    options["recipe"] = None
    path = train_mini([], tmp_path / "run", report=said.append, **options)
    assert said[0].startswith("step 3 of 8")
    assert qt.load_codec(path).spec.n_codebooks == 4


def nth_call(monkeypatch, owner, name, n, instead):
    """Call `instead` before the n-th call of a function goes through."""
    calls, original = itertools.count(1), getattr(owner, name)

    def counted(*args, **kwargs):
        if next(calls) == n:
            instead()
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, counted)


def press_ctrl_c():
    raise KeyboardInterrupt


WITHOUT_OPPONENT = replace(RECIPE, adversarial_steps=0)


def test_an_interrupted_step_or_stage_is_repeated(corpus, tmp_path, monkeypatch):
    shutil.copytree(corpus, tmp_path / "run" / "corpus")
    options = {"recipe": WITHOUT_OPPONENT, "config": SMALL, "device": "cpu", "report": quiet}
    places = [
        (torch.nn.utils, "clip_grad_norm_", 2, None),
        (trainer_module, "collect_latents", 1, 3),  # on the way into "magnitude"
        (torch.nn.utils, "clip_grad_norm_", 2, 3),  # the codebooks had moved already
        (trainer_module, "refine_codebooks", 1, 8),  # on the way into "anneal"
    ]
    for owner, name, n, saved_step in places:
        with monkeypatch.context() as patch:
            nth_call(patch, owner, name, n, press_ctrl_c)
            with pytest.raises(KeyboardInterrupt):
                train_mini([], tmp_path / "run", **options)
        checkpoint = tmp_path / "run" / "checkpoint.safetensors"
        assert (read_state(checkpoint)["step"] if checkpoint.exists() else None) == saved_step
    path = train_mini([], tmp_path / "run", **options)
    whole = Trainer(corpus, tmp_path / "whole", recipe=WITHOUT_OPPONENT, config=SMALL)
    expected = load_file(whole.run(report=quiet))
    for name, tensor in load_file(path).items():
        torch.testing.assert_close(tensor, expected[name])


def test_a_signal_waits_for_the_end_of_the_step(corpus, tmp_path, monkeypatch):
    shutil.copytree(corpus, tmp_path / "corpus")
    nth_call(
        monkeypatch,
        torch.nn.utils,
        "clip_grad_norm_",
        2,
        lambda: signal.raise_signal(signal.SIGINT),
    )
    with pytest.raises(KeyboardInterrupt):
        train_mini([], tmp_path, recipe=RECIPE, config=SMALL, device="cpu", report=quiet)
    assert read_state(tmp_path / "checkpoint.safetensors")["step"] == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.fixture(scope="module")
def begun(corpus, tmp_path_factory):
    """A run that has taken one step."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qtokfeatures.training.initialize._BATCHES", 2)
        trainer(corpus, folder).run(until=1, report=quiet)
    return folder


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"recipe": replace(RECIPE, seed=4)}, "seed of the recipe 3, now 4"),
        ({"recipe": replace(RECIPE, plain_steps=9, frames=7)}, "frames .* 6, now 7; plain_steps"),
        ({"config": TINY}, "codebook_size of the config 128, now"),
    ],
)
def test_a_run_does_not_resume_with_other_settings(corpus, begun, given, named):
    with pytest.raises(InputError, match=f"{named}.*choose another folder"):
        Trainer(corpus, begun, **given)
    assert Trainer(corpus, begun).recipe == RECIPE


def test_a_run_does_not_resume_from_another_start(corpus, begun, tmp_path):
    start = begun / "mini.safetensors"
    trainer(corpus, tmp_path / "run", start=start).save()
    assert trainer(corpus, tmp_path / "run", start=start).step == 0
    save_weights(MiniModel(SMALL), tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"start [0-9a-f]{12}, now [0-9a-f]{12}"):
        trainer(corpus, tmp_path / "run", start=tmp_path / "other.safetensors")


def test_weights_that_no_run_wrote_are_not_overwritten(corpus, begun, tmp_path):
    shutil.copy(begun / "mini.safetensors", tmp_path)
    with pytest.raises(InputError, match="is not overwritten"):
        trainer(corpus, tmp_path)


def test_a_damaged_checkpoint_is_named(corpus, begun, tmp_path):
    content = (begun / "checkpoint.safetensors").read_bytes()
    (tmp_path / "checkpoint.safetensors").write_bytes(content[:-1000])
    with pytest.raises(CodecError, match=r"checkpoint\.safetensors is damaged.*delete it"):
        trainer(corpus, tmp_path)


def first_names(name: str) -> str:
    """Name of a checkpoint's tensor in the first version, with "meaning" for "semantic"."""
    prefix, _, rest = name.partition(".")
    if prefix == "model":
        return f"model.{stored_name(rest)}"
    moved = name.replace("objectives.codebooks.semantic.", "objectives.codebooks.meanings.")
    return moved.replace("objectives.semantic.", "objectives.meaning.")


def test_a_checkpoint_with_the_first_names_resumes(corpus, begun, tmp_path):
    source = begun / "checkpoint.safetensors"
    with safe_open(source, "pt") as file:
        metadata = file.metadata()
    tensors = {first_names(name): tensor for name, tensor in load_file(source).items()}
    assert sum("meaning" in name for name in tensors) > 20
    save_file(tensors, tmp_path / "checkpoint.safetensors", metadata)
    expected, resumed = trainer(corpus, begun), trainer(corpus, tmp_path)
    assert resumed.step == 1
    for name, module in expected._modules().items():
        torch.testing.assert_close(
            resumed._modules()[name].state_dict(), module.state_dict(), rtol=0, atol=0
        )


def test_a_full_disk_is_named_and_leaves_the_last_checkpoint(corpus, begun, tmp_path):
    shutil.copytree(begun, tmp_path / "run")
    run = trainer(corpus, tmp_path / "run")
    before = run.checkpoint.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(CodecError, match=r"could not be written.*File too large"):
            run.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.checkpoint.read_bytes() == before
    assert not list(run.folder.glob(".*"))


def test_a_corpus_of_other_recordings_is_refused(tmp_path):
    sounds, run = tmp_path / "sounds", tmp_path / "run"
    sounds.mkdir()
    for name in ("a", "b"):
        sf.write(sounds / f"{name}.wav", 0.2 * np.sin(np.arange(24_000) / 9), 24_000)
    recipe = replace(WITHOUT_OPPONENT, magnitude_steps=0, waveform_steps=0, anneal_steps=0)
    options = {"recipe": recipe, "config": SMALL, "device": "cpu", "report": quiet}
    train_mini([sounds], run, **options)
    train_mini([sounds], run, **options)
    (sounds / "a.wav").rename(sounds / "c.wav")
    sf.write(sounds / "b.wav", np.ones(3000), 24_000)
    with pytest.raises(InputError, match=r"1 new \(.*c.wav\), 1 gone \(.*a.wav\), 1 changed"):
        train_mini([sounds], run, **options)
    with pytest.raises(InputError, match="drums of the rendered_minutes None, now 1"):
        train_mini([], run, rendered_minutes={"drums": 1}, **options)
    train_mini([], run, **options)


@pytest.mark.parametrize("minutes", [float("inf"), float("nan"), -1])
def test_minutes_to_render_are_finite(tmp_path, minutes):
    with pytest.raises(InputError, match="minutes of 'drums' must be a number of at least 0"):
        train_mini([], tmp_path, rendered_minutes={"drums": minutes}, device="cpu")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="has the device")
def test_bad_device_or_start_is_refused_before_the_corpus_is_written(tmp_path):
    (tmp_path / "x.flac").write_bytes(b"fLaC")
    for options in ({"device": "cuda"}, {"start": tmp_path / "x.flac", "device": "cpu"}):
        with pytest.raises(CodecError):
            train_mini([tmp_path], tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_stages_are_reported(corpus, tmp_path):
    said, seen = [], []
    recipe = replace(WITHOUT_OPPONENT, waveform_steps=0)
    Trainer(
        corpus,
        tmp_path,
        recipe=recipe,
        config=SMALL,
        report=said.append,
        on_progress=lambda what, done, total: seen.append((what, done, total)),
    ).run()
    assert "fitting the linear maps" in said
    assert "stage magnitude: fitting the codebooks to 200 frames" in said
    for last in (
        ("sample batches", 4, 4),
        ("codebooks", 3, 3),
        ("magnitude", 6, 8),
        ("anneal", 8, 8),
    ):
        assert last in seen


def test_batches_follow_from_seed_and_step(corpus):
    a, b = BatchSource(corpus, RECIPE), BatchSource(corpus, RECIPE)
    for one, other in zip(astuple(a.batch(5)), astuple(b.batch(5)), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(a.batch(5).y, a.batch(6).y)
    assert a.batch(0).y.shape == a.batch(0).corrupted.shape == (4, 6 * 1920 + 240)
    assert a.batch(0).y.abs().max() <= 0.75


def test_phones_and_words_reach_the_frames_they_belong_to(corpus, tmp_path):
    for name in ("corpus.i16", "corpus.csv"):
        shutil.copy(corpus / name, tmp_path / name)
    clips = pd.read_csv(tmp_path / "corpus.csv")
    halves = [
        (name, h * 18_000, (h + 1) * 18_000, PHONES[h + 1]) for name in clips.name for h in (0, 1)
    ]
    pd.DataFrame(halves, columns=["name", "start", "end", "phone"]).to_csv(
        tmp_path / "phones.csv", index=False
    )
    words = [(name, 0, 9_000, "seven") for name in clips.name]
    pd.DataFrame(words, columns=["name", "start", "end", "word"]).to_csv(
        tmp_path / "words.csv", index=False
    )
    source = BatchSource(tmp_path, RECIPE)
    rows, starts = np.array([0, 1]), np.array([0, 18_000 - 1920])
    phones, parts = source._labels(rows, starts, 1.0)
    assert source.labels.n_phones == len(PHONES)
    assert phones[0, :, 1:].eq(1).all()
    assert phones[0, 0, 0] == -1  # before the clip begins
    assert phones[1, 0, 1:].tolist() == [1, 1, 1]
    assert phones[1, 1, 1:].tolist() == [2, 2, 2]
    assert parts[0].tolist() == [21, 22, 22, 23, 23, -1]  # thirds of the eighth digit


def test_a_faster_reading_is_higher(corpus):
    t = torch.arange(24_000) / 24_000
    tone = torch.sin(2 * torch.pi * 500 * t)[None]
    fast = resampled(tone, 20_000)
    assert fast.abs().max() == pytest.approx(1.0, abs=0.05)
    assert torch.fft.rfft(fast)[0].abs().argmax() * 24_000 / 20_000 == pytest.approx(600, abs=2)


def test_a_folder_without_a_corpus_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no corpus\.csv"):
        BatchSource(tmp_path, RECIPE)


@pytest.mark.parametrize("share", [0, -1, float("nan"), float("inf")])
def test_a_recipe_cannot_be_shortened_to_nothing(share):
    with pytest.raises(InputError, match="share must be a number above 0"):
        Recipe().shortened(share)
    assert Recipe(plain_steps=500).shortened(0.01).plain_steps == 5


@pytest.mark.parametrize("values", [{"clips": 0}, {"frames": 1.5}, {"anneal_steps": -1}])
def test_a_recipe_is_checked(values):
    (name,) = values
    with pytest.raises(InputError, match=f"{name} must be a whole number"):
        Recipe(**values)
