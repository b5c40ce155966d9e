"""Anything that is audio → checked mono float32 at a known rate; long files in blocks; writing."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
