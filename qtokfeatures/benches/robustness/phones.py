"""Speech with phone labels, synthesised by Flite."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.peers import missing_tools, run_tool
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import CodecError

VOICES: Final = ("slt", "rms", "awb")  # not those of diphones, whose phone times are wrong
STRETCHES: Final = (0.85, 1.2)  # durations, as a multiple of a voice's own
PAUSE: Final = "pau"  # Flite's label of silence


@dataclass(frozen=True, eq=False)
class PhoneClip:
    """A spoken sentence with its phones and the end of each, in seconds."""

    sentence: str
    voice: str
    y: FloatArray
    sr: int
    phones: tuple[str, ...]
    ends_s: tuple[float, ...]

    def frame_phones(self, n_frames: int, *, frame_rate: float) -> npt.NDArray[np.str_]:
        """Phone that fills most of each frame (frame,); a pause after the last."""
        edges = np.arange(n_frames + 1) / frame_rate
        starts, ends = np.array([0.0, *self.ends_s[:-1]]), np.array(self.ends_s)
        inside = np.minimum(edges[1:, None], ends) - np.maximum(edges[:-1, None], starts)
        longest = inside.argmax(axis=1)
        found = np.array(self.phones)[longest]
        return np.where(inside.max(axis=1) > 0, found, PAUSE)


def standard_sentences() -> list[str]:
    """Forty-eight English sentences that no codec was trained on."""
    text = resources.files(__package__).joinpath("sentences.txt").read_text(encoding="utf-8")
    return text.splitlines()


def missing_flite() -> str:
    """Why nothing can be spoken here; empty where Flite is installed."""
    return missing_tools("flite", package="flite")


def speak(sentence: str, *, voice: str, stretch: float = 1.0) -> PhoneClip:
    """A sentence spoken by a voice of Flite; a `stretch` above 1 is slower."""
    with tempfile.TemporaryDirectory(prefix="qtok-speech-") as folder:
        path = Path(folder, "speech.wav")
        how = ["-voice", voice, "--setf", f"duration_stretch={stretch:g}", "-psdur"]
        command = ["flite", *how, "-t", sentence, "-o", str(path)]
        printed = run_tool(command).decode().split()
        clip = load_audio(path)
    pairs = [entry.rpartition(":") for entry in printed]
    phones = tuple(phone for phone, _, _ in pairs)
    if not phones or not all(phones):
        raise CodecError(f"flite printed no phones of {sentence!r}: {printed}")
    ends_s = tuple(float(end) for _, _, end in pairs)
    return PhoneClip(sentence, voice, clip.y, clip.sr, phones, ends_s)


def speak_all(sentences: Sequence[str], *, voices: Sequence[str] = VOICES) -> list[PhoneClip]:
    """Every sentence by every voice, fast and slow, sentence by sentence."""
    if shutil.which("flite") is None:
        raise CodecError(missing_flite())
    return [
        speak(sentence, voice=voice, stretch=stretch)
        for sentence in sentences
        for voice in voices
        for stretch in STRETCHES
    ]
