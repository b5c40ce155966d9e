"""Speech with phone labels, synthesised by Flite."""

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
from qtokfeatures.benches.peers import missing_tools, run_tool
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import CodecError

VOICES: Final = ("slt", "rms", "awb")  # not those of diphones, whose phone times are wrong
STRETCHES: Final = (0.85, 1.2)  # durations, as a multiple of a voice's own
PAUSE: Final = "pau"  # Flite's label of silence

SENTENCES: Final = (
    "The choir sang loudly while the children threw yellow leaves at each other.",
    "She measured both pieces of leather before joining them with a thick thread.",
    "A rogue wave pushed the fishing boat against the wharf at dawn.",
    "Nobody could explain why the youngest engineer had chosen beige wallpaper.",
    "Put the sugar on the top shelf, and the vinegar beneath it.",
    "We usually hear thunder about eight seconds after such a flash.",
    "The judge asked the witness to describe the vehicle once again.",
    "Grey clouds gathered over the harbour, though the forecast had promised sunshine.",
    "Five large boxes of oranges arrived at the village shop by noon.",
    "My uncle repairs clocks, watches and the occasional music box.",
    "Take the second road on the left, then look for a blue door.",
    "The museum shows treasure that divers brought up from a sunken ship.",
    "How long would it take you to walk around the whole lake?",
    "An old poet lived there, who wrote about rivers, birds and solitude.",
    "Their decision to close the bridge caused great confusion among commuters.",
    "Just a few of those mushrooms would be enough for a rich soup.",
    "Jim gave his daughter a wooden toy horse for her fourth birthday.",
    "The pianist played the slow movement without once looking at her hands.",
    "Every morning the baker sweeps flour from the floor of his kitchen.",
    "Cheap shoes often wear out before the warranty does.",
    "A young doctor noticed the strange rhythm of the patient's pulse.",
    "Yesterday's newspaper was lying in a puddle next to the garage.",
    "He vowed that he would never again argue about football with his father.",
    "The teacher drew a circle, a square and three narrow triangles.",
    "In the evening, smoke rose straight up from the chimneys of the town.",
    "Could you bring me the small hammer and a box of nails?",
    "Most of the audience left during the pause, because the hall was freezing.",
    "Their cousin enjoys collecting coins with holes in the middle.",
    "The path through the woods is rough, but it saves half an hour.",
    "Whose umbrella is hanging over the back of that chair?",
    "We counted sixty six geese flying north in the shape of an arrow.",
    "Boil the water first, add the rice, and stir it now and then.",
    "The new theatre has a huge stage and a rather modest entrance.",
    "She put both letters into the wrong envelopes and posted them anyway.",
    "A narrow beam of light fell through the hole in the roof.",
    "This version of the song has an extra verse about the ocean.",
    "The farmer pulled his tractor out of the mud with a long rope.",
    "They should have finished the garden wall before the first frost.",
    "An invisible thread seems to join those two distant events.",
    "You may choose whichever colour goes with the cushions.",
    "The dog buried its bone under the rose bush, as dogs usually do.",
    "Our neighbour's boy practises the trumpet with the window wide open.",
    "Few people know the pleasure of swimming in cold water at night.",
    "The clerk put a stamp on the form and pushed it through the slot.",
    "Good cheese needs time, salt and a cool place to rest.",
    "That shadow on the wall looks like a giraffe with very short legs.",
    "Nine of the twelve jurors believed what the fisherman had told them.",
    "The engine coughed, shook twice and then fell silent.",
)


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
