"""External programs and soundfonts: FluidSynth, espeak-ng, flite."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from qtokfeatures.exceptions import QtokError
from qtokfeatures.rendering import speaker
from qtokfeatures.rendering.midi import Score

FloatArray = npt.NDArray[np.float32]

SAMPLE_RATE: Final = 24_000

SOUNDFONT: Final = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")

_SYNTH_RATE: Final = 48_000  # FluidSynth has no anti-aliasing filter
_TIMEOUT_S: Final = 600


class ToolError(QtokError, RuntimeError):
    """A rendering program failed."""


class ToolMissingError(ToolError):
    """A program or soundfont of a renderer is not installed."""


def missing_tools() -> list[str]:
    """Return the packages that the renderers need and that are not installed.

    Returns
    -------
    list of str
        Names of Debian packages. MuseScore General is optional and never listed.

    Examples
    --------
    >>> from qtokfeatures.rendering import missing_tools
    >>> missing_tools()  # doctest: +SKIP
    ['fluidsynth', 'fluid-soundfont-gm']
    """
    found: dict[str, object] = {
        "fluidsynth": shutil.which("fluidsynth"),
        "fluid-soundfont-gm": SOUNDFONT.is_file(),
        "espeak-ng": shutil.which("espeak-ng") and speaker.is_installed("espeak"),
        "flite": shutil.which("flite") and speaker.is_installed("flite"),
    }
    return [name for name, where in found.items() if not where]


def synthesise(
    score: Score, *, soundfont: Path = SOUNDFONT, reverb_room: float = 0.2, chorus: bool = True
) -> FloatArray:
    """A score played by FluidSynth, (sample,) at 24 kHz mono; may exceed 1."""
    if not soundfont.is_file():
        raise ToolMissingError(f"no soundfont {str(soundfont)!r}: install fluid-soundfont-gm")
    options = ["-ni", "-q", "-g", "0.5", "-r", str(_SYNTH_RATE), "-O", "float", "-T", "wav"]
    options += ["-R", str(int(reverb_room > 0)), "-C", str(int(chorus))]
    options += ["-o", f"synth.reverb.room-size={reverb_room:.3f}"]
    options += ["-o", "synth.dynamic-sample-loading=1", "-o", "synth.polyphony=512"]
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder, "score.mid"), Path(folder, "score.wav")
        midi.write_bytes(score.to_bytes())
        run_program(["fluidsynth", *options, "-F", str(wav), str(soundfont), str(midi)])
        return read_sound(wav)[: round(score.end_s * SAMPLE_RATE)]


def run_program(command: Sequence[str]) -> None:
    """Run a program; raise ToolError if it fails."""
    if shutil.which(command[0]) is None:
        raise ToolMissingError(f"{command[0]} is not installed: install the package of that name")
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{command[0]} took more than {_TIMEOUT_S} s") from error
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        raise ToolError(f"{command[0]} failed with status {done.returncode}: {message}")


def read_sound(path: Path) -> FloatArray:
    """Samples of a file, (sample,) at 24 kHz mono."""
    y, native_rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = np.ascontiguousarray(y.mean(axis=1))
    return np.asarray(soxr.resample(mono, native_rate, SAMPLE_RATE, quality="HQ"), np.float32)


@dataclass(frozen=True)
class Soundfont:
    """A General MIDI soundfont, at the path of its Debian package."""

    name: str
    title: str
    licence: str
    path: Path

    @property
    def source(self) -> str:
        """Source of its sounds in listings."""
        return f"FluidSynth, {self.title}"


FLUID: Final = Soundfont("fluid", "FluidR3 GM", "MIT (FluidR3 GM soundfont, Frank Wen)", SOUNDFONT)

MUSESCORE: Final = Soundfont(
    "musescore",
    "MuseScore General",
    "MIT (MuseScore General soundfont, S. Christian Collins and others; parts CC0, public domain)",
    Path("/usr/share/sounds/sf3/MuseScore_General.sf3"),
)

TIMGM: Final = Soundfont(
    "timgm",
    "TimGM6mb",
    "GPL-2 (TimGM6mb soundfont, Tim Brechbill): for measuring only",  # never for training
    Path("/usr/share/sounds/sf2/TimGM6mb.sf2"),
)


def installed_soundfonts() -> tuple[Soundfont, ...]:
    """FluidR3 GM, which is required, and MuseScore General if it is installed."""
    return (FLUID, MUSESCORE) if MUSESCORE.path.is_file() else (FLUID,)
