"""Codes chosen by what they decode to: analysis by synthesis, a stretch of audio after another."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from qtokfeatures.codecs.mini.losses import LONGEST_WINDOW, WaveformLoss
from qtokfeatures.codecs.mini.model import DecoderState, MiniModel
from qtokfeatures.codecs.nn.precision import tf32

PAST = LONGEST_WINDOW - LONGEST_WINDOW // 4
"""Samples before a stretch that the windows across its beginning hear, too."""
_PEAK = 0.5
_QUIETEST = 1e-6
# Of those that were tried on 28 recordings of split train. The rate is in units of what lies
# between a vector and its entries; towards the end a tenth of it is left.
_RATE = 0.4
_BETAS = (0.5, 0.9)
_RATE_AT_END = 0.1
_EPS = 1e-8


@dataclass
class RefineState:
    """What refining remembers between stretches."""

    decoder: DecoderState
    original: Tensor
    decoded: Tensor

    @classmethod
    def at_start(cls, decoder: DecoderState, device: torch.device) -> RefineState:
        """Return the state before the first sample: silence."""
        silence = torch.zeros(1, PAST, dtype=torch.float32, device=device)
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
        with tf32(y.device, allowed=False):
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
        peak = float(y.abs().max())
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
    wanted, books = model.split(latent)[1], model.search_books()
    first, levels = codes[:, 0], codes[:, 1] // model.config.shape_count
    spread = float((wanted - model.split(model.embed(codes))[1]).square().mean().sqrt())
    if spread == 0:
        return codes
    descent = _Adam(wanted)
    best, least = codes, torch.inf
    for step in range(steps + 1):
        if step:
            codes = model.quantize_shape(descent.x, first, levels, books)
        vectors = model.embed(codes).requires_grad_()
        distance = stretch.distance(vectors)
        if float(distance.detach()) < least:
            best, least = codes, float(distance.detach())
        if step == steps:
            break
        left = 1 - (1 - _RATE_AT_END) * step / max(steps - 1, 1)
        (gradient,) = torch.autograd.grad(distance, [vectors])
        descent.step(model.split(gradient)[1], rate=_RATE * spread * left)
    return best


class _Adam:
    """Kingma and Ba, 2015 (arXiv:1412.6980), for one tensor; torch's takes seconds to import."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.count = x, 0
        self.mean, self.square = torch.zeros_like(x), torch.zeros_like(x)

    def step(self, gradient: Tensor, *, rate: float) -> None:
        self.count += 1
        self.mean.lerp_(gradient, 1 - _BETAS[0])
        self.square.lerp_(gradient.square(), 1 - _BETAS[1])
        mean = self.mean / (1 - _BETAS[0] ** self.count)
        square = self.square / (1 - _BETAS[1] ** self.count)
        self.x = self.x - rate * mean / (square.sqrt() + _EPS)


def _last(past: Tensor, present: Tensor) -> Tensor:
    return torch.cat([past, present], dim=1)[:, -PAST:].clone()
