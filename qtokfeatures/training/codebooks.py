"""Quantisation in training: straight-through gradients, entries as moving averages."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.nn.quantizer import nearest_codes
from qtokfeatures.training.recipe import Recipe

_PREFIXES = np.array([1, 2, 3, 4, 4, 6, 8, 12])  # numbers of codebooks, so that prefixes decode
_CANDIDATES = 256  # vectors of the last batch that unused entries may move to


class MovingEntries(nn.Module):
    """Entries (code, dim) of one codebook, moved in place to the mean of what they code."""

    usage: Tensor
    total: Tensor
    idle: Tensor
    candidates: Tensor

    def __init__(self, entries: Tensor, recipe: Recipe) -> None:
        super().__init__()
        self._entries, self.recipe = entries, recipe
        self.register_buffer("usage", torch.ones(len(entries)))
        self.register_buffer("total", entries.clone())
        self.register_buffer("idle", torch.zeros(len(entries)))
        self.register_buffer("candidates", torch.zeros(_CANDIDATES, entries.shape[1]))

    def reset(self) -> None:
        """Set the averages to the present entries."""
        self.usage.fill_(1.0)
        self.total.copy_(self._entries)
        self.idle.zero_()

    def learn(self, index: Tensor, coded: Tensor) -> None:
        """Move entries `index` (row,) towards the vectors `coded` (row, dim)."""
        decay = self.recipe.codebook_decay
        seen = torch.zeros_like(self.usage).index_add_(0, index, torch.ones_like(coded[:, 0]))
        summed = torch.zeros_like(self.total).index_add_(0, index, coded)
        self.usage.mul_(decay).add_(seen, alpha=1 - decay)
        self.total.mul_(decay).add_(summed, alpha=1 - decay)
        used = seen > 0
        self.idle.copy_(torch.where(used, 0.0, self.idle + 1))
        # Both averages of an unused entry decay alike, so it stays in place.
        moved = self.total / self.usage[:, None].clamp(min=1e-8)
        self._entries.copy_(torch.where(used[:, None], moved, self._entries))
        rows = torch.arange(_CANDIDATES, device=coded.device) * 7919 % len(coded)
        self.candidates.copy_(coded[rows])

    def restart(self, rng: np.random.Generator) -> None:
        """Move a twentieth of the idle entries to vectors of the last batch."""
        chosen = torch.from_numpy(rng.random(len(self.usage)) < 1 / 20).to(self.usage.device)
        rows = torch.from_numpy(rng.integers(_CANDIDATES, size=len(chosen))).to(chosen.device)
        dead = (self.idle > self.recipe.restart_after) & chosen
        for kept in (self._entries, self.total):
            kept.copy_(torch.where(dead[:, None], self.candidates[rows], kept))
        self.usage.masked_fill_(dead, 1.0)
        self.idle.masked_fill_(dead, 0.0)


class CodebookTrainer(nn.Module):
    """Moving averages of a model's codebooks, which it updates in place."""

    def __init__(self, model: MiniModel, recipe: Recipe) -> None:
        super().__init__()
        self.recipe, self._model = recipe, [model]  # a list, so that it is no submodule
        self.semantic = MovingEntries(model.semantic_entries, recipe)
        counts = model.config.entry_counts
        self._moving = [MovingEntries(model.codebooks[k, :n], recipe) for k, n in enumerate(counts)]
        self.books = nn.ModuleList(self._moving)

    def reset(self) -> None:
        """Set the averages to the model's present codebooks."""
        for entries in [self.semantic, *self._moving]:
            entries.reset()

    def restart(self, step: int) -> None:
        """Move some idle entries, drawn by seed and step."""
        rng = np.random.default_rng([self.recipe.seed, step, 2])
        for entries in [self.semantic, *self._moving]:
            entries.restart(rng)

    def draw_depth(self, step: int) -> Tensor:
        """Number of codebooks of each clip of a step, int64 (clip,)."""
        rng = np.random.default_rng([self.recipe.seed, step, 1])
        whole, clips = self._model[0].config.n_codebooks, self.recipe.clips
        some = np.minimum(rng.choice(_PREFIXES, size=clips), whole)
        chosen = np.where(rng.random(clips) < self.recipe.whole_share, whole, some)
        return torch.from_numpy(chosen)

    def quantize_semantic(
        self, semantic: Tensor, *, learn: bool = True
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Entries, commitment loss and codes of codebook 0 for latents (batch, frame, dim)."""
        entries = self._model[0].semantic_entries
        flat = semantic.detach().flatten(0, 1)
        index = nearest_codes(flat, entries)
        chosen = entries[index].reshape(semantic.shape)
        if learn:
            self.semantic.learn(index, flat)
        commitment = (semantic - chosen).square().mean()
        quantized = semantic + (chosen - semantic).detach()
        return quantized, commitment, index.reshape(semantic.shape[:2])

    def forward(
        self, shape: Tensor, first: Tensor, depth: Tensor, *, learn: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Sum of entries and commitment loss of shapes (batch, frame, dim) at a depth per clip."""
        model = self._model[0]
        keep = depth[:, None].expand(shape.shape[:2]).flatten()
        residual = shape.detach().flatten(0, 1)
        quantized = torch.zeros_like(residual)
        for k, count in enumerate(model.config.entry_counts):
            entries = model.codebooks[k, :count]
            index = first.flatten() if k == 0 else nearest_codes(residual, entries)
            chosen = entries[index]
            if learn:
                self._moving[k].learn(index, residual)
            quantized = quantized + chosen * (keep > k)[:, None]
            residual = residual - chosen
        quantized = quantized.reshape(shape.shape)
        commitment = (shape - quantized).square().mean()
        return shape + (quantized - shape).detach(), commitment
