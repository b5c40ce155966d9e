"""Checkpoints of a run: tensors as safetensors, the rest as JSON in its header; no pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

_OPTIMIZER = "optimizer."


def save_checkpoint(
    path: Path,
    modules: dict[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
) -> None:
    """Write everything a run needs to go on; the file appears only when it is complete."""
    tensors: dict[str, Tensor] = {}
    for prefix, module in modules.items():
        for name, tensor in module.state_dict().items():
            tensors[f"{prefix}.{name}"] = tensor.detach().cpu().contiguous().clone()
    for i, slots in optimizer.state_dict()["state"].items():
        for slot, value in slots.items():
            tensors[f"{_OPTIMIZER}{i}.{slot}"] = torch.as_tensor(value).detach().cpu().clone()
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, metadata={"state": json.dumps(state)})
    partial.replace(path)


def read_state(path: Path) -> dict[str, Any]:
    """The JSON part of a checkpoint: recipe, stage and step."""
    with safe_open(path, framework="pt") as file:
        state: dict[str, Any] = json.loads((file.metadata() or {})["state"])
    return state


def load_modules(path: Path, modules: dict[str, nn.Module]) -> None:
    """Put a checkpoint's tensors into `modules`, which must fit exactly."""
    tensors = _tensors(path)
    for prefix, module in modules.items():
        own = {
            name.removeprefix(prefix + "."): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix + ".")
        }
        module.load_state_dict(own)


def load_optimizer(path: Path, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint's moments into `optimizer`, made for the same parameters."""
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _tensors(path).items():
        if name.startswith(_OPTIMIZER):
            index, slot = name.removeprefix(_OPTIMIZER).split(".")
            slots.setdefault(int(index), {})[slot] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": slots, "param_groups": groups})


def _tensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
