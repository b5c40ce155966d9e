"""Codes to numbers: pure NumPy functions, no codec and no labels.

Counting (:mod:`~qtokfeatures.features.counts`), merging codes into bins
(:mod:`~qtokfeatures.features.binning`), weighting counts
(:mod:`~qtokfeatures.features.weighting`), pooling frames
into one vector a clip (:mod:`~qtokfeatures.features.pooling`), how often tokens change
(:mod:`~qtokfeatures.features.stability`), how unusual they are
(:mod:`~qtokfeatures.features.surprise`), and which frames have given features
(:mod:`~qtokfeatures.features.resynthesis`). The scikit-learn faces are in
:mod:`qtokfeatures.estimators`.
"""

from __future__ import annotations

from qtokfeatures.features.binning import merge_codes
from qtokfeatures.features.counts import TokenCounts, count_tokens, join_ngrams, join_weights
from qtokfeatures.features.pooling import (
    BY_LOUDNESS,
    LOUD_POOLINGS,
    POOLINGS,
    SEGMENTED,
    needs_levels,
    pool_frames,
)
from qtokfeatures.features.stability import change_probability
from qtokfeatures.features.surprise import mean_surprise, token_bits
from qtokfeatures.features.weighting import WEIGHTINGS, weight_counts

__all__ = [
    "BY_LOUDNESS",
    "LOUD_POOLINGS",
    "POOLINGS",
    "SEGMENTED",
    "WEIGHTINGS",
    "TokenCounts",
    "change_probability",
    "count_tokens",
    "join_ngrams",
    "join_weights",
    "mean_surprise",
    "merge_codes",
    "needs_levels",
    "pool_frames",
    "token_bits",
    "weight_counts",
]
