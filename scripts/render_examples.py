"""Render the sounds that the package brings along, and the table beside them.

    python scripts/render_examples.py

FluidSynth, FluidR3 GM, espeak-ng and flite must be installed (Debian and Ubuntu:
``fluidsynth fluid-soundfont-gm espeak-ng flite``). The same versions of them give the same files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtokfeatures.audio import write_audio
from qtokfeatures.rendering.drums import write_groove
from qtokfeatures.rendering.midi import DRUM_CHANNEL, REVERB_SEND, Score
from qtokfeatures.rendering.textures import render_texture
from qtokfeatures.rendering.tools import (
    SAMPLE_RATE,
    read_sound,
    run_program,
    synthesise,
)

FOLDER: Final = Path(__file__).resolve().parents[1] / "qtokfeatures" / "examples_audio"

FloatArray = npt.NDArray[np.float32]

PITCHES: Final = {"C4": 60, "E4": 64, "G4": 67, "C5": 72}
INSTRUMENTS: Final = {
    "piano": (0, "Yamaha Grand Piano"),
    "vibraphone": (11, "Vibraphone"),
    "organ": (19, "Church Organ"),
    "guitar": (24, "Nylon String Guitar"),
    "violin": (40, "Violin"),
    "trumpet": (56, "Trumpet"),
    "flute": (73, "Flute"),
}
NOTE_S: Final = 1.2

SENTENCES: Final = (
    "A yellow fox waits behind the old bridge.",
    "Seven lamps are burning in the quiet kitchen.",
)
FLITE_VOICES: Final = {"rms": "US English, male", "slt": "US English, female"}
ESPEAK_VOICES: Final = {"en-gb": "British English, male", "en-us+f3": "US English, female"}

TEXTURES: Final = {"rain": (1, 4), "wind": (2, 7), "machine": (0, 3)}
TEXTURE_S: Final = 2.0

# Beat, length in beats, pitch: a bar of A minor, a bar of F major and G major, and home.
GUITAR_PHRASE: Final = (
    *((0.0, 2.0, 45), (0.5, 1.5, 52), (1.0, 1.0, 57), (1.5, 0.5, 60), (1.5, 0.5, 64)),
    *((2.0, 0.5, 69), (2.5, 0.5, 67), (3.0, 1.0, 64), (3.5, 0.5, 60)),
    *((4.0, 1.0, 41), (4.5, 0.5, 57), (4.5, 0.5, 60), (5.0, 1.0, 43), (5.5, 0.5, 59)),
    *((5.5, 0.5, 62), (6.0, 2.0, 45), (6.05, 2.0, 52), (6.1, 2.0, 57), (6.15, 2.0, 60)),
    *((6.2, 2.0, 64),),
)
GUITAR_BEAT_S: Final = 0.46

RMS: Final = 0.06
PEAK: Final = 0.9


@dataclass(frozen=True)
class Label:
    """A row of ``labels.csv``; what does not apply is empty."""

    file: str
    kind: str
    label: str
    pitch: str = ""
    text: str = ""
    voice: str = ""
    rendered_with: str = ""


def main() -> None:
    """Render every clip into a folder, and write ``labels.csv``."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for y, label in (*notes(), *phrases(), *sentences(), *textures()):
        write_audio(folder / label.file, levelled(y), SAMPLE_RATE, subtype="PCM_16")
        rows.append(asdict(label))
    table = pd.DataFrame(rows).sort_values("file")
    table.to_csv(folder / "labels.csv", index=False, lineterminator="\n")
    size = sum(path.stat().st_size for path in folder.glob("*.flac"))
    print(f"{len(table)} clips, {size / 2**20:.2f} MB, in {folder}")


def notes() -> Iterator[tuple[FloatArray, Label]]:
    """Play each instrument at each pitch."""
    for instrument, (program, name) in INSTRUMENTS.items():
        for pitch, number in PITCHES.items():
            score = Score()
            score.program(0.0, channel=0, program=program)
            score.control(0.0, channel=0, controller=REVERB_SEND, value=20)
            score.note(0.02, NOTE_S, channel=0, pitch=number, velocity=96)
            score.extend(NOTE_S + 0.25)
            yield (
                synthesise(score),
                Label(
                    file=f"{instrument}_{pitch}.flac",
                    kind="instrument",
                    label=instrument,
                    pitch=pitch,
                    rendered_with=f"FluidSynth, FluidR3 GM program {program} ({name})",
                ),
            )


