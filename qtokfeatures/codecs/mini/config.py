"""Sizes of the bundled codec."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

SAMPLE_RATE = 24_000
HOP_LENGTH = 1_920  # samples per frame (80 ms)
STEP = 240  # samples per spectral step (10 ms)
STEPS_PER_FRAME = HOP_LENGTH // STEP

_MOST_DB = 200.0  # above the 150 dB of 24 bits


@dataclass(frozen=True)
class MiniConfig:
    """Sizes of a `mini` model, stored in its weight file."""

    n_codebooks: int = 16
    codebook_size: int = 2048
    semantic_dim: int = 32
    semantic_count: int = 512  # used entries of codebook 0; fewer are more robust to noise
    shape_dim: int = 80
    # Codebook 1 holds level_count levels times codebook_size / level_count shapes. Levels are dB
    # of RMS relative to full scale; the lowest, where little is heard, are spaced wider.
    level_count: int = 64
    level_step_db: float = 1.6
    level_coarse_step_db: float = 4.0
    level_coarse_count: int = 11
    level_top_db: float = 9.0
    # Channels, depth and expansion of the stacks; "fast" runs at 100 Hz, "slow" at 12.5 Hz.
    semantic_fast: tuple[int, int, int] = (128, 3, 2)
    semantic_slow: tuple[int, int, int] = (192, 4, 2)
    encoder_fast: tuple[int, int, int] = (192, 3, 2)
    encoder_slow: tuple[int, int, int] = (384, 3, 2)
    decoder_slow: tuple[int, int, int] = (448, 4, 2)
    decoder_fast: tuple[int, int, int] = (320, 6, 3)

    @property
    def embedding_dim(self) -> int:
        """Dimensions of semantic part, shape and level."""
        return self.semantic_dim + self.shape_dim + 1

    @cached_property
    def shape_count(self) -> int:
        """Shapes of codebook 1 at each level."""
        return self.codebook_size // self.level_count

    @cached_property
    def entry_counts(self) -> tuple[int, ...]:
        """Shapes of each codebook."""
        rest = (self.codebook_size,) * (self.n_codebooks - 2)
        return (self.semantic_count, self.shape_count, *rest)

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON-ready values, under their stored names."""
        return {stored_name(field): value for field, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> MiniConfig:
        """Inverse of :meth:`to_dict`; TypeError or ValueError for fields that are no sizes."""
        values: dict[str, Any] = {
            name_of_stored(k): tuple(v) if isinstance(v, list) else v for k, v in fields.items()
        }
        for name, default in asdict(cls()).items():
            value = values.get(name, default)
            sizes = value if isinstance(default, tuple) else (value,)
            kinds = (int, float) if isinstance(default, float) else (int,)
            length = len(default) if isinstance(default, tuple) else 1
            is_shaped = isinstance(sizes, tuple) and len(sizes) == length
            if not is_shaped or not all(type(size) in kinds for size in sizes):
                raise TypeError(f"{name} is {value!r}")
        config = cls(**values)
        if not 0 <= config.level_coarse_count <= config.level_count - 2 or config.n_codebooks < 2:
            raise ValueError("too few levels or codebooks")
        steps = (config.level_step_db, config.level_coarse_step_db)
        if not (
            all(0 < step <= _MOST_DB for step in steps) and abs(config.level_top_db) <= _MOST_DB
        ):
            raise ValueError("levels outside what float32 holds")
        if config.codebook_size % config.level_count:
            raise ValueError("level_count does not divide codebook_size")
        return config

    def check_room(self, n_tensors: int, n_values: int) -> None:
        """Raise ValueError for sizes that a file of so many tensors and values cannot hold."""
        stacks = [value for value in asdict(self).values() if isinstance(value, tuple)]
        trunks = [
            (self.semantic_fast, self.semantic_slow),
            (self.encoder_fast, self.encoder_slow),
            (self.decoder_fast, self.decoder_slow),
        ]
        counts = [self.codebook_size, self.semantic_count, self.semantic_dim, self.shape_dim]
        if min(*counts, *(min(stack) for stack in stacks)) < 1:
            raise ValueError("sizes must be at least 1")
        # The largest tensors: codebooks, linear layers of blocks, and those between the rates.
        needed = self.n_codebooks * self.codebook_size * self.shape_dim
        needed += self.semantic_count * self.semantic_dim
        needed += sum(2 * depth * expansion * channels**2 for channels, depth, expansion in stacks)
        needed += sum(STEPS_PER_FRAME * fast[0] * slow[0] for fast, slow in trunks)
        if needed > n_values or sum(depth for _, depth, _ in stacks) > n_tensors:
            raise ValueError(
                f"sizes need {needed} values, the file holds {n_values} in {n_tensors} tensors"
            )


# Weight files keep the names of their first version: another name would change a file's hash,
# and with it the fingerprint of codes that are the same.
_STORED = {
    "semantic_dim": "meaning_dim",
    "semantic_count": "meaning_count",
    "semantic_fast": "meaning_fast",
    "semantic_slow": "meaning_slow",
    "semantic_entries": "meanings",
}
_STORED_FIELDS = {stored: name for name, stored in _STORED.items()}
_SEMANTIC, _STORED_SEMANTIC = "encoder.semantic.", "encoder.meaning."


def stored_name(name: str) -> str:
    """Name of a field or tensor in a weight file."""
    if name.startswith(_SEMANTIC):
        return _STORED_SEMANTIC + name.removeprefix(_SEMANTIC)
    return _STORED.get(name, name)


def name_of_stored(stored: str) -> str:
    """Inverse of :func:`stored_name`."""
    if stored.startswith(_STORED_SEMANTIC):
        return _SEMANTIC + stored.removeprefix(_STORED_SEMANTIC)
    return _STORED_FIELDS.get(stored, stored)


# Sizes for tests: the same format, hardly any arithmetic.
TINY = MiniConfig(
    semantic_fast=(16, 1, 1),
    semantic_slow=(16, 1, 1),
    encoder_fast=(16, 1, 1),
    encoder_slow=(16, 1, 1),
    decoder_slow=(16, 1, 1),
    decoder_fast=(16, 1, 1),
)
