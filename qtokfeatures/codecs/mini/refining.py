"""Codes chosen by what they decode to: analysis by synthesis, a stretch of audio after another."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from qtokfeatures.codecs.mini.losses import LONGEST_WINDOW, WaveformLoss
from qtokfeatures.codecs.mini.model import DecoderState, MiniModel, SearchBooks

PAST = LONGEST_WINDOW - LONGEST_WINDOW // 4
"""Samples before a stretch that the windows across its beginning hear, too."""
_PEAK = 0.5
_QUIETEST = 1e-6
# Of those that were tried on 28 recordings of split train. The rate is in units of what lies
# between a vector and its entries; towards the end a tenth of it is left.
_RATE = 0.4
_BETAS = (0.5, 0.9)
_RATE_AT_END = 0.1


@dataclass
class RefineState:
    """What refining remembers between stretches."""

    decoder: DecoderState
    original: Tensor
    decoded: Tensor

    @classmethod
    def at_start(cls, decoder: DecoderState, device: torch.device) -> RefineState:
        """Return the state before the first sample: silence."""
        silence = torch.zeros(1, PAST, device=device)
        return cls(decoder, silence, silence)


def refined_codes(
    model: MiniModel,
    y: Tensor,
    latent: Tensor,
    codes: Tensor,
    state: RefineState,
    *,
    steps: int,
) -> Tensor:
    """Find codes that decode to something closer to the original.

    The shape before quantisation follows the gradient of :class:`WaveformLoss`, which goes
    straight through the codebooks; of all codes that were met on the way, those with the least
    loss are kept. Codebook 0 and the levels stay as they are.

    Parameters
    ----------
    model : MiniModel
        The network.
    y : Tensor, shape (1, sample)
        The original, whole frames.
    latent : Tensor, shape (frame, meaning_dim + shape_dim + 1)
        What the encoder gives.
    codes : Tensor of int64, shape (frame, codebook)
        Codes to begin with.
    state : RefineState
        The past; moves on.
    steps : int
        Steps of the descent.

    Returns
    -------
    Tensor of int64, shape (frame, codebook)
        Codes of a loss that is no larger.
    """
    best, latent = codes.clone(), latent.clone()  # tensors of inference mode have no gradients
    stretch = _Stretch(model, y, state)
    if stretch.is_audible:
        best = _descend(model, stretch, latent, best, steps)
    with torch.no_grad():
        y_hat = stretch.decoded(model.embed(best), state.decoder)
    state.original, state.decoded = _last(state.original, y), _last(state.decoded, y_hat)
    return best


class _Stretch:
    """A stretch of the original, and how far what some vectors decode to is from it."""

    def __init__(self, model: MiniModel, y: Tensor, state: RefineState) -> None:
        self.model, self.state = model, state
        self.wanted = torch.cat([state.original, y], dim=1)
        peak = float(self.wanted.abs().max())
        self.is_audible = peak > _QUIETEST
        self.gain = _PEAK / max(peak, _QUIETEST)
        self.loss = WaveformLoss().to(y.device)

    def decoded(self, vectors: Tensor, state: DecoderState) -> Tensor:
        y_hat: Tensor = self.model.decoder(vectors[None], state)
        return y_hat

    def distance(self, vectors: Tensor) -> Tensor:
        """Loss at the level at which the loudest sample is 0.5."""
        found = torch.cat(
            [self.state.decoded, self.decoded(vectors, copy(self.state.decoder))], dim=1
        )
        distance: Tensor = self.loss(self.gain * found, self.gain * self.wanted)["loss"]
        return distance


def _descend(
    model: MiniModel, stretch: _Stretch, latent: Tensor, codes: Tensor, steps: int
) -> Tensor:
    kept, books = model.config.meaning_dim, model.search_books()
    entries = model.embed(codes)
    spread = float((latent - entries)[:, kept:-1].square().mean().sqrt())
    if spread == 0:
        return codes
    shape = latent[:, kept:-1].clone().requires_grad_()
    optimizer = torch.optim.Adam([shape], betas=_BETAS)
    best, least = codes, torch.inf
    for step in range(steps + 1):
        if step:
            codes = _codes(model, books, latent, shape.detach())
            entries = model.embed(codes)
        through = entries[:, kept:-1] + (shape - shape.detach())
        vectors = torch.cat([entries[:, :kept], through, entries[:, -1:]], dim=1)
        distance = stretch.distance(vectors)
        if float(distance.detach()) < least:
            best, least = codes, float(distance.detach())
        if step == steps:
            break
        left = 1 - (1 - _RATE_AT_END) * step / max(steps - 1, 1)
        optimizer.param_groups[0]["lr"] = _RATE * spread * left
        (shape.grad,) = torch.autograd.grad(distance, [shape])
        optimizer.step()
    return best


@torch.no_grad()
def _codes(model: MiniModel, books: SearchBooks, latent: Tensor, shape: Tensor) -> Tensor:
    kept = model.config.meaning_dim
    return model.quantize(torch.cat([latent[:, :kept], shape, latent[:, -1:]], dim=1), books)


def _last(past: Tensor, present: Tensor) -> Tensor:
    return torch.cat([past, present], dim=1)[:, -PAST:].clone()
