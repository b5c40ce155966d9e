"""TODO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


def digit_features() -> dict[str, Any]:
    """Return the features of tokens that digits are told apart by: name in tables, transformer."""
    from qtokfeatures.estimators import CodeEmbedding, TokenHistogram

    return {
        "codebook 0, histogram": TokenHistogram(codebooks=1, bins=None),
        "codebook 0, histogram of 128 bins": TokenHistogram(codebooks=1),
        "codebook 0, embedding, mean and std": CodeEmbedding(codebooks=1),
        "codebook 0, embedding, 3 segments": CodeEmbedding(codebooks=1, segments=3),
        "codebooks 0–3, histograms of 128 bins": TokenHistogram(codebooks=4),
        "all codebooks, embedding, mean and std": CodeEmbedding(),
        "all codebooks, embedding, 3 segments": CodeEmbedding(segments=3),
    }
