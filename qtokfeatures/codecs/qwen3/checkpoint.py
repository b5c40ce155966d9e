"""Strict reading of checkpoints: one ``.safetensors`` file, or several with an index."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from qtokfeatures.codecs.checkpoint import Shape, few, misfits
from qtokfeatures.codecs.folders import INDEX, WEIGHTS, read_index
from qtokfeatures.exceptions import CodecError

_FLOATS = {"F64", "F32", "F16", "BF16"}


class TensorSource(Protocol):
    """Source of a network's weights."""

    def take(self, name: str, shape: Shape) -> Tensor:
        """Return the float32 tensor `name`."""

    def leave(self, name: str, shape: Shape) -> None:
        """Note that `name` is expected but not used."""


@dataclass(frozen=True)
class Weights:
    """Tensors of a source whose names begin with `prefix`."""

    source: TensorSource
    prefix: str = ""

    def at(self, name: str | int) -> Weights:
        """Return the tensors below `name`."""
        return Weights(self.source, f"{self.prefix}{name}.")

    def take(self, name: str, *shape: int) -> Tensor:
        """Return the tensor `name`, of this shape, as float32."""
        return self.source.take(self.prefix + name, shape)

    def leave(self, name: str, *shape: int) -> None:
        """Expect the tensor `name`, of this shape, without using it."""
        self.source.leave(self.prefix + name, shape)


@dataclass
class Expected:
    """Source without values, which records the tensors that a network requests."""

    shapes: dict[str, Shape] = field(default_factory=dict)

    def take(self, name: str, shape: Shape) -> Tensor:
        self.shapes[name] = shape
        return torch.empty(shape, device="meta")

    def leave(self, name: str, shape: Shape) -> None:
        self.shapes[name] = shape


class Checkpoint:
    """The weights of a folder on their way to `device`."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.shapes: dict[str, Shape] = {}
        self._not_finite: list[str] = []
        self._files: dict[str, Any] = {}
        for path, promised in _weight_files(folder).items():
            file, held = _opened(path)
            if promised is not None and set(held) != promised:
                raise CodecError(
                    f"{path} does not hold what {INDEX} says: "
                    f"{few(sorted(promised ^ set(held)))} differ"
                )
            self.shapes.update(held)
            self._files.update(dict.fromkeys(held, file))

    def check(self, expected: Mapping[str, Shape]) -> None:
        """Raise if names or shapes of the tensors differ from `expected`."""
        wrong = misfits(self.shapes, expected)
        if wrong:
            raise CodecError(f"the weights in {self.folder} do not fit their config.json: {wrong}")

    def take(self, name: str, shape: Shape) -> Tensor:
        mapped: Tensor = self._files[name].get_tensor(name)
        # A copy, so that overwriting the file does not change a loaded codec.
        tensor = mapped.to(torch.float32, copy=True)
        if not torch.isfinite(tensor).all():
            self._not_finite.append(name)
        return tensor.to(self.device)

    def leave(self, name: str, shape: Shape) -> None:
        """Skip `name`, which is not read."""

    def check_values(self) -> None:
        """Raise if a tensor that was read is not finite."""
        if self._not_finite:
            raise CodecError(
                f"the weights in {self.folder} are damaged: NaN or infinity in "
                f"{len(self._not_finite)} tensors: {few(self._not_finite)}"
            )

    def digest(self) -> str:
        """SHA-256 of names, dtypes, shapes and values, independent of sharding."""
        total = hashlib.sha256()
        for name, file in sorted(self._files.items()):
            tensor = file.get_tensor(name)
            total.update(f"{name}:{tensor.dtype}:{list(tensor.shape)}:".encode())
            total.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
        return total.hexdigest()


def _weight_files(folder: Path) -> dict[Path, set[str] | None]:
    """Files of weights, and the tensors of each according to the index."""
    if (folder / WEIGHTS).is_file():
        return {folder / WEIGHTS: None}
    if not (folder / INDEX).is_file():
        raise CodecError(f"no weights in {folder}: expected {WEIGHTS} or {INDEX}")
    promised: dict[Path, set[str] | None] = {}
    for name, file in read_index(folder / INDEX).items():
        path = folder / file
        if not path.is_file():
            raise CodecError(f"{INDEX} in {folder} names {file!r}, which is not there")
        names = promised.setdefault(path, set())
        if names is not None:
            names.add(name)
    return promised


def _opened(path: Path) -> tuple[Any, dict[str, Shape]]:
    try:
        file: Any = safe_open(path, framework="pt")
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 — no dict
        odd = [f"{n} {s.get_dtype()}" for n, s in slices.items() if s.get_dtype() not in _FLOATS]
        held = {name: tuple(part.get_shape()) for name, part in slices.items()}
    except (SafetensorError, OSError) as error:
        raise CodecError(f"{path} is not a readable safetensors file: {error}") from error
    if odd:
        raise CodecError(f"weights must be floating-point numbers, in {path} are: {few(odd)}")
    return file, held
