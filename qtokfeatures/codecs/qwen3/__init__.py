"""Qwen3-TTS-Tokenizer-12Hz: own implementation of the public architecture."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
