"""Anything that is audio → checked mono float32 at a known rate; long files in blocks; writing."""

from __future__ import annotations

from qtokfeatures.audio.batches import load_many, load_or_open
from qtokfeatures.audio.clip import AudioClip
from qtokfeatures.audio.distances import log_mel_distance, log_stft_distance, si_sdr
from qtokfeatures.audio.loading import iter_blocks, load_audio
from qtokfeatures.audio.long_clips import LongClip
from qtokfeatures.audio.paths import find_audio
from qtokfeatures.audio.resampling import resample, resampled_length
from qtokfeatures.audio.writing import write_audio

__all__ = [
    "AudioClip",
    "LongClip",
    "find_audio",
    "iter_blocks",
    "load_audio",
    "load_many",
    "load_or_open",
    "log_mel_distance",
    "log_stft_distance",
    "resample",
    "resampled_length",
    "si_sdr",
    "write_audio",
]