def phrases() -> Iterator[tuple[FloatArray, Label]]:
    """Play a guitar phrase of four seconds and two bars of drums."""
    guitar = Score()
    guitar.program(0.0, channel=0, program=24)
    for beat, n_beats, pitch in GUITAR_PHRASE:
        start_s, duration_s = 0.02 + beat * GUITAR_BEAT_S, n_beats * GUITAR_BEAT_S
        guitar.note(start_s, duration_s, channel=0, pitch=pitch, velocity=92)
    guitar.extend(4.0)
    program = "FluidSynth, FluidR3 GM program 24 (Nylon String Guitar)"
    yield (
        synthesise(guitar),
        Label("guitar_phrase.flac", "instrument", "guitar", rendered_with=program),
    )
    drums = Score()
    drums.program(0.0, channel=DRUM_CHANNEL, program=0)
    write_groove(drums, 0.02, n_bars=2, sixteenth_s=0.125, rng=np.random.default_rng(5))
    drums.extend(4.0)
    kit = "FluidSynth, FluidR3 GM drum kit 0 (Standard)"
    yield synthesise(drums), Label("drum_loop.flac", "instrument", "drums", rendered_with=kit)


def sentences() -> Iterator[tuple[FloatArray, Label]]:
    """Speak each sentence in each voice."""
    for number, text in enumerate(SENTENCES, start=1):
        for voice, description in FLITE_VOICES.items():
            label = spoken(number, text, voice, f"flite, voice {voice}, {description}")
            yield speak_flite(text, voice=voice), label
        for voice, description in ESPEAK_VOICES.items():
            label = spoken(number, text, voice, f"espeak-ng, voice {voice}, {description}")
            yield speak_espeak(text, voice=voice), label


def speak_flite(text: str, *, voice: str) -> FloatArray:
    """Speak English with flite, (sample,) at 24 kHz."""
    options = ["-voice", voice, "--setf", "duration_stretch=1.000", "--setf", "f0_shift=1.000"]
    return spoken_by(["flite", *options, "-t", text, "-o"])


def speak_espeak(text: str, *, voice: str) -> FloatArray:
    """Speak with espeak-ng at 170 words per minute, (sample,) at 24 kHz."""
    options = ["-m", "-v", voice, "-s", "170", "-p", "50"]
    marked = f'<prosody range="100%">{text}</prosody>'
    return spoken_by(["espeak-ng", *options, marked, "-w"])


def spoken_by(command: list[str]) -> FloatArray:
    """Run a synthesiser whose last argument is the file to write."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        run_program([*command, str(path)])
        return read_sound(path)


def spoken(number: int, text: str, voice: str, rendered_with: str) -> Label:
    """Return the label of a sentence."""
    return Label(
        file=f"speech_{voice.replace('+', '-')}_{number}.flac",
        kind="speech",
        label="speech",
        text=text,
        voice=voice,
        rendered_with=rendered_with,
    )


def textures() -> Iterator[tuple[FloatArray, Label]]:
    """Synthesise textures that are like rain, wind and machines."""
    for name, seeds in TEXTURES.items():
        for number, seed in enumerate(seeds, start=1):
            n_samples = round(TEXTURE_S * SAMPLE_RATE)
            y = render_texture(name, n_samples=n_samples, rng=np.random.default_rng(seed))
            yield (
                y,
                Label(
                    file=f"{name}_{number}.flac",
                    kind="environment",
                    label=name,
                    rendered_with=f"NumPy, texture {name!r}, seed {seed}",
                ),
            )


def levelled(y: FloatArray) -> FloatArray:
    """Bring a clip to about the loudness of the others."""
    gain = min(RMS / float(np.sqrt(np.mean(y**2))), PEAK / float(np.abs(y).max()))
    n_fade = round(0.02 * SAMPLE_RATE)
    out = y * np.float32(gain)
    out[-n_fade:] *= np.linspace(1, 0, n_fade, dtype=np.float32)
    return out


if __name__ == "__main__":
    main()
