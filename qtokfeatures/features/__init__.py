"""Codes to numbers: pure NumPy functions, no codec and no labels.

Counting (:mod:`~qtokfeatures.features.counts`), merging codes into bins
(:mod:`~qtokfeatures.features.binning`), weighting counts
(:mod:`~qtokfeatures.features.counts`), pooling frames
into one vector a clip (:mod:`~qtokfeatures.features.pooling`), how often tokens change
(:mod:`~qtokfeatures.features.stability`), how unusual they are
(:mod:`~qtokfeatures.features.surprise`), and which frames have given features
(:mod:`~qtokfeatures.features.resynthesis`). The scikit-learn faces are in
:mod:`qtokfeatures.estimators`.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
