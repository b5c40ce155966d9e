"""Labelled codes: the Dataset, its schema, accessor, stores and cache.

Importing this room registers the accessor ``Dataset.qtok``.
"""

from __future__ import annotations

import lazy_loader

from qtokfeatures.labelled import accessor as accessor  # registers ``Dataset.qtok``

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
