"""Speech whose phones are known to the millisecond, because Flite says when it speaks which."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import load_audio
from qtokfeatures.evaluation.pairs import FloatArray
from qtokfeatures.evaluation.peers.tools import missing_tools, run_tool
from qtokfeatures.exceptions import CodecError

VOICES: Final = ("slt", "rms", "awb")
"""Voices of Flite that speak, one female; those made of diphones do not keep to their times."""

STRETCHES: Final = (0.85, 1.2)
"""How long they take over each sentence, as a multiple of their usual time."""

PAUSE: Final = "pau"
"""What Flite calls silence."""


@dataclass(frozen=True, eq=False)
class PhoneClip:
    """A spoken sentence and its phones.

    Parameters
    ----------
    sentence : str
        What was said.
    voice : str
        Whose voice.
    y : ndarray of float32, shape (sample,)
        Mono samples.
    sr : int
        Their rate, in Hz.
    phones : tuple of str
        The phones, one after another.
    ends_s : tuple of float
        When each ends, in seconds.
    """

    sentence: str
    voice: str
    y: FloatArray
    sr: int
    phones: tuple[str, ...]
    ends_s: tuple[float, ...]

    def frame_phones(self, n_frames: int, *, frame_rate: float) -> npt.NDArray[np.str_]:
        """Say which phone fills most of each frame.

        Parameters
        ----------
        n_frames : int
            Frames from the start of the clip on.
        frame_rate : float
            Frames a second.

        Returns
        -------
        ndarray of str, shape (frame,)
            A pause after the last phone.
        """
        edges = np.arange(n_frames + 1) / frame_rate
        starts, ends = np.array([0.0, *self.ends_s[:-1]]), np.array(self.ends_s)
        inside = np.minimum(edges[1:, None], ends) - np.maximum(edges[:-1, None], starts)
        longest = inside.argmax(axis=1)
        found = np.array(self.phones)[longest]
        return np.where(inside.max(axis=1) > 0, found, PAUSE)


def missing_flite() -> str:
    """Say why nothing can be spoken here; empty where it can."""
    return missing_tools("flite", package="flite")


def speak(sentence: str, *, voice: str, stretch: float = 1.0) -> PhoneClip:
    """Let Flite speak a sentence and say when it speaks which phone.

    Parameters
    ----------
    sentence : str
        English text.
    voice : str
        A voice that Flite has built in.
    stretch : float, default 1.0
        Above 1 speaks slower.

    Returns
    -------
    PhoneClip

    Raises
    ------
    CodecError
        If Flite is missing, fails, or says nothing about phones.
    """
    with tempfile.TemporaryDirectory(prefix="qtok-speech-") as folder:
        path = Path(folder, "speech.wav")
        how = ["-voice", voice, "--setf", f"duration_stretch={stretch:g}", "-psdur"]
        command = ["flite", *how, "-t", sentence, "-o", str(path)]
        said = run_tool(command).decode().split()
        clip = load_audio(path)
    pairs = [entry.rpartition(":") for entry in said]
    phones = tuple(phone for phone, _, _ in pairs)
    if not phones or not all(phones):
        raise CodecError(f"flite said nothing about the phones of {sentence!r}: {said}")
    ends_s = tuple(float(end) for _, _, end in pairs)
    return PhoneClip(sentence, voice, clip.y, clip.sr, phones, ends_s)


def speak_all(sentences: Sequence[str], *, voices: Sequence[str] = VOICES) -> list[PhoneClip]:
    """Let every voice speak every sentence, fast and slowly.

    Parameters
    ----------
    sentences : sequence of str
        English texts.
    voices : sequence of str, default VOICES
        Voices that Flite has built in.

    Returns
    -------
    list of PhoneClip
        Sentence by sentence.

    Raises
    ------
    CodecError
        If Flite is missing or fails.
    """
    if shutil.which("flite") is None:
        raise CodecError(missing_flite())
    return [
        speak(sentence, voice=voice, stretch=stretch)
        for sentence in sentences
        for voice in voices
        for stretch in STRETCHES
    ]
