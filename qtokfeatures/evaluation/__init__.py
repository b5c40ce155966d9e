"""Metrics of reconstructions and codes, and verification of a codec.

STOI and PESQ need the extra ``eval``: ``pip install 'qtokfeatures[eval]'``.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
