"""Speech: frames for recognisers, a recogniser, and a classifier of single words."""

from __future__ import annotations

from qtokfeatures.pipelines.asr.front_end import ASRFrontEnd
from qtokfeatures.pipelines.asr.ngram import NGram
from qtokfeatures.pipelines.asr.recognizer import CTCRecognizer
from qtokfeatures.pipelines.asr.words import make_speech_recognizer, make_word_classifier

__all__ = [
    "ASRFrontEnd",
    "CTCRecognizer",
    "NGram",
    "make_speech_recognizer",
    "make_word_classifier",
]
