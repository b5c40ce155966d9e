"""Checkpoints of training runs: tensors as safetensors, other state as JSON in its header."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from qtokfeatures.exceptions import CodecError
from qtokfeatures.files import atomic_write

Shape = tuple[int, ...]

_SLOT = ".optimizer."
_LISTED = 50  # tensors named in an error


def save_checkpoint(
    path: Path,
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    state: dict[str, Any],
) -> None:
    """Write everything that a run needs to resume; the file appears when it is complete."""
    tensors: dict[str, Tensor] = {}
    for prefix, module in modules.items():
        for name, tensor in module.state_dict().items():
            tensors[f"{prefix}.{name}"] = tensor.detach().cpu().contiguous().clone()
    for prefix, optimizer in optimizers.items():
        for i, slots in optimizer.state_dict()["state"].items():
            for slot, value in slots.items():
                kept = torch.as_tensor(value).detach().cpu().contiguous().clone()
                tensors[f"{prefix}{_SLOT}{i}.{slot}"] = kept
    write_tensors(path, tensors, {"state": json.dumps(state)})


def read_state(path: Path) -> dict[str, Any]:
    """Read the JSON part of a checkpoint: recipe, stage and step."""
    with _opened(path) as file:
        state: dict[str, Any] = json.loads((file.metadata() or {})["state"])
    return state


def load_modules(
    path: Path, modules: Mapping[str, nn.Module], *, name_of: Callable[[str], str] = str
) -> None:
    """Load a checkpoint's tensors into `modules`; `name_of` maps stored to present names.

    Modules without a stored tensor keep their values: a later stage introduces them.
    """
    tensors = {name_of(name): tensor for name, tensor in _tensors(path).items()}
    for prefix, module in modules.items():
        own = {
            name.removeprefix(prefix + "."): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix + ".") and _SLOT not in name
        }
        with _fitting(path):
            if own:
                module.load_state_dict(own)


def load_optimizers(path: Path, optimizers: Mapping[str, torch.optim.Optimizer]) -> None:
    """Load the moments of `optimizers`, created for the same parameters."""
    tensors = _tensors(path)
    for prefix, optimizer in optimizers.items():
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(prefix + _SLOT):
                index, slot = name.removeprefix(prefix + _SLOT).split(".")
                slots.setdefault(int(index), {})[slot] = tensor
        groups = optimizer.state_dict()["param_groups"]
        with _fitting(path):
            optimizer.load_state_dict({"state": slots, "param_groups": groups})
        for parameter, state in optimizer.state.items():
            for slot, value in state.items():
                if value.shape == parameter.shape:  # keep the parameter's memory format
                    state[slot] = torch.empty_like(parameter).copy_(value)


def _tensors(path: Path) -> dict[str, Tensor]:
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CodecError(
            f"{path} is damaged, or no checkpoint of this package ({error}): restore a copy, or "
            "delete it to start over"
        ) from error


@contextmanager
def _fitting(path: Path) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, KeyError) as error:
        raise CodecError(
            f"{path} does not fit the sizes or the data of this run: {error}"
        ) from error


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write CPU tensors as safetensors, atomically, with the permissions of any new file."""
    content = _in_order(save(tensors, metadata=metadata))
    try:
        with atomic_write(path) as fresh:
            fresh.write_bytes(content)
    except OSError as error:
        raise CodecError(
            f"{path} could not be written and is unchanged: {error.strerror or error} "
            f"({len(content) / 1e6:.1f} MB are needed); free space and run again"
        ) from error


def _in_order(content: bytes) -> bytes:
    """Sort the metadata, which safetensors orders at random: equal tensors give equal files."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # values begin at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def misfits(found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> str:
    """List tensors that are missing, unexpected or of another shape; empty if all fit."""
    wrong = {
        "missing": sorted(set(expected) - set(found)),
        "unexpected": sorted(set(found) - set(expected)),
        "of another shape": [
            f"{name} {list(found[name])} instead of {list(expected[name])}"
            for name in sorted(set(found) & set(expected))
            if found[name] != expected[name]
        ],
    }
    return "; ".join(f"{len(names)} {kind}: {few(names)}" for kind, names in wrong.items() if names)


def few(names: list[str]) -> str:
    """Join the first names, and count the rest."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
