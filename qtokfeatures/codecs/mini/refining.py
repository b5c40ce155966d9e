"""Analysis by synthesis: codes whose decoded audio is closer to the original."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from qtokfeatures.codecs.mini.config import HOP_LENGTH
from qtokfeatures.codecs.mini.losses import LONGEST_WINDOW, WaveformLoss
from qtokfeatures.codecs.mini.model import DecoderState, MiniModel
from qtokfeatures.codecs.nn.precision import building, tf32

PAST = LONGEST_WINDOW - LONGEST_WINDOW // 4  # samples before a segment in its first window
_PEAK = 0.5  # segments are scaled to this peak, for which the floors of the loss are meant
_QUIETEST = 1e-6
# The best of those tried on recordings of split train.
_RATE = 0.6  # in units of the RMS distance between a shape and its quantised value
_RATE_AT_END = 0.2  # share of the rate that is left at the last step
_BETAS = (0.5, 0.9)
_PULL = 0.05  # share of the way back to its quantised value that a shape moves per step
_WIDTH = 8  # of the beam search
_EPS = 1e-8


@dataclass
class RefineState:
    """State of refining between segments."""

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
    """Refine codes (frame, codebook) of `y` (1, sample) with latents (frame, dim)."""
    # The shape before quantisation follows the gradient of the loss, passed straight through the
    # codebooks. Codebook 0 and the levels are kept.
    best, latent = codes.clone(), latent.clone()  # tensors of inference mode have no gradients
    segment = _Segment(model, y, state)
    if segment.is_audible:
        with tf32(y.device, allowed=False):
            best = _descend(model, segment, latent, best, steps)
    with torch.no_grad():
        y_hat = segment.decoded(model.embed(best), state.decoder)
    state.original, state.decoded = _last(state.original, y), _last(state.decoded, y_hat)
    return best


class _Segment:
    """A segment of the original, and the loss of decoded vectors against it."""

    def __init__(self, model: MiniModel, y: Tensor, state: RefineState) -> None:
        self.model, self.state = model, state
        self.frames = y.shape[1] // HOP_LENGTH
        peak = float(y.abs().max())
        self.is_audible = peak > _QUIETEST
        self.gain = _PEAK / max(peak, _QUIETEST)
        with building(y.device):
            self.loss = WaveformLoss()
        self.wanted = self.loss.spectra(self.gain * torch.cat([state.original, y], dim=1))

    def decoded(self, vectors: Tensor, state: DecoderState) -> Tensor:
        y_hat: Tensor = self.model.decoder(vectors[None], state)
        return y_hat

    def losses(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Loss, and loss of each frame, with the segment scaled to the peak of 0.5."""
        y_hat = self.decoded(vectors, copy(self.state.decoder))
        found = self.loss.spectra(self.gain * torch.cat([self.state.decoded, y_hat], dim=1))
        distances = self.loss.distances(found, self.wanted)
        with torch.no_grad():
            of_frames = self.loss.by_frame(
                distances, first=PAST, hop=HOP_LENGTH, frames=self.frames
            )
        return self.loss.combine(distances)["loss"], of_frames


class _Best:
    """Best codes so far, as a whole and per frame."""

    def __init__(self, codes: Tensor) -> None:
        self.codes, self.least = codes, math.inf
        self.mixed = codes.clone()
        self.least_of_frames = torch.full_like(codes[:, 0], torch.inf, dtype=torch.float32)

    def update(self, codes: Tensor, loss: Tensor, of_frames: Tensor) -> None:
        if float(loss) < self.least:
            self.codes, self.least = codes, float(loss)
        is_better = of_frames < self.least_of_frames
        self.mixed[is_better] = codes[is_better]
        self.least_of_frames = torch.where(is_better, of_frames, self.least_of_frames)


def _descend(
    model: MiniModel, segment: _Segment, latent: Tensor, codes: Tensor, steps: int
) -> Tensor:
    shape, books = model.split(latent)[1], model.search_books()
    semantic_codes, levels = codes[:, 0], codes[:, 1] // model.config.shape_count
    spread = float((shape - model.split(model.embed(codes))[1]).square().mean().sqrt())
    if spread == 0:
        return codes
    descent, best = _Adam(shape), _Best(codes)
    for step in range(steps):
        vectors = model.embed(codes).requires_grad_()
        loss, of_frames = segment.losses(vectors)
        best.update(codes, loss.detach(), of_frames)
        (gradient,) = torch.autograd.grad(loss, [vectors])
        left = 1 - (1 - _RATE_AT_END) * step / max(steps - 1, 1)
        descent.pull(model.split(vectors.detach())[1], share=_PULL)
        descent.step(model.split(gradient)[1], rate=_RATE * spread * left)
        codes = model.quantize_shape(descent.x, semantic_codes, levels, books, width=_WIDTH)
    with torch.no_grad():
        best.update(codes, *segment.losses(model.embed(codes)))
        # Frames overlap in the decoder: the best of each need not be the best together.
        best.update(best.mixed, *segment.losses(model.embed(best.mixed)))
    return best.codes


class _Adam:
    """Adam (Kingma and Ba, 2015, arXiv:1412.6980) of one tensor: torch.optim imports slowly."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.count = x, 0
        self.mean, self.square = torch.zeros_like(x), torch.zeros_like(x)

    def pull(self, towards: Tensor, *, share: float) -> None:
        self.x = torch.lerp(self.x, towards, share)

    def step(self, gradient: Tensor, *, rate: float) -> None:
        self.count += 1
        self.mean.lerp_(gradient, 1 - _BETAS[0])
        self.square.lerp_(gradient.square(), 1 - _BETAS[1])
        mean = self.mean / (1 - _BETAS[0] ** self.count)
        square = self.square / (1 - _BETAS[1] ** self.count)
        self.x = self.x - rate * mean / (square.sqrt() + _EPS)


def _last(past: Tensor, present: Tensor) -> Tensor:
    return torch.cat([past, present], dim=1)[:, -PAST:].clone()
