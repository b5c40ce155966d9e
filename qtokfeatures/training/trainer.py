"""Training loop of mini: five stages, resumable from every checkpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.checkpoint import load_modules, load_optimizers, save_checkpoint
from qtokfeatures.codecs.mini.config import MiniConfig
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.weights import load_weights, save_weights
from qtokfeatures.parameters import whole
from qtokfeatures.progress import Progress, ignore_progress
from qtokfeatures.training.adversary import Opponent
from qtokfeatures.training.batches import Batch, BatchSource
from qtokfeatures.training.initialize import (
    collect_latents,
    initialize_codebooks,
    initialize_linear_maps,
    refine_codebooks,
    round_encoder,
)
from qtokfeatures.training.interrupts import Resumable, held_back
from qtokfeatures.training.objectives import Objectives, set_rate, stage_optimizer
from qtokfeatures.training.recipe import SEMANTIC_STAGES, STAGES, Recipe
from qtokfeatures.training.run_record import (
    CHECKPOINT,
    WEIGHTS,
    current_name,
    refuse_changes,
    stored_state,
)

_LOG_EVERY = 50
_RESTART_EVERY = 20
_KMEANS_FRAMES = 60_000
_REFINE_FRAMES = 150_000

Work = Callable[[Batch, Tensor], dict[str, Tensor]]

_EAGER_STEPS = 4


class Trainer(Resumable):
    """A training run of a :class:`Recipe` over a corpus.

    Parameters
    ----------
    corpus : Path
        Folder that :func:`~qtokfeatures.training.prepare_corpus` wrote.
    folder : Path
        Output folder for ``checkpoint.safetensors``, ``log.jsonl`` and ``mini.safetensors``. A
        checkpoint in it is resumed.
    recipe : Recipe, optional
        Settings of the run; by default those of the checkpoint, or of :class:`Recipe`.
    config : MiniConfig, optional
        Sizes of the model; by default those of the checkpoint.
    device : str, default="cpu"
        Device to train on.
    save_every : int, default=250
        Number of steps between checkpoints.
    start : Path, optional
        Weights that a new run starts from, with their sizes; see :meth:`Recipe.onward`. Ignored if
        `folder` holds a checkpoint of a run with the same start.
    report : callable, default=print
        Called with lines of text about the run.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Raises
    ------
    InputError
        If the run in `folder` was started with another recipe, other sizes or another start, is of
        another kind, or `folder` holds weights that no run wrote.
    CodecError
        If the checkpoint is damaged or cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from qtokfeatures.training import Trainer
    >>> Trainer(Path("corpus"), Path("run")).run()  # doctest: +SKIP
    """

    def __init__(
        self,
        corpus: Path,
        folder: Path,
        *,
        recipe: Recipe | None = None,
        config: MiniConfig | None = None,
        device: str = "cpu",
        save_every: int = 250,
        start: Path | None = None,
        report: Callable[[str], None] = print,
        on_progress: Progress = ignore_progress,
    ) -> None:
        self.save_every = whole("save_every", save_every, at_least=1)
        state = stored_state(folder, "train")
        self.begun_from = None if start is None else sha256(start.read_bytes()).hexdigest()
        self.recipe, self.config = recipe or Recipe(), config or MiniConfig()
        if state is not None:
            self._take_settings(state, folder, recipe, config)
        self.report, self.on_progress = report, on_progress
        self.folder, self.device = folder, torch.device(device)
        folder.mkdir(parents=True, exist_ok=True)
        self.step, self.stage = 0, STAGES[0]
        if state is not None:
            self.step, self.stage = state["step"], state["stage"]
        self.source = BatchSource(corpus, self.recipe, device=self.device)
        torch.manual_seed(self.recipe.seed)
        self.model = self._new_model(None if state is not None else start)
        self.objectives = Objectives(self.model, self.recipe, self.source.labels.n_phones)
        self.objectives.to(self.device)
        self.opponent: Opponent | None = None
        self._prepare_stage()
        if state is not None:
            load_modules(self.checkpoint, self._modules(), name_of=current_name)
            load_optimizers(self.checkpoint, self._optimizers())
        elif start is None:
            self.report("fitting the linear maps")
            initialize_linear_maps(self.model, self.source, on_progress=self.on_progress)

    @property
    def checkpoint(self) -> Path:
        """The checkpoint file."""
        return self.folder / CHECKPOINT

    @property
    def total_steps(self) -> int:
        """Number of steps of all stages."""
        return sum(self.recipe.lengths.values())

    def run(self, *, until: int | None = None, report: Callable[[str], None] | None = None) -> Path:
        """Train to the end, or to a step.

        Parameters
        ----------
        until : int, optional
            Number of the last step; by default that of the recipe.
        report : callable, optional
            Replaces the one of the constructor.

        Returns
        -------
        Path
            The weights file, ``mini.safetensors``.
        """
        last = min(self.total_steps, self.total_steps if until is None else until)
        self.report = report or self.report
        started = time.monotonic()
        for row in self._steps(last):
            if self.step % _LOG_EVERY == 0:
                numbers = {name: _plain(value) for name, value in row.items()}
                numbers["seconds"] = round(time.monotonic() - started, 1)
                self._log(numbers)
                self.report("  ".join(f"{name} {value}" for name, value in numbers.items()))
            self.on_progress(self.stage, self.step, self.total_steps)
            if self.step % self.save_every == 0:
                self.save()
        self.save()
        return self.export()

    def export(self) -> Path:
        """Write the present weights as a file that the codec loads."""
        path = self.folder / WEIGHTS
        save_weights(self.model, path, notes={"step": str(self.step), "stage": self.stage})
        return path

    def save(self) -> None:
        """Write the checkpoint, unless a step or the start of a stage was interrupted.

        In that case the previous checkpoint stays.
        """
        if not self.is_whole:
            return
        state = {
            "step": self.step,
            "stage": self.stage,
            "recipe": self.recipe.to_dict(),
            "config": self.config.to_dict(),
            "start": self.begun_from,
        }
        save_checkpoint(self.checkpoint, self._modules(), self._optimizers(), state)

    def _take_settings(
        self, state: dict[str, Any], folder: Path, recipe: Recipe | None, config: MiniConfig | None
    ) -> None:
        """Take the settings of a checkpoint; given ones must be equal."""
        self.recipe = Recipe.from_dict(state["recipe"])
        self.config = MiniConfig.from_dict(state["config"])
        stored = {"recipe": self.recipe.to_dict(), "config": self.config.to_dict()}
        given = {
            "start": self.begun_from,
            "recipe": recipe and recipe.to_dict(),
            "config": config and config.to_dict(),
        }
        refuse_changes(folder, {**state, **stored}, given)
        self.begun_from = state.get("start")

    def _new_model(self, start: Path | None) -> MiniModel:
        model = MiniModel(self.config) if start is None else load_weights(start)[0].train()
        self.config = model.config
        return model.to(self.device)

    def _steps(self, last: int) -> Iterator[dict[str, object]]:
        while self.step < last:
            stage, position, length = self._stage_of(self.step)
            if stage != self.stage:
                if self.step:
                    self.save()  # entering a stage takes minutes and is not resumable
                with self.changing():
                    self._enter(stage)
            set_rate(self.optimizer, self.recipe, stage, position, length)
            with held_back(), self.changing():
                parts = self._take_step(stage)
            yield {"step": self.step, "stage": stage, **parts}

    def _take_step(self, stage: str) -> dict[str, torch.Tensor]:
        depth = self.objectives.codebooks.draw_depth(self.step).to(self.device)
        batch = self.source.batch(self.step, corrupts=stage in SEMANTIC_STAGES)
        parts = self._graphed(batch, depth)
        self.step += 1
        if self.step % _RESTART_EVERY == 0 and stage not in ("plain", "anneal"):
            self.objectives.codebooks.restart(self.step)
        return parts

    def _work(self, batch: Batch, depth: torch.Tensor) -> dict[str, torch.Tensor]:
        """One step of the present stage, without what depends on its number."""
        self.optimizer.zero_grad(set_to_none=True)
        parts = self.objectives.backward(self.stage, batch, depth, self.opponent)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        gradients = [p.grad for p in parameters if p.grad is not None]
        for gradient in gradients:  # infinite gradients count as zero
            gradient.nan_to_num_(0.0, 0.0, 0.0)
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        self.optimizer.step()
        return {name: value.detach() for name, value in {"norm": norm, **parts}.items()}

    def _enter(self, stage: str) -> None:
        self.stage = stage
        seed, watch = self.recipe.seed, self.on_progress
        if stage == "magnitude":
            initialize_codebooks(
                self.model, self._latents(_KMEANS_FRAMES), seed=seed, on_progress=watch
            )
            self.objectives.codebooks.reset()
        elif stage == "anneal":
            round_encoder(self.model)
            refine_codebooks(
                self.model, self._latents(_REFINE_FRAMES), seed=seed, on_progress=watch
            )
        self._prepare_stage()

    def _latents(self, n_frames: int) -> torch.Tensor:
        self.report(f"stage {self.stage}: fitting the codebooks to {n_frames} frames")
        batches = math.ceil(n_frames / (self.recipe.clips * self.recipe.frames))
        return collect_latents(
            self.model, self.source, batches=batches, on_progress=self.on_progress
        )

    def _prepare_stage(self) -> None:
        """Set up the optimiser and, from the adversarial stage on, the discriminators."""
        self.optimizer = stage_optimizer(
            self.model, self.objectives, self.stage, self.recipe, self.device
        )
        self._graphed = GraphedStep(self._work)
        adversarial = self.recipe.adversarial_steps > 0
        if self.opponent is None and self.stage in ("adversarial", "anneal") and adversarial:
            torch.manual_seed(self.recipe.seed + 1)  # independent of where the run resumed
            self.opponent = Opponent(self.device, self.recipe.discriminator_lr)

    def _stage_of(self, step: int) -> tuple[str, int, int]:
        """Stage, position in it and its length."""
        for stage, length in self.recipe.lengths.items():
            if step < length:
                return stage, step, length
            step -= length
        return STAGES[-1], length, length

    def _modules(self) -> dict[str, nn.Module]:
        modules = {"model": self.model, "objectives": self.objectives}
        if self.opponent is not None:
            modules["adversary"] = self.opponent.adversary
        return modules

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        optimizers = {"model": self.optimizer}
        if self.opponent is not None:
            optimizers["adversary"] = self.opponent.optimizer
        return optimizers

    def _log(self, row: dict[str, Any]) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _plain(value: Any) -> Any:
    """`value`, or a rounded number for a tensor."""
    return round(float(value.detach()), 4) if isinstance(value, torch.Tensor) else value


class GraphedStep:
    """Runs `work`, on a GPU from a CUDA graph after the first few calls."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, batch: Batch, depth: Tensor) -> dict[str, Tensor]:
        """Do one step."""
        if batch.y.device.type != "cuda":
            return self._work(batch, depth)
        self._calls += 1
        if self._calls <= _EAGER_STEPS:
            return self._aside(batch, depth)
        if self._graph is None:
            self._graph = self._capture(batch, depth)
        for kept, given in zip(self._inputs, [*_tensors(batch), depth], strict=True):
            kept.copy_(given)
        self._graph.replay()
        return self._results

    def _aside(self, batch: Batch, depth: Tensor) -> dict[str, Tensor]:
        """A step on a separate stream, as capturing requires."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            results = self._work(batch, depth)
        torch.cuda.current_stream().wait_stream(stream)
        return results

    def _capture(self, batch: Batch, depth: Tensor) -> torch.cuda.CUDAGraph:
        still = Batch(*(tensor.clone() for tensor in _tensors(batch)))
        depth = depth.clone()
        self._inputs = [*_tensors(still), depth]
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            self._results = self._work(still, depth)
        return graph


def _tensors(batch: Batch) -> list[Tensor]:
    return [getattr(batch, field.name) for field in fields(batch)]
