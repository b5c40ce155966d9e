"""Objectives of the training stages, their gradients and optimisers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.mini.config import HOP_LENGTH
from qtokfeatures.codecs.mini.losses import WaveformLoss
from qtokfeatures.codecs.mini.model import EncoderState, MiniModel
from qtokfeatures.codecs.mini.spectra import N_MELS
from qtokfeatures.codecs.nn.precision import fast_dtype
from qtokfeatures.training.adversary import Opponent
from qtokfeatures.training.batches import Batch
from qtokfeatures.training.codebooks import CodebookTrainer
from qtokfeatures.training.initialize import whole_frames
from qtokfeatures.training.losses import MagnitudeLoss, SemanticLoss
from qtokfeatures.training.recipe import SEMANTIC_STAGES, Recipe

Parts = dict[str, Tensor]

_KEPT_MAGNITUDE = 0.25  # weight of the magnitude loss beside those of the waveform
_WARM_UP = 200


class Objectives(nn.Module):
    """Losses of a run; their state is part of every checkpoint."""

    def __init__(self, model: MiniModel, recipe: Recipe, n_phones: int) -> None:
        super().__init__()
        self.recipe, self._model = recipe, [model]  # a list, so that it is no submodule
        self.codebooks = CodebookTrainer(model, recipe)
        self.semantic = SemanticLoss(model.config, n_phones)
        self.magnitude = MagnitudeLoss()
        self.waveform = WaveformLoss()

    @property
    def model(self) -> MiniModel:
        """The trained model."""
        return self._model[0]

    def backward(self, stage: str, batch: Batch, depth: Tensor, opponent: Opponent | None) -> Parts:
        """Set the gradients of one step; return the losses. `depth` counts codebooks per clip."""
        device = batch.y.device
        learns_semantic = stage in SEMANTIC_STAGES
        quick = device.type == "cuda" or fast_dtype(device) is not None
        with torch.autocast(device.type, torch.bfloat16, enabled=quick):
            embedding, parts = self._embedding(stage, batch, depth, learns_semantic=learns_semantic)
            ln_magnitude, phase = self.model.decoder.spectrum(embedding)
        parts["magnitude"] = self.magnitude(ln_magnitude, batch.y)
        if stage in ("plain", "magnitude"):
            parts["loss"] = parts.pop("inner") + parts["magnitude"]
            parts["loss"].backward()
            return parts
        inner = parts.pop("inner") + _KEPT_MAGNITUDE * parts["magnitude"]
        spectrum = [ln_magnitude, phase]
        pulls, outer = self._pulls(spectrum, whole_frames(batch.y), opponent)
        torch.autograd.backward([*spectrum, inner], [*pulls, None])
        return {**parts, **outer, "loss": outer["spectral"] + inner.detach()}

    def _embedding(
        self, stage: str, batch: Batch, depth: Tensor, *, learns_semantic: bool
    ) -> tuple[Tensor, Parts]:
        """Input of the decoder, and the losses without it (their sum as "inner")."""
        encoder, state = self.model.encoder, EncoderState()
        y = whole_frames(batch.y)
        with torch.set_grad_enabled(stage != "anneal"):
            features, change, ln_level = encoder.analyse(y, state)
            shape = encoder.shape_latents(features, change, state).float()
        with torch.no_grad():
            semantic = encoder.semantic_latents(features, change, state).float()
        parts: Parts = {"inner": shape.new_zeros(())}
        quantizes, learn = stage != "plain", stage != "anneal"
        if learns_semantic:
            parts |= self._semantic_losses(batch, features[..., :N_MELS].detach(), quantizes)
            parts["inner"] = parts["semantic"]
        if quantizes:
            with torch.autocast(y.device.type, enabled=False):
                semantic, _, first = self.codebooks.quantize_semantic(semantic, learn=False)
                shape, commitment = self.codebooks(shape, first, depth, learn=learn)
            parts["commitment"] = commitment
            parts["inner"] = parts["inner"] + self.recipe.commitment * commitment
            ln_level = self._levels(ln_level, first, depth, learn=learn)
        return torch.cat([semantic, shape, ln_level[..., None].float()], dim=2), parts

    def _semantic_losses(self, batch: Batch, clean: Tensor, quantizes: bool) -> Parts:
        encoder, state = self.model.encoder, EncoderState()
        features, change, _ = encoder.analyse(whole_frames(batch.corrupted), state)
        semantic = encoder.semantic_latents(features, change, state).float()
        commitment = semantic.new_zeros(())
        if quantizes:
            with torch.autocast(semantic.device.type, enabled=False):
                semantic, commitment, _ = self.codebooks.quantize_semantic(semantic)
        parts: Parts = self.semantic(semantic, batch, clean)
        parts["semantic"] = parts["semantic"] + self.recipe.commitment * commitment
        return parts

    @torch.no_grad()
    def _levels(self, ln_level: Tensor, first: Tensor, depth: Tensor, *, learn: bool) -> Tensor:
        """Levels for the decoder: clips with codebook 0 alone get its typical levels."""
        typical = self.model.typical_ln_level
        if learn:
            seen = torch.zeros_like(typical).index_add_(
                0, first.flatten(), torch.ones_like(first.flatten(), dtype=typical.dtype)
            )
            total = torch.zeros_like(typical).index_add_(
                0, first.flatten(), ln_level.flatten().to(typical.dtype)
            )
            mean = total / seen.clamp(min=1)
            typical.copy_(torch.where(seen > 0, torch.lerp(typical, mean, 0.02), typical))
        return torch.where((depth == 1)[:, None], typical[first], ln_level.to(typical.dtype))

    def _pulls(
        self, spectrum: list[Tensor], wanted: Tensor, opponent: Opponent | None
    ) -> tuple[list[Tensor], Parts]:
        """Gradients with respect to the decoder's log magnitudes and phases, and their losses."""
        # The adversarial gradient of a clip is scaled to a fixed size relative to the spectral one,
        # after the balancer of Défossez et al., 2022 (arXiv:2210.13438).
        leaves = [part.detach().float().requires_grad_() for part in spectrum]
        found, _ = self.model.decoder.synthesis(leaves[0], leaves[1])
        losses = self.waveform(found, wanted)
        pulls = torch.autograd.grad(losses["loss"], leaves, retain_graph=opponent is not None)
        parts = {**losses, "spectral": losses["loss"]}
        if opponent is not None:
            span = slice(-self.recipe.judged_frames * HOP_LENGTH, None)
            judged = opponent.judge(found[:, span], wanted[:, span])
            against = torch.autograd.grad(judged["against"], leaves)
            scale = self.recipe.adversarial_pull * _size(pulls) / _size(against).clamp(min=1e-12)
            pulls = tuple(a + scale[:, None, None] * b for a, b in zip(pulls, against, strict=True))
            parts |= judged
        aligned = [pull.to(part.dtype) for pull, part in zip(pulls, spectrum, strict=True)]
        return aligned, {name: value.detach() for name, value in parts.items()}


