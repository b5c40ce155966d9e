"""Spoken digits: what codes tell about words, in noise too, and how much of it decoding keeps."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
