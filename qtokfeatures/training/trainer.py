"""The training loop of `mini`: four stages, resumable at any checkpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from qtokfeatures.codecs.mini.config import MiniConfig
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.spectra import TAIL
from qtokfeatures.codecs.mini.weights import save_weights
from qtokfeatures.training.batches import BatchSource
from qtokfeatures.training.checkpoint import (
    load_modules,
    load_optimizer,
    read_state,
    save_checkpoint,
)
from qtokfeatures.training.codebooks import CodebookTrainer
from qtokfeatures.training.initialize import (
    collect_latents,
    initialize_codebooks,
    initialize_linear_maps,
    refine_codebooks,
)
from qtokfeatures.training.losses import MagnitudeLoss, WaveformLoss
from qtokfeatures.training.recipe import Recipe

STAGES = ("plain", "magnitude", "waveform", "anneal")
_WARM_UP = 200
_LOG_EVERY = 50
_KEPT_MAGNITUDE = 0.25
_KMEANS_BATCHES = 150
_REFINE_BATCHES = 500


class Trainer:
    """A run of a :class:`Recipe` over a corpus.

    Parameters
    ----------
    corpus : Path
        Folder that `prepare_corpus` wrote.
    folder : Path
        Where ``checkpoint.safetensors``, ``log.jsonl`` and ``mini.safetensors`` go. A
        checkpoint that is there is continued, with its own seed.
    recipe : Recipe, optional
        Settings.
    config : MiniConfig, optional
        Sizes of the model.
    save_every : int, default=250
        Steps between checkpoints.
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
    ) -> None:
        self.recipe = recipe or Recipe()
        self.config = config or MiniConfig()
        self.folder, self.device, self.save_every = folder, torch.device(device), save_every
        folder.mkdir(parents=True, exist_ok=True)
        self.step = 0
        if self.checkpoint.exists():
            state = read_state(self.checkpoint)
            self.step = state["step"]
            self.config = MiniConfig.from_dict(state["config"])
            self.recipe = replace(self.recipe, seed=state["recipe"]["seed"])
        self.source = BatchSource(corpus, self.recipe)
        torch.manual_seed(self.recipe.seed)
        self.model = MiniModel(self.config).to(self.device)
        self.codebooks = CodebookTrainer(self.model, self.recipe).to(self.device)
        self.magnitude_loss = MagnitudeLoss().to(self.device)
        self.waveform_loss = WaveformLoss().to(self.device)
        self.stage = self._stage_of(self.step)[0]
        self.optimizer = self._optimizer()
        if self.checkpoint.exists():
            load_modules(self.checkpoint, self._modules())
            if state["stage"] == self.stage:
                load_optimizer(self.checkpoint, self.optimizer)
            else:
                self.stage = state["stage"]
        else:
            initialize_linear_maps(self.model, self.source)

    @property
    def checkpoint(self) -> Path:
        """The file a run continues from."""
        return self.folder / "checkpoint.safetensors"

    @property
    def total_steps(self) -> int:
        """Steps of all stages."""
        return sum(self._lengths().values())

    def run(self, *, until: int | None = None, report: Callable[[str], None] = print) -> Path:
        """Train to the end, or to step `until`.

        Returns
        -------
        Path
            The weights, ``mini.safetensors``.
        """
        last = min(self.total_steps, self.total_steps if until is None else until)
        started = time.monotonic()
        for row in self._steps(last):
            if row["step"] % _LOG_EVERY == 0:
                row["seconds"] = round(time.monotonic() - started, 1)
                self._log(row)
                report(_line(row))
            if row["step"] % self.save_every == 0:
                self.save()
        self.save()
        return self.export()

    def export(self) -> Path:
        """Write the present weights in the form the codec loads."""
        path = self.folder / "mini.safetensors"
        save_weights(self.model, path, notes={"step": str(self.step), "stage": self.stage})
        return path

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "step": self.step,
            "stage": self.stage,
            "recipe": self.recipe.to_dict(),
            "config": self.config.to_dict(),
        }
        save_checkpoint(self.checkpoint, self._modules(), self.optimizer, state)

    def _steps(self, last: int) -> Iterator[dict[str, float | str]]:
        while self.step < last:
            stage, position, length = self._stage_of(self.step)
            if stage != self.stage:
                self._enter(stage)
            self._set_rate(stage, position, length)
            y = torch.from_numpy(self.source.batch(self.step)).to(self.device)
            parts = self._losses(stage, y)
            self.optimizer.zero_grad(set_to_none=True)
            parts["loss"].backward()
            parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            if torch.isfinite(norm):
                self.optimizer.step()
            self.step += 1
            numbers = {name: round(float(value.detach()), 4) for name, value in parts.items()}
            yield {"step": self.step, "stage": stage, "norm": round(float(norm), 3), **numbers}

    def _losses(self, stage: str, y: Tensor) -> dict[str, Tensor]:
        whole = y[:, : y.shape[1] - TAIL]
        with torch.autocast(self.device.type, torch.bfloat16):
            with torch.set_grad_enabled(stage != "anneal"):
                latent = self.model.encoder(whole)
            embedding, commitment = self._quantized(stage, latent)
            ln_magnitude, phase = self.model.decoder.spectrum(embedding)
        magnitude = self.magnitude_loss(ln_magnitude, y)
        if stage in ("plain", "magnitude"):
            loss = magnitude + self.recipe.commitment * commitment
            return {"loss": loss, "magnitude": magnitude, "commitment": commitment}
        found, _ = self.model.decoder.synthesis(ln_magnitude.float(), phase.float())
        parts = self.waveform_loss(found, whole)
        parts["loss"] = (
            parts["loss"] + _KEPT_MAGNITUDE * magnitude + self.recipe.commitment * commitment
        )
        return {**parts, "magnitude": magnitude, "commitment": commitment}

    def _quantized(self, stage: str, latent: Tensor) -> tuple[Tensor, Tensor]:
        if stage == "plain":
            return latent, latent.new_zeros(())
        shape, ln_level = latent[..., :-1], latent[..., -1:]
        with torch.autocast(self.device.type, enabled=False):
            quantized, commitment = self.codebooks(shape, self.step, learn=stage != "anneal")
        return torch.cat([quantized, ln_level], dim=2), commitment

    def _enter(self, stage: str) -> None:
        if stage == "magnitude":
            latents = collect_latents(self.model, self.source, batches=_KMEANS_BATCHES)
            initialize_codebooks(self.model, latents, seed=self.recipe.seed)
        elif stage == "anneal":
            latents = collect_latents(self.model, self.source, batches=_REFINE_BATCHES)
            refine_codebooks(self.model, latents, seed=self.recipe.seed)
        self.codebooks.reset(self.step)
        self.stage = stage
        self.optimizer = self._optimizer()

    def _optimizer(self) -> torch.optim.Optimizer:
        skips = [self.model.encoder.linear, self.model.decoder.linear]
        slow = [p for module in skips for p in module.parameters()]
        known = {id(p) for p in slow}
        trained = self.model.decoder if self.stage == "anneal" else self.model
        fast = [p for p in trained.parameters() if id(p) not in known]
        groups = [{"params": fast, "scale": 1.0}]
        if self.stage != "anneal":
            groups.append({"params": slow, "scale": self.recipe.skip_lr_scale})
        return torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.99), weight_decay=1e-2, fused=True)

    def _set_rate(self, stage: str, position: int, length: int) -> None:
        peak = {
            "plain": self.recipe.magnitude_lr,
            "magnitude": self.recipe.magnitude_lr,
            "waveform": self.recipe.waveform_lr,
            "anneal": self.recipe.anneal_lr,
        }[stage]
        warm = min(1.0, (position + 1) / _WARM_UP)
        cosine = 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * position / max(1, length)))
        if stage == "plain":
            cosine = 1.0
        for group in self.optimizer.param_groups:
            group["lr"] = peak * warm * cosine * group["scale"]

    def _lengths(self) -> dict[str, int]:
        recipe = self.recipe
        return {
            "plain": recipe.plain_steps,
            "magnitude": recipe.magnitude_steps,
            "waveform": recipe.waveform_steps,
            "anneal": recipe.anneal_steps,
        }

    def _stage_of(self, step: int) -> tuple[str, int, int]:
        """Stage, position in it and its length."""
        for stage, length in self._lengths().items():
            if step < length:
                return stage, step, length
            step -= length
        return STAGES[-1], length, length

    def _modules(self) -> dict[str, torch.nn.Module]:
        return {"model": self.model, "codebooks": self.codebooks}

    def _log(self, row: dict[str, float | str]) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _line(row: dict[str, float | str]) -> str:
    return "  ".join(f"{name} {value}" for name, value in row.items())