def _size(gradients: Sequence[Tensor]) -> Tensor:
    """Norm of the gradient on each clip, (clip,)."""
    squares = [gradient.square().sum(dim=(1, 2)) for gradient in gradients]
    return torch.stack(squares).sum(dim=0).sqrt()


def stage_optimizer(
    model: MiniModel, objectives: Objectives, stage: str, recipe: Recipe, device: torch.device
) -> torch.optim.Optimizer:
    """Optimiser of a stage; :func:`set_rate` sets its rates."""
    groups = [{"params": _fast_parameters(model, objectives, stage), "scale": 1.0}]
    if stage != "anneal":
        skips = [model.encoder.linear, model.decoder.linear]
        slow = [p for module in skips for p in module.parameters()]
        groups.append({"params": slow, "scale": recipe.skip_lr_scale})
    on_gpu = device.type == "cuda"
    for group in groups:  # a captured step reads its rate from memory
        group["lr"] = torch.tensor(1e-4, device=device) if on_gpu else 1e-4
    return torch.optim.AdamW(
        groups, betas=(0.9, 0.99), weight_decay=1e-2, fused=True, capturable=on_gpu
    )


def set_rate(
    optimizer: torch.optim.Optimizer, recipe: Recipe, stage: str, position: int, length: int
) -> None:
    """Set the learning rates for the step `position` of a stage of `length` steps."""
    peak, floor = recipe.lr[stage], recipe.lr_floor[stage]
    warm = min(1.0, (position + 1) / _WARM_UP)
    share = 0.5 * (1 + math.cos(math.pi * position / max(1, length)))
    for group in optimizer.param_groups:
        rate = peak * warm * (floor + (1 - floor) * share) * group["scale"]
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _fast_parameters(model: MiniModel, objectives: Objectives, stage: str) -> list[nn.Parameter]:
    """Parameters that the stage trains, without the two linear maps."""
    encoder, decoder = model.encoder, model.decoder
    trained: list[nn.Module] = [decoder]
    if stage != "anneal":
        trained.append(encoder.shape)
    if stage in SEMANTIC_STAGES:
        trained += [encoder.semantic, objectives.semantic]
    skip = set() if stage == "anneal" else {id(p) for p in decoder.linear.parameters()}
    return [p for module in trained for p in module.parameters() if id(p) not in skip]
