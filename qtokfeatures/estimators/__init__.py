"""The scikit-learn faces: audio → codes → features, and pipelines of them."""

from __future__ import annotations

from qtokfeatures.estimators.embedding import CodeEmbedding
from qtokfeatures.estimators.frames import FrameFeatures
from qtokfeatures.estimators.hearing import Heard, hear
from qtokfeatures.estimators.histogram import TokenHistogram
from qtokfeatures.estimators.out_of_domain import OutOfDomain
from qtokfeatures.estimators.pipeline import Pipeline
from qtokfeatures.estimators.tokenizer import QTokenizer
from qtokfeatures.estimators.xarray_output import enable_xarray_output

__all__ = [
    "CodeEmbedding",
    "FrameFeatures",
    "Heard",
    "OutOfDomain",
    "Pipeline",
    "QTokenizer",
    "TokenHistogram",
    "enable_xarray_output",
    "hear",
]
