"""Audio as ``data:`` URLs, for the players of a page."""

from __future__ import annotations

import base64
import io

import numpy as np
import soundfile as sf

from qtokfeatures.audio import resample
from qtokfeatures.viz.waveform import Signal, check_signal

_LOWEST_SR = 8000  # browsers may not play rates outside these
_HIGHEST_SR = 48000
_FADE_S = 0.02


def lossless_uri(y: Signal, sr: int, *, longest_s: float = 60.0) -> str:
    """Return the first `longest_s` of `y` (sample,) as FLAC, clipped to full scale."""
    playable, rate = _playable(y, sr, longest_s)
    return _uri(playable, rate, container="FLAC", mime="audio/flac")


def compact_uri(y: Signal, sr: int, *, longest_s: float = 6.0) -> str:
    """Return the first `longest_s` of `y` (sample,) as MP3, or FLAC where MP3 cannot be written."""
    if "MP3" not in sf.available_formats():
        return lossless_uri(y, sr, longest_s=longest_s)
    playable, _ = _playable(y, sr, longest_s)
    at_rate = resample(playable, orig_sr=_playable_sr(sr), target_sr=24000)
    return _uri(at_rate, 24000, container="MP3", mime="audio/mpeg")


def _playable(y: Signal, sr: int, longest_s: float) -> tuple[Signal, int]:
    check_signal("y", y, sr)
    length = max(1, round(longest_s * sr))
    excerpt = _faded_out(y[:length], sr) if len(y) > length else np.asarray(y)
    rate = _playable_sr(sr)
    return resample(excerpt, orig_sr=sr, target_sr=rate), rate


def _playable_sr(sr: int) -> int:
    return int(np.clip(sr, _LOWEST_SR, _HIGHEST_SR))


def _faded_out(y: Signal, sr: int) -> Signal:
    length = min(len(y), max(1, round(_FADE_S * sr)))
    faded = np.array(y, dtype=np.float32)
    faded[-length:] *= np.linspace(1.0, 0.0, length, dtype=np.float32)
    return faded


def _uri(y: Signal, sr: int, *, container: str, mime: str) -> str:
    buffer = io.BytesIO()
    sf.write(buffer, np.clip(y, -1.0, 1.0), sr, format=container)
    return f"data:{mime};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
