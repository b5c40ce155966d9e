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
    shape_dim : int
        Dimensions of the latent that hold the spectrum's shape; one more holds its level.
    level_count : int
        Levels that codebook 0 tells apart; the rest of its entries tell shapes apart.
    level_step_db, level_floor_db : float
        Spacing of the levels, and the lowest, in dB relative to full scale (RMS).
    encoder_fast, encoder_slow, decoder_slow, decoder_fast : tuple of (int, int, int)
        Channels, depth and expansion of the four stacks of blocks; "fast" runs at 100 steps
        a second, "slow" at 12.5.
    """

    n_codebooks: int = 16
    codebook_size: int = 2048
    shape_dim: int = 64
    level_count: int = 64
    level_step_db: float = 2.0
    level_floor_db: float = -112.0
    encoder_fast: tuple[int, int, int] = (192, 2, 2)
    encoder_slow: tuple[int, int, int] = (384, 3, 3)
    decoder_slow: tuple[int, int, int] = (448, 4, 2)
    decoder_fast: tuple[int, int, int] = (256, 5, 3)

    @property
    def embedding_dim(self) -> int:
        """Shape dimensions and the level."""
        return self.shape_dim + 1

    @property
    def shape_count(self) -> int:
        """Shapes that codebook 0 tells apart at each level."""
        return self.codebook_size // self.level_count

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> MiniConfig:
        """Inverse of :meth:`to_dict`."""
        stacks = {k: tuple(v) for k, v in fields.items() if isinstance(v, list)}
        return cls(**{**fields, **stacks})


TINY = MiniConfig(
    encoder_fast=(16, 1, 1),
    encoder_slow=(16, 1, 1),
    decoder_slow=(16, 1, 1),
    decoder_fast=(16, 1, 1),
)
"""Sizes for tests: the same format, hardly any arithmetic."""
