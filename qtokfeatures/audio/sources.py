"""What `audio` may be: which kind a value is, and how that kind is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from qtokfeatures.audio.clip import AudioClip
from qtokfeatures.audio.encoded_sources import open_bytes, open_file_object, open_path, open_text
from qtokfeatures.audio.sample_sources import open_array, open_clip, open_pair, open_segment
from qtokfeatures.audio.streams import Limits, MonoStream
from qtokfeatures.audio.waveforms import is_array
from qtokfeatures.exceptions import AudioError

__all__ = ["is_file_object", "is_segment", "open_audio"]

Opener = Callable[[Any, Any, "str | None", Limits], AbstractContextManager[MonoStream]]

_ADVICE = {
    "list": "a list is several clips, for load_many; samples go into a NumPy array, with sr=",
    "dict": "pass its array and its rate as (y, sr)",
}
_KINDS = (
    "audio is a path, URL, bytes, base64 or data URL, file object, (y, sr), array with sr=, "
    "AudioSegment or AudioClip"
)


def open_audio(
    audio: Any, *, sr: Any = None, source: str | None = None, limits: Limits
) -> AbstractContextManager[MonoStream]:
    """Open any kind of `audio`; :func:`~qtokfeatures.audio.load_audio` lists them."""
    return _opener(audio)(audio, sr, source, limits)


def is_segment(value: Any) -> bool:
    """Tell whether this is a pydub ``AudioSegment``."""
    return hasattr(value, "raw_data") and hasattr(value, "frame_rate")


def is_file_object(value: Any) -> bool:
    """Tell whether this is a file object."""
    return callable(getattr(value, "read", None))


def _opener(audio: Any) -> Opener:
    tests: tuple[tuple[Any, Opener], ...] = (
        (AudioClip, open_clip),
        (str, open_text),
        (os.PathLike, open_path),
        ((bytes, bytearray, memoryview), open_bytes),
        (tuple, open_pair),
    )
    for kind, opener in tests:
        if isinstance(audio, kind):
            return opener
    if is_segment(audio):
        return open_segment
    if is_array(audio):
        return open_array
    return open_file_object if is_file_object(audio) else _refuse


def _refuse(audio: Any, sr: Any, source: str | None, limits: Limits) -> Any:
    kind = type(audio).__name__
    shown = repr(audio) if isinstance(audio, (int, float, type(None))) else f"a {kind}"
    source = source or f"<{kind}>"
    raise AudioError(f"{source}: {shown} is not audio; {_ADVICE.get(kind, _KINDS)}", source=source)
