"""The bundled codec: small, causal, trained by :mod:`qtokfeatures.training`."""

from __future__ import annotations

from qtokfeatures.codecs.mini.codec import MiniCodec, random_mini

__all__ = ["MiniCodec", "random_mini"]
