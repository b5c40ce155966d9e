"""Training-time quantisation: straight-through codes, entries as moving averages."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.nn.quantizer import nearest_codes
from qtokfeatures.training.recipe import Recipe

_PREFIXES = np.array([1, 2, 3, 4, 6, 8, 12])
_RESTARTS = 8


class CodebookTrainer(nn.Module):
    """Moving averages behind the codebooks of a model; part of every checkpoint.

    Parameters
    ----------
    model : MiniModel
        Its ``codebooks`` are updated in place.
    recipe : Recipe
        Decay, restart and commitment.
    """

    usage: Tensor
    total: Tensor
    last_used: Tensor

    def __init__(self, model: MiniModel, recipe: Recipe) -> None:
        super().__init__()
        self.recipe, self._books = recipe, model.codebooks
        self._first_size = model.config.shape_count
        self.register_buffer("usage", torch.ones(model.codebooks.shape[:2]))
        self.register_buffer("total", model.codebooks.clone())
        self.register_buffer("last_used", torch.zeros(model.codebooks.shape[:2], dtype=torch.int64))

    def reset(self, step: int) -> None:
        """Start the averages at the model's present codebooks."""
        self.usage.fill_(1.0)
        self.total.copy_(self._books)
        self.last_used.fill_(step)

    def forward(self, latent: Tensor, step: int, *, learn: bool = True) -> tuple[Tensor, Tensor]:
        """Quantise with a random number of codebooks per clip.

        Parameters
        ----------
        latent : Tensor, shape (batch, frame, shape_dim)
            Shapes from the encoder.
        step : int
            Step of the run; every draw follows from it.
        learn : bool, default=True
            Move the entries towards what they coded.

        Returns
        -------
        quantized : Tensor, shape (batch, frame, shape_dim)
            Sum of entries, with the gradient passed straight through.
        commitment : Tensor, scalar
            Mean squared distance of latents from their sums.
        """
        rng = np.random.default_rng([self.recipe.seed, step, 1])
        depth = self._prefix_lengths(rng, latent.shape[0]).to(latent.device)
        flat = latent.detach().flatten(0, 1)
        keep = depth.repeat_interleave(latent.shape[1])
        residual, quantized = flat, torch.zeros_like(flat)
        for layer, book in enumerate(self._books):
            entries = book[: self._first_size] if layer == 0 else book
            index = nearest_codes(residual, entries)
            chosen = entries[index]
            if learn:
                self._learn(layer, index, residual, step, rng)
            quantized = quantized + chosen * (keep > layer)[:, None]
            residual = residual - chosen
        quantized = quantized.reshape(latent.shape)
        commitment = (latent - quantized).square().mean()
        return latent + (quantized - latent).detach(), commitment

    def _prefix_lengths(self, rng: np.random.Generator, count: int) -> Tensor:
        some = rng.choice(_PREFIXES, size=count)
        whole = rng.random(count) < self.recipe.whole_share
        return torch.from_numpy(np.where(whole, len(self._books), some))

    def _learn(
        self, layer: int, index: Tensor, residual: Tensor, step: int, rng: np.random.Generator
    ) -> None:
        size = self._first_size if layer == 0 else self._books.shape[1]
        decay = self.recipe.codebook_decay
        seen = torch.bincount(index, minlength=size).to(residual.dtype)
        summed = residual.new_zeros(size, residual.shape[1]).index_add_(0, index, residual)
        self.usage[layer, :size].mul_(decay).add_(seen, alpha=1 - decay)
        self.total[layer, :size].mul_(decay).add_(summed, alpha=1 - decay)
        used = seen > 0
        self.last_used[layer, :size][used] = step
        # Only entries that were just used move: the others' averages scale alike.
        moved = self.total[layer, :size] / self.usage[layer, :size, None].clamp(min=1e-8)
        self._books[layer, :size][used] = moved[used]
        self._restart(layer, size, residual, step, rng)

    def _restart(
        self, layer: int, size: int, residual: Tensor, step: int, rng: np.random.Generator
    ) -> None:
        unused = step - self.last_used[layer, :size]
        dead = torch.nonzero(unused > self.recipe.restart_after).flatten()
        # A few at a time, any of them: those that fail to be used must not keep the others out.
        dead = dead[torch.from_numpy(rng.permutation(len(dead))[:_RESTARTS])]
        if not len(dead):
            return
        rows = torch.from_numpy(rng.integers(0, len(residual), size=len(dead)))
        self._books[layer, dead] = residual[rows]
        self.total[layer, dead] = residual[rows]
        self.usage[layer, dead] = 1.0
        self.last_used[layer, dead] = step
