"""A trained codec fitted to recordings of one's own, measured before and after."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from qtokfeatures.audio import log_mel_distance
from qtokfeatures.codecs.devices import resolve_device
from qtokfeatures.codecs.mini.codec import MiniCodec
from qtokfeatures.codecs.mini.config import SAMPLE_RATE
from qtokfeatures.codecs.mini.weights import load_weights, save_weights
from qtokfeatures.codecs.registry import find_mini_weights
from qtokfeatures.exceptions import InputError
from qtokfeatures.training.batches import BatchSource
from qtokfeatures.training.checkpoint import (
    load_modules,
    load_optimizers,
    read_state,
    save_checkpoint,
)
from qtokfeatures.training.corpus import write_corpus
from qtokfeatures.training.listing import list_recordings
from qtokfeatures.training.objectives import Objectives
from qtokfeatures.training.recipe import Recipe

_MEASURED_CLIPS = 24
_MEASURED_S = 5.0
_WARM_UP = 50


@dataclass(frozen=True)
class Tuning:
    """What a tuning run gave.

    Parameters
    ----------
    weights : Path
        The best weights; :func:`~qtokfeatures.codecs.load_codec` takes them or their folder.
    before, after : float
        Mean log-mel distance on the held-out recordings, with the weights that the run began
        with and with the best ones.
    best_step, steps : int
        Step of the best weights (0 when nothing was better than the beginning), and steps taken.
    """

    weights: Path
    before: float
    after: float
    best_step: int
    steps: int


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
    seed: int = 0,
    device: str = "auto",
    report: Callable[[str], None] = print,
) -> Tuning:
    """Fit a codec of mini's format to recordings, or go on with a run that was interrupted.

    Some recordings are held out. Every `measure_every` steps the weights are measured on them as
    they would be stored; the run ends when `patience` measurements in a row were not better than
    the best one. The decoder learns; encoder and codebooks stay as they are, so that the codes are
    those of the weights it began with, and little can go wrong with few recordings.

    Parameters
    ----------
    recordings : sequence of paths
        Folders of recordings; see :func:`~qtokfeatures.training.listing.list_recordings`.
    folder : path
        Gets ``mini.safetensors``, the best weights so far; ``checkpoint.safetensors``, from which
        the same call goes on; and the corpus.
    start : str or path
        Weights to begin with: "mini", a weights file, or a folder that holds one.
    max_steps : int, default=2000
        Steps at the most.
    measure_every : int, default=100
        Steps between measurements.
    patience : int, default=4
        Measurements without progress that end the run.
    held_out : float, default=0.15
        Share of the recordings that is measured on, at least one.
    clips : int, default=8
        Excerpts a step, of two seconds each.
    lr : float, default=1e-4
        Learning rate.
    seed : int, default=0
        Every draw follows from it.
    device : str, default="auto"
        Where to train.
    report : callable, default=print
        Gets a line at every measurement.

    Returns
    -------
    Tuning
        The weights, and how much closer they come on the held-out recordings.

    Raises
    ------
    InputError
        There are fewer than two recordings to use, or `start` has no weights of mini's format.
    """
    folder = Path(folder)
    weights = find_mini_weights(str(start))
    if weights is None:
        raise InputError(
            f'nothing to begin with: expected "mini", a weights file of its format or a folder '
            f"that holds mini.safetensors, got {str(start)!r}"
        )
    recipe = Recipe(seed=seed, clips=clips, rendered_weight=1.0, kind_weights={})
    _make_corpora(recordings, folder, held_out=held_out, seed=seed)
    run = _Run(folder, recipe, weights, torch.device(str(resolve_device(device))), lr)
    while run.step < max_steps and run.stale < patience:
        run.train(min(measure_every, max_steps - run.step))
        run.measure()
        report(
            f"step {run.step}  log-mel {run.measured:.4f}  best {run.best:.4f}"
            f"  at the beginning {run.before:.4f}"
        )
    return Tuning(run.weights, run.before, run.best, run.best_step, run.step)


class _Run:
    """The state of a tuning run: what is trained, and what was measured of it."""

    def __init__(
        self, folder: Path, recipe: Recipe, start: Path, device: torch.device, lr: float
    ) -> None:
        self.folder, self.device, self.lr = folder, device, lr
        kinds = pd.read_csv(folder / "corpus" / "corpus.csv").kind.unique()
        recipe = replace(recipe, kind_weights=dict.fromkeys(kinds.tolist(), 1.0))
        self.source = BatchSource(folder / "corpus", recipe, device=device)
        self.model = load_weights(start)[0].to(device).train()
        self.objectives = Objectives(self.model, recipe, 0).to(device)
        self.optimizer = torch.optim.AdamW(
            self.model.decoder.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.0
        )
        self.step = self.stale = self.best_step = 0
        if self.checkpoint.exists():
            self._resume()
        else:
            shutil.copyfile(start, self.weights)
            self.before = self.best = self.measured = self._distance(self.weights)

    @property
    def weights(self) -> Path:
        """The best weights so far."""
        return self.folder / "mini.safetensors"

    @property
    def checkpoint(self) -> Path:
        """The file that the run continues from."""
        return self.folder / "checkpoint.safetensors"

    def train(self, count: int) -> None:
        """Take `count` steps."""
        parameters = self.optimizer.param_groups[0]["params"]
        for _ in range(count):
            self.optimizer.param_groups[0]["lr"] = self.lr * min(1.0, (self.step + 1) / _WARM_UP)
            depth = self.objectives.codebooks.draw_depth(self.step).to(self.device)
            self.optimizer.zero_grad(set_to_none=True)
            self.objectives.backward("anneal", self.source.batch(self.step), depth, None)
            if torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, 1.0)):
                self.optimizer.step()
            self.step += 1

    def measure(self) -> None:
        """Measure the present weights, keep them if they are the best, and write a checkpoint."""
        tried = self.folder / "tried.safetensors"
        save_weights(self.model, tried, notes={"step": str(self.step), "stage": "tune"})
        self.measured = self._distance(tried)
        if self.measured < self.best:
            self.best, self.best_step, self.stale = self.measured, self.step, 0
            tried.replace(self.weights)
        else:
            self.stale += 1
            tried.unlink()
        names = ("step", "stale", "best", "best_step", "before", "measured")
        state = {name: getattr(self, name) for name in names}
        save_checkpoint(self.checkpoint, self._modules(), {"tuning": self.optimizer}, state)

    def _resume(self) -> None:
        for name, value in read_state(self.checkpoint).items():
            setattr(self, name, value)
        load_modules(self.checkpoint, self._modules())
        load_optimizers(self.checkpoint, {"tuning": self.optimizer})

    def _modules(self) -> dict[str, nn.Module]:
        return {"model": self.model, "objectives": self.objectives}

    def _distance(self, weights: Path) -> float:
        """Mean log-mel distance on the held-out clips."""
        codec = MiniCodec.load(weights, device=self.device)
        clips = pd.read_csv(self.folder / "held_out" / "corpus.csv")
        samples = np.memmap(self.folder / "held_out" / "corpus.i16", dtype=np.int16, mode="r")
        distances = []
        places = clips[["offset", "n_samples"]].to_numpy(np.int64)[:_MEASURED_CLIPS]
        for offset, n_samples in places:
            stop = offset + min(n_samples, round(_MEASURED_S * SAMPLE_RATE))
            y = samples[offset:stop].astype(np.float32) / 32768
            y = y * np.float32(0.5 / np.abs(y).max(initial=1e-3))
            found, _ = codec.decode(codec.encode(y, sr=SAMPLE_RATE), length=len(y))
            if not np.isfinite(found).all():
                return float("inf")  # a run that has diverged
            distances.append(log_mel_distance(y, found, SAMPLE_RATE))
        return float(np.mean(distances))


def _make_corpora(
    recordings: Sequence[str | PathLike[str]], folder: Path, *, held_out: float, seed: int
) -> None:
    """Decode the recordings into ``corpus`` and ``held_out``, unless they are there already."""
    if (folder / "corpus" / "corpus.csv").exists() and (folder / "held_out").exists():
        return
    listings = [list_recordings(item) for item in recordings]
    count = sum(map(len, listings))
    if count < 2:
        raise InputError(
            f"tuning needs at least two recordings, one to measure on, got {count}: "
            "give folders with audio files"
        )
    listing = pd.concat(listings, ignore_index=True).sample(frac=1, random_state=seed)
    apart = max(1, min(count - 1, round(held_out * count)))
    write_corpus(listing[:apart], folder / "held_out")
    write_corpus(listing[apart:], folder / "corpus")
