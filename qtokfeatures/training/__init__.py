"""Training and tuning of codecs of mini's format, on rendered sounds and the user's own audio."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
