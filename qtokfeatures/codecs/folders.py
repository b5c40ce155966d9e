"""Folders that hold a checkpoint: ``config.json`` and safetensors weights."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from qtokfeatures.exceptions import CodecError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SUBFOLDERS = ("speech_tokenizer",)  # of checkpoints for speech synthesis that include a codec


def find_checkpoint(path: Path, kinds: Collection[str]) -> Path | None:
    """Return the folder of a loadable checkpoint: `path`, a folder inside, or its weights file."""
    if path.is_file():
        return path.parent if path.name == WEIGHTS and _describes(path.parent, kinds) else None
    candidates = (path, *(path / name for name in SUBFOLDERS))
    return next((folder for folder in candidates if _describes(folder, kinds)), None)


def _describes(folder: Path, kinds: Collection[str]) -> bool:
    config = folder / CONFIG
    return config.is_file() and model_type(config) in kinds


def model_type(config: Path) -> str | None:
    """Read ``model_type`` of a ``config.json``."""
    try:
        fields = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CodecError(f"{config} is not a readable JSON file: {error}") from error
    kind = fields.get("model_type") if isinstance(fields, dict) else None
    return kind if isinstance(kind, str) else None


def read_index(path: Path) -> dict[str, str]:
    """Read an index of weights: tensor name → file name in the same folder."""
    try:
        files = dict(json.loads(path.read_text(encoding="utf-8"))["weight_map"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CodecError(f"{path} is not an index of safetensors files: {error!r}") from error
    if not files:
        raise CodecError(f"{path} names no file of weights: its weight_map is empty")
    for file in files.values():
        if not isinstance(file, str) or Path(file).name != file or not file.endswith("safetensors"):
            raise CodecError(f"{path} names {file!r}: expected a .safetensors file beside it")
    return files
