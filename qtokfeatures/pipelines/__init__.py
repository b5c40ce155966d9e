"""Factories of ordinary scikit-learn pipelines: clustering, timbre, era, any label, speech.

Beside them: validation and splits that keep groups whole, the tokens that tell classes apart,
sounds that stand for a group, manifests, and classifiers as files.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
