"""What each stage of a run trains, and at which rates."""

from __future__ import annotations

import math

import torch
from torch import nn

from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.training.objectives import Objectives
from qtokfeatures.training.recipe import MEANING_STAGES, Recipe

_WARM_UP = 200


def stage_optimizer(
    model: MiniModel, objectives: Objectives, stage: str, recipe: Recipe, device: torch.device
) -> torch.optim.Optimizer:
    """Make the optimiser of a stage; its rates come from :func:`set_rate`."""
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
    """What the stage trains, but for the two linear maps."""
    encoder, decoder = model.encoder, model.decoder
    trained: list[nn.Module] = [decoder]
    if stage != "anneal":
        trained.append(encoder.shape)
    if stage in MEANING_STAGES:
        trained += [encoder.meaning, objectives.meaning]
    skip = set() if stage == "anneal" else {id(p) for p in decoder.linear.parameters()}
    return [p for module in trained for p in module.parameters() if id(p) not in skip]
