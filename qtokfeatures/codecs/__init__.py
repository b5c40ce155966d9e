"""Waveform ↔ codes."""

from __future__ import annotations

from qtokfeatures.codecs.base import Codec
from qtokfeatures.codecs.qwen3 import Qwen3TTSTokenizer
from qtokfeatures.codecs.registry import list_codecs, load_codec
from qtokfeatures.codecs.streaming import StreamDecoder, StreamEncoder

__all__ = [
    "Codec",
    "Qwen3TTSTokenizer",
    "StreamDecoder",
    "StreamEncoder",
    "list_codecs",
    "load_codec",
]
