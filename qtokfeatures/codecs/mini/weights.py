"""Weights of `mini` on disk: one safetensors file, matrices as int8 with a scale per row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from qtokfeatures.codecs.checkpoint import Shape, misfits, write_tensors
from qtokfeatures.codecs.mini.config import MiniConfig, name_of_stored, stored_name
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.nn.precision import building
from qtokfeatures.exceptions import CodecError

FORMAT = "qtokfeatures-mini-2"
_SCALE = ":scale"


def save_weights(model: MiniModel, path: Path, *, notes: dict[str, str] | None = None) -> None:
    """Write `model` atomically, with `notes` as further metadata."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        tensors.update(_packed(stored_name(name), tensor.detach().cpu()))
    metadata = {**(notes or {}), "format": FORMAT, "config": json.dumps(model.config.to_dict())}
    write_tensors(path, tensors, metadata)


def load_weights(path: Path) -> tuple[MiniModel, str]:
    """Read a model written by :func:`save_weights`, and the SHA-256 of the file."""
    if not path.is_file():
        raise CodecError(f"no weights of mini at {path}: expected a .safetensors file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CodecError(f"{path} is not a readable safetensors file: {error}") from error
    if metadata.get("format") != FORMAT:
        raise CodecError(
            f"{path} has format {metadata.get('format')!r}, expected {FORMAT!r}: "
            "it was not written for this version of mini"
        )
    broken = [k for k, t in stored.items() if t.is_floating_point() and not t.isfinite().all()]
    if broken:
        raise CodecError(
            f"{path} holds weights that are not finite, such as {broken[0]!r}: train it again, or "
            "use an earlier copy"
        )
    config = _config(path, metadata, stored)
    tensors = {name_of_stored(name): tensor for name, tensor in _unpacked(stored).items()}
    with building(torch.device("cpu")):
        model = MiniModel(config)
    wrong = misfits(_shapes(tensors), _shapes(model.state_dict()))
    if wrong:
        raise CodecError(f"{path} does not fit its own configuration: {wrong}")
    model.load_state_dict(tensors)
    return model.eval(), hashlib.sha256(path.read_bytes()).hexdigest()


def _config(path: Path, metadata: Mapping[str, str], stored: Mapping[str, Tensor]) -> MiniConfig:
    n_values = sum(tensor.numel() for tensor in stored.values())
    try:
        config = MiniConfig.from_dict(json.loads(metadata["config"]))
        config.check_room(len(stored), n_values)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CodecError(f"{path} has no valid configuration of mini: {error!r:.200}") from error
    return config


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def is_mini_file(path: Path) -> bool:
    """Whether `path` is a safetensors file with the weights of a mini, of any version."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError):
        return False
    return str(metadata.get("format")).startswith(FORMAT.rstrip("0123456789"))


def rounded(tensor: Tensor) -> Tensor:
    """Tensor with the precision that it has on disk."""
    return _unpacked(_packed("it", tensor.detach()))["it"]


def _packed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """Matrices and codebooks as int8 rows with float16 scales, small tensors as they are."""
    if tensor.ndim < 2 or tensor.shape[-1] < 16:
        return {name: tensor.float().contiguous()}
    scale = (tensor.abs().amax(dim=-1) / 127).clamp(min=1e-7).half()
    rows = torch.round(tensor / scale.float()[..., None]).clamp(-127, 127).to(torch.int8)
    return {name: rows.contiguous(), name + _SCALE: scale}


def _unpacked(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    found = {}
    for name, tensor in stored.items():
        if name.endswith(_SCALE):
            continue
        scale = stored.get(name + _SCALE)
        found[name] = tensor.float() if scale is None else tensor.float() * scale.float()[..., None]
    return found
