"""What a recogniser refuses: each error names the clip or the parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qtokfeatures.exceptions import CodecMismatchError, InputError
from qtokfeatures.speech.alignment import steps_needed
from qtokfeatures.speech.ngram import NGram

if TYPE_CHECKING:
    from qtokfeatures.speech.frame_batch import FrameBatch
    from qtokfeatures.speech.recognizer import CTCRecognizer
    from qtokfeatures.speech.training import Targets

_COUNTS = ("hidden", "stride", "epochs", "batch_size", "patience")
_SHARES = ("validation", "dropout")


def _is_count(value: Any, least: int) -> bool:
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return bool(is_whole and value >= least)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value))


def check_parameters(recognizer: CTCRecognizer) -> None:
    """Refuse parameters that are out of range."""
    for name in _COUNTS:
        value = getattr(recognizer, name)
        if not _is_count(value, 1):
            raise InputError(f"{name} must be a whole number, 1 or more; got {value!r}")
    for name in _SHARES:
        value = getattr(recognizer, name)
        if not (_is_number(value) and 0 <= value < 1):
            raise InputError(f"{name} must be a share below 1, got {value!r}")
    rate, seed = recognizer.learning_rate, recognizer.seed
    if not (_is_number(rate) and rate > 0):
        raise InputError(f"learning_rate must be a number above 0, got {rate!r}")
    if not _is_count(seed, 0):
        raise InputError(f"seed must be a whole number, 0 or more; got {seed!r}")
    check_decoding(recognizer)


def check_decoding(recognizer: CTCRecognizer) -> None:
    """Refuse parameters of decoding that are out of range."""
    width, model = recognizer.beam_width, recognizer.language_model
    if width is not None and not _is_count(width, 1):
        raise InputError(f"beam_width must be a whole number, 1 or more, or None; got {width!r}")
    if isinstance(recognizer.lexicon, str):
        raise InputError(f"lexicon must be a list of words, got the text {recognizer.lexicon!r}")
    if model is not None and not isinstance(model, NGram):
        raise InputError(f"language_model must be an NGram, got {model!r}")
    if model is not None and not model.counts:
        raise InputError("language_model is not fitted yet: NGram().fit(transcripts)")


def check_transcripts(y: Any, batch: FrameBatch) -> list[str]:
    """Return transcripts, one for each clip."""
    if y is None or isinstance(y, str):
        raise InputError(f"y must be one transcript for each clip, got {y!r}")
    texts = list(y)
    if len(texts) != len(batch):
        raise InputError(f"y has {len(texts)} transcripts for {len(batch)} clips")
    for name, text in zip(batch.names, texts, strict=True):
        if not isinstance(text, str):
            raise InputError(f"{name}: its transcript must be text, got {text!r}")
    return [str(text) for text in texts]


def check_lengths(batch: FrameBatch, targets: Targets, *, unit: str, stride: int) -> None:
    """Refuse a clip that is too short for its transcript."""
    for frames, target, name in zip(batch.frames, targets, batch.names, strict=True):
        steps, needed = (len(frames) - 1) // stride + 1, steps_needed(target)
        if steps < needed:
            raise InputError(
                f"{name}: its transcript of {len(target)} {unit}s needs {needed} steps, "
                f"and its {len(frames)} frames are {steps}; use a smaller stride, a larger "
                "upsample of ASRFrontEnd, or leave the clip out"
            )


def check_like_fitted(recognizer: CTCRecognizer, batch: FrameBatch) -> None:
    """Refuse frames that are not such as a recogniser was fitted on."""
    for key, known in recognizer.frames_attrs_.items():
        if key in batch.attrs and batch.attrs[key] != known:
            kind = CodecMismatchError if key == "fingerprint" else InputError
            raise kind(
                f"the recogniser was fitted on frames with {key}={known!r}, got "
                f"{key}={batch.attrs[key]!r}"
            )
    if batch.n_features != recognizer.n_features_in_:
        raise InputError(
            f"the recogniser was fitted on {recognizer.n_features_in_} features a frame, got "
            f"{batch.n_features}"
        )
    size = recognizer.network_.config.token_count
    if bool(size) != batch.are_tokens:
        raise InputError(f"the recogniser was fitted on {'tokens' if size else 'numbers'}")
    if size and max(int(frames.max()) for frames in batch.frames) >= size:
        raise InputError(f"a token is {size} or more; the recogniser knows 0 to {size - 1}")
