"""Qwen3-TTS-Tokenizer-12Hz: the public architecture, written anew; loads official checkpoints."""

from __future__ import annotations

from qtokfeatures.codecs.qwen3.codec import Qwen3TTSTokenizer

__all__ = ["Qwen3TTSTokenizer"]
