"""Tuning of a trained codec to recordings, measured on held-out ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from qtokfeatures.audio import log_mel_distance
from qtokfeatures.codecs.checkpoint import load_modules, load_optimizers, save_checkpoint
from qtokfeatures.codecs.devices import resolve_device
from qtokfeatures.codecs.mini.codec import MiniCodec
from qtokfeatures.codecs.mini.config import HOP_LENGTH, SAMPLE_RATE
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.weights import load_weights, save_weights
from qtokfeatures.codecs.registry import find_mini_weights
from qtokfeatures.exceptions import InputError
from qtokfeatures.files import atomic_write
from qtokfeatures.parameters import number, share, whole
from qtokfeatures.progress import Progress, ignore_progress
from qtokfeatures.rendering.recordings import list_recordings
from qtokfeatures.training.batches import BatchSource
from qtokfeatures.training.corpus import write_corpus
from qtokfeatures.training.interrupts import Resumable, held_back
from qtokfeatures.training.objectives import Objectives
from qtokfeatures.training.recipe import Recipe
from qtokfeatures.training.run_record import (
    CHECKPOINT,
    WEIGHTS,
    current_name,
    list_files,
    read_record,
    refuse_changes,
    stored_state,
    write_record,
)

_WARM_UP = 50

_TABLE: Final = "held_out.csv"
_MEASURED_CLIPS: Final = 24  # at most, and seconds of each: a measurement takes a few seconds
_MEASURED_S: Final = 5.0
_ENOUGH_S: Final = 3.0  # more recordings are held out until they have this duration
_LEAST_S: Final = 1.0  # less would measure single sounds


@dataclass(frozen=True)
class Tuning:
    """Result of :func:`tune_mini`.

    Parameters
    ----------
    weights : Path
        File of the best weights; :func:`~qtokfeatures.load_codec` takes it or its folder.
    before : float
        Mean log-mel distance on the held-out recordings with the initial weights, in nepers.
    after : float
        The same with the best weights.
    best_step : int
        Step of the best weights; 0 if the initial ones are the best.
    steps : int
        Number of steps taken.
    held_out_s : float
        Duration of the held-out recordings that both distances are measured on, in seconds.
    """

    weights: Path
    before: float
    after: float
    best_step: int
    steps: int
    held_out_s: float


def tune_mini(
    recordings: Sequence[str | PathLike[str]],
    folder: str | PathLike[str],
    *,
    start: str | PathLike[str],
    max_steps: int = 2000,
    measure_every: int = 100,
    patience: int = 4,
    held_out: float = 0.15,
    clips: int = 8,
    lr: float = 1e-4,
    seed: int | None = None,
    device: str = "auto",
    report: Callable[[str], None] = print,
    on_progress: Progress = ignore_progress,
) -> Tuning:
    """Tune the decoder of a codec of mini's format to recordings, or resume an interrupted run.

    Some recordings are held out. Every `measure_every` steps the weights are measured on them, and
    the run ends after `patience` measurements without improvement. Encoder and codebooks stay
    fixed, so that codes of the initial and of the tuned weights are the same.

    Parameters
    ----------
    recordings : sequence of paths
        Folders of recordings, as :func:`~qtokfeatures.training.prepare_corpus` takes them. May be
        empty for a run to resume; otherwise they must be those of the run.
    folder : path
        Output folder for the best weights (``mini.safetensors``), the checkpoint and the corpus. A
        run in it is resumed.
    start : str or path
        Initial weights: "mini", a weights file, or a folder that holds one.
    max_steps : int, default=2000
        Largest number of steps.
    measure_every : int, default=100
        Number of steps between measurements.
    patience : int, default=4
        Number of measurements without improvement that ends the run.
    held_out : float, default=0.15
        Share of the readable recordings to hold out, between 0 and 1: at least one, and up to half
        of them until they have three seconds.
    clips : int, default=8
        Number of excerpts per step, of two seconds each.
    lr : float, default=1e-4
        Learning rate. Higher rates need fewer steps and may diverge.
    seed : int, optional
        Seed of every random draw; by default that of the run to resume, or 0.
    device : str, default="auto"
        Device to train on.
    report : callable, default=print
        Called with a line of text at the start and at every measurement.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    Tuning
        The best weights, and the distances before and after.

    Raises
    ------
    InputError
        If there are fewer than two readable recordings or less than a second to hold out, `start`
        names no weights, a parameter is out of range, the run in `folder` was started with other
        settings, or `folder` holds weights that no run wrote.
    CodecError
        If `start` is not of mini's format, the checkpoint cannot be read, the device does not
        exist, or the disk is full.

    Notes
    -----
    On Ctrl-C the run finishes its step and writes a checkpoint.

    Examples
    --------
    >>> from qtokfeatures.training import tune_mini
    >>> tune_mini(["recordings"], "tuned", start="mini")  # doctest: +SKIP
    """
    max_steps = whole("max_steps", max_steps, at_least=1)
    measure_every = whole("measure_every", measure_every, at_least=1)
    patience, clips = whole("patience", patience, at_least=1), whole("clips", clips, at_least=1)
    held_out = share("held_out", held_out, above=0, below=1)
    lr = number("lr", lr, above=0)
    folder, where = Path(folder), resolve_device(device)
    weights = _weights_of(start)
    model, digest = load_weights(weights)
    state = stored_state(folder, "tune")
    stored = {} if state is None else state.get("settings", {})
    settings: dict[str, Any] = {
        "start": digest,
        "seed": stored.get("seed", 0) if seed is None else seed,
        "lr": lr,
        "clips": clips,
    }
    refuse_changes(folder, stored, settings)
    make_corpus(
        recordings,
        folder / "corpus",
        share=held_out,
        seed=settings["seed"],
        on_progress=on_progress,
    )
    run = _Run(folder, model.to(where), weights, settings, state, where, on_progress)
    report(f"step {run.step} of at most {max_steps}  log-mel {run.measured:.4f}")
    try:
        while run.stale < patience and run.measured_step < max_steps:
            run.train(min(run.measured_step + measure_every, max_steps), of=max_steps)
            run.measure()
            report(
                f"step {run.step}  log-mel {run.measured:.4f}  best {run.best:.4f}"
                f"  initial {run.before:.4f}"
            )
    except (KeyboardInterrupt, SystemExit):
        run.save()
        raise
    seconds = held_out_s(folder / "corpus")
    return Tuning(run.weights, run.before, run.best, run.best_step, run.step, seconds)


def _weights_of(start: str | PathLike[str]) -> Path:
    weights = find_mini_weights(str(start))
    if weights is None:
        raise InputError(
            'start must be "mini", a weights file of its format or a folder that holds '
            f"mini.safetensors, got {str(start)!r}"
        )
    return weights


class _Run(Resumable):
    """Model, optimiser and measurements of a tuning run."""

    def __init__(
        self,
        folder: Path,
        model: MiniModel,
        start: Path,
        settings: dict[str, Any],
        state: dict[str, Any] | None,
        device: torch.device,
        watch: Progress,
    ) -> None:
        self.folder, self.model, self.settings = folder, model.train(), settings
        self.device, self.watch = device, watch
        kinds = pd.read_csv(folder / "corpus" / "corpus.csv").kind.unique()
        recipe = Recipe(
            seed=settings["seed"],
            clips=settings["clips"],
            rendered_weight=1.0,
            kind_weights=dict.fromkeys(kinds.tolist(), 1.0),
        )
        self.source = BatchSource(folder / "corpus", recipe, device=device)
        self.objectives = Objectives(self.model, recipe, 0).to(device)
        self.optimizer = torch.optim.AdamW(
            self.model.decoder.parameters(), lr=settings["lr"], betas=(0.9, 0.99), weight_decay=0.0
        )
        self.step = self.measured_step = self.stale = self.best_step = 0
        if state is not None:
            self._resume(state)
        else:
            self.before = self.best = self.measured = self._distance(start)
            self.save()
        if not self.weights.exists():
            self._copy_weights(start)

    @property
    def weights(self) -> Path:
        """File of the best weights."""
        return self.folder / WEIGHTS

    @property
    def checkpoint(self) -> Path:
        """The checkpoint file."""
        return self.folder / CHECKPOINT

    def train(self, stop: int, *, of: int) -> None:
        """Train up to step `stop`; `of` is the last possible step, for progress."""
        while self.step < stop:
            self.watch("tune", self.step, of)
            with held_back(), self.changing():
                self._take_step()
        self.watch("tune", self.step, of)

    def measure(self) -> None:
        """Measure the present weights, keep the best, and write a checkpoint."""
        tried = self.folder / "tried.safetensors"
        notes = {"step": str(self.step), "stage": "tune"}
        try:
            save_weights(self.model, tried, notes=notes)
            self.measured = self._distance(tried)
            with held_back():
                with self.changing():
                    self._judge(tried)
                self.save()
        finally:
            tried.unlink(missing_ok=True)

    def save(self) -> None:
        """Write the checkpoint, unless a step was interrupted."""
        if not self.is_whole:
            return
        names = ("step", "measured_step", "stale", "best", "best_step", "before", "measured")
        state = {name: getattr(self, name) for name in names} | {"settings": self.settings}
        save_checkpoint(self.checkpoint, self._modules(), {"tuning": self.optimizer}, state)

    def _take_step(self) -> None:
        group, parameters = self.optimizer.param_groups[0], self.model.decoder.parameters()
        group["lr"] = self.settings["lr"] * min(1.0, (self.step + 1) / _WARM_UP)
        depth = self.objectives.codebooks.draw_depth(self.step).to(self.device)
        batch = self.source.batch(self.step, corrupts=False)
        self.optimizer.zero_grad(set_to_none=True)
        self.objectives.backward("anneal", batch, depth, None)
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, 1.0)):
            self.optimizer.step()
        self.step += 1

    def _judge(self, tried: Path) -> None:
        self.measured_step = self.step
        if self.measured < self.best:
            self.best, self.best_step, self.stale = self.measured, self.step, 0
            tried.replace(self.weights)
        else:
            self.stale += 1

    def _resume(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        load_modules(self.checkpoint, self._modules(), name_of=current_name)
        load_optimizers(self.checkpoint, {"tuning": self.optimizer})

    def _copy_weights(self, start: Path) -> None:
        if self.best_step:
            raise InputError(
                f"{self.weights}, the best weights of the run, is missing: restore it, or delete "
                f"{self.folder}"
            )
        with atomic_write(self.weights) as fresh:
            shutil.copyfile(start, fresh)

    def _modules(self) -> dict[str, nn.Module]:
        return {"model": self.model, "objectives": self.objectives}

    def _distance(self, weights: Path) -> float:
        return held_out_distance(weights, self.folder / "corpus", self.device, self.watch)


def make_corpus(
    recordings: Sequence[str | PathLike[str]],
    corpus: Path,
    *,
    share: float,
    seed: int,
    on_progress: Progress = ignore_progress,
) -> None:
    """Write a corpus with held-out recordings, or check that the existing one is the same."""
    listings = [list_recordings(item) for item in recordings]
    given = {"task": "tune", "recordings": list_files(listings), "held_out": share, "seed": seed}
    record = read_record(corpus)
    if record is not None:
        refuse_changes(corpus.parent, record, given)
        return
    if (corpus / "corpus.csv").exists():
        raise InputError(
            f"{corpus} is incomplete or not a tuning corpus: choose another folder, or delete it"
        )
    if not listings:
        raise InputError("recordings is empty: tuning needs folders of recordings")
    listing = pd.concat(listings, ignore_index=True).sample(frac=1, random_state=seed)
    index = write_corpus(listing, corpus, on_progress=on_progress)
    apart = held_out_clips(index, share=share, n_listed=len(listing))
    whole_frames = index.n_samples >= HOP_LENGTH
    _replace_table(index[apart & whole_frames], corpus / _TABLE)
    _replace_table(index[~apart], corpus / "corpus.csv")
    write_record(corpus, given)


def held_out_clips(index: pd.DataFrame, *, share: float, n_listed: int) -> pd.Series[bool]:
    """Clips of a shuffled corpus to hold out: those of the first recordings."""
    recording = index["name"].str.replace(r"#\d+$", "", regex=True)
    usable = index.n_samples >= HOP_LENGTH
    seconds = _measured_s(index[usable]).groupby(recording[usable], sort=False).sum()
    if len(seconds) < 2:
        raise InputError(
            f"tuning needs at least two recordings of at least {HOP_LENGTH} samples at "
            f"{SAMPLE_RATE} Hz, one to measure on, got {len(seconds)} ({n_listed} listed): "
            "give folders with audio files"
        )
    enough = int(np.searchsorted(seconds.cumsum().to_numpy(), _ENOUGH_S)) + 1
    wanted = max(1, round(share * len(seconds)))
    taken = min(max(wanted, min(enough, len(seconds) // 2)), len(seconds) - 1)
    held_s = seconds.iloc[:taken].sum()
    if held_s < _LEAST_S:
        raise InputError(
            f"{taken} of {len(seconds)} recordings can be held out, {held_s:.2f} s in all; "
            f"measuring needs at least {_LEAST_S:g} s: give more or longer recordings"
        )
    return recording.isin(seconds.index[:taken])


def held_out_s(corpus: Path) -> float:
    """Measured duration of the held-out recordings, in seconds."""
    return float(_measured_s(_measured(corpus)).sum())


def held_out_distance(
    weights: Path, corpus: Path, device: torch.device, on_progress: Progress = ignore_progress
) -> float:
    """Mean log-mel distance of a codec's reconstructions of the held-out clips."""
    codec = MiniCodec.load(weights, device=device)
    samples = np.memmap(corpus / "corpus.i16", dtype=np.int16, mode="r")
    places = _measured(corpus)[["offset", "n_samples"]].to_numpy(np.int64)
    distances = []
    for done, (offset, n_samples) in enumerate(places):
        on_progress("measure", done, len(places))
        y = _excerpt(samples, offset, n_samples)
        found, _ = codec.decode(codec.encode(y, sr=SAMPLE_RATE), length=len(y))
        if not np.isfinite(found).all():
            return float("inf")  # a run that has diverged
        distances.append(log_mel_distance(y, found, SAMPLE_RATE))
    return float(np.mean(distances))


def _measured(corpus: Path) -> pd.DataFrame:
    return pd.read_csv(corpus / _TABLE)[:_MEASURED_CLIPS]


def _measured_s(clips: pd.DataFrame) -> pd.Series[float]:
    return (clips["n_samples"] / SAMPLE_RATE).clip(upper=_MEASURED_S)


def _excerpt(
    samples: npt.NDArray[np.int16], offset: int, n_samples: int
) -> npt.NDArray[np.float32]:
    stop = offset + min(n_samples, round(_MEASURED_S * SAMPLE_RATE))
    y = samples[offset:stop].astype(np.float32) / 32768
    scaled: npt.NDArray[Any] = y * np.float32(0.5 / np.abs(y).max(initial=1e-3))
    return scaled


def _replace_table(rows: pd.DataFrame, path: Path) -> None:
    with atomic_write(path) as fresh:
        rows.to_csv(fresh, index=False, lineterminator="\n")
