"""Codecs to compare with: Opus, Codec 2, and a mel spectrogram inverted by Griffin-Lim."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
