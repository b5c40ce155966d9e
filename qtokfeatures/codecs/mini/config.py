"""Sizes of the bundled codec."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SAMPLE_RATE = 24_000
HOP_LENGTH = 1_920
"""Samples a code frame (80 ms)."""
STEP = 240
"""Samples a spectral step (10 ms)."""
STEPS_PER_FRAME = HOP_LENGTH // STEP


@dataclass(frozen=True)
class MiniConfig:
    """Sizes that define a `mini` model; stored beside its weights.

    Parameters
    ----------
    n_codebooks, codebook_size : int
        16 x 2048 is the format every codec of this package has.
    meaning_dim : int
        Dimensions of the latent in which codebook 0 finds its nearest entry.
    meaning_count : int
        Entries of codebook 0 that are used; fewer are steadier under noise.
    shape_dim : int
        Dimensions of the latent that hold the spectrum's shape; one more holds its level.
    level_count : int
        Levels that codebook 1 tells apart; the rest of its entries tell shapes apart.
    level_step_db, level_coarse_step_db, level_coarse_count, level_top_db : float
        The ladder of levels, in dB relative to full scale (RMS): its top, its spacing, and how
        many of the lowest levels are spaced wider, and by how much.
    meaning_fast, meaning_slow, encoder_fast, encoder_slow, decoder_slow, decoder_fast : tuple
        Channels, depth and expansion of the six stacks of blocks; "fast" runs at 100 steps
        a second, "slow" at 12.5.
    """

    n_codebooks: int = 16
    codebook_size: int = 2048
    meaning_dim: int = 32
    meaning_count: int = 512
    shape_dim: int = 80
    level_count: int = 64
    level_step_db: float = 1.6
    level_coarse_step_db: float = 4.0
    level_coarse_count: int = 11
    level_top_db: float = 9.0
    meaning_fast: tuple[int, int, int] = (128, 3, 2)
    meaning_slow: tuple[int, int, int] = (192, 4, 2)
    encoder_fast: tuple[int, int, int] = (192, 3, 2)
    encoder_slow: tuple[int, int, int] = (384, 3, 2)
    decoder_slow: tuple[int, int, int] = (448, 4, 2)
    decoder_fast: tuple[int, int, int] = (320, 6, 3)

    @property
    def embedding_dim(self) -> int:
        """Meaning, shape and level."""
        return self.meaning_dim + self.shape_dim + 1

    @property
    def shape_count(self) -> int:
        """Shapes that codebook 1 tells apart at each level."""
        return self.codebook_size // self.level_count

    @property
    def entry_counts(self) -> tuple[int, ...]:
        """Shapes that each codebook tells apart."""
        rest = (self.codebook_size,) * (self.n_codebooks - 2)
        return (self.meaning_count, self.shape_count, *rest)

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> MiniConfig:
        """Inverse of :meth:`to_dict`."""
        stacks = {k: tuple(v) for k, v in fields.items() if isinstance(v, list)}
        return cls(**{**fields, **stacks})


TINY = MiniConfig(
    meaning_fast=(16, 1, 1),
    meaning_slow=(16, 1, 1),
    encoder_fast=(16, 1, 1),
    encoder_slow=(16, 1, 1),
    decoder_slow=(16, 1, 1),
    decoder_fast=(16, 1, 1),
)
"""Sizes for tests: the same format, hardly any arithmetic."""
