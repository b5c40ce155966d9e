"""Factories of scikit-learn pipelines for clustering and classification.

Also group-wise validation and splits, characteristic tokens, medoids as sound, manifests, and
classifiers stored as files.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
