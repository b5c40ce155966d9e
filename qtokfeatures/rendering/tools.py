"""The programs that make sound: FluidSynth, espeak-ng and flite, each called once per file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
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
"""The rate of everything rendered, Hz."""

SOUNDFONT: Final = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
"""FluidR3 GM by Frank Wen (MIT): Debian and Ubuntu package ``fluid-soundfont-gm``."""

_SYNTH_RATE: Final = 48_000  # above the output rate: FluidSynth does not filter what would alias
_TIMEOUT_S: Final = 600


class ToolError(QtokError, RuntimeError):
    """A program that makes sound failed."""


class ToolMissingError(ToolError):
    """A program or soundfont that a renderer needs is not installed."""


def missing_tools() -> list[str]:
    """Name what the renderers need and this machine lacks.

    Returns
    -------
    list of str
        Names of Debian packages; empty when everything is there. MuseScore General, which is used
        where it is installed, is not needed.
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
    """Play a score with FluidSynth.

    Parameters
    ----------
    score : Score
        What to play.
    soundfont : Path, default SOUNDFONT
        The instruments.
    reverb_room : float, default 0.2
        Size of the reverberant room, 0 … 1; 0 switches reverberation off.
    chorus : bool, default True
        Whether instruments that ask for chorus get it.

    Returns
    -------
    numpy.ndarray
        float32 (sample,), 24 kHz mono, as long as the score; may exceed 1.
    """
    if not soundfont.is_file():
        raise ToolMissingError(f"no soundfont {str(soundfont)!r}: install fluid-soundfont-gm")
    options = ["-ni", "-q", "-g", "0.5", "-r", str(_SYNTH_RATE), "-O", "float", "-T", "wav"]
    options += ["-R", str(int(reverb_room > 0)), "-C", str(int(chorus))]
    options += ["-o", f"synth.reverb.room-size={reverb_room:.3f}"]
    options += ["-o", "synth.dynamic-sample-loading=1", "-o", "synth.polyphony=512"]
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder, "score.mid"), Path(folder, "score.wav")
        midi.write_bytes(score.to_bytes())
        _run(["fluidsynth", *options, "-F", str(wav), str(soundfont), str(midi)])
        return _read(wav)[: round(score.end_s * SAMPLE_RATE)]


def speak_espeak(
    text: str, *, voice: str, words_per_minute: int = 160, pitch: int = 50, pitch_range: int = 50
) -> FloatArray:
    """Speak with espeak-ng.

    Parameters
    ----------
    text : str
        What to say, in the voice's language.
    voice : str
        Language with an optional variant: ``"en-us"``, ``"de+f2"``.
    words_per_minute : int, default 160
        Rate, 80 … 450.
    pitch : int, default 50
        0 … 99.
    pitch_range : int, default 50
        How lively the pitch moves, 0 … 99.

    Returns
    -------
    numpy.ndarray
        float32 (sample,), 24 kHz.
    """
    marked = f'<prosody range="{2 * pitch_range}%">{text}</prosody>'
    options = ["-m", "-v", voice, "-s", str(words_per_minute), "-p", str(pitch)]
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "speech.wav")
        _run(["espeak-ng", *options, "-w", str(wav), marked])
        return _read(wav)


def speak_flite(
    text: str, *, voice: str, stretch: float = 1.0, pitch_factor: float = 1.0
) -> FloatArray:
    """Speak English with flite.

    Parameters
    ----------
    text : str
        What to say.
    voice : str
        ``"rms"``, ``"slt"``, ``"awb"``, ``"kal16"`` or ``"kal"``.
    stretch : float, default 1.0
        Durations are multiplied by it.
    pitch_factor : float, default 1.0
        The pitch is multiplied by it.

    Returns
    -------
    numpy.ndarray
        float32 (sample,), 24 kHz.
    """
    options = ["-voice", voice, "--setf", f"duration_stretch={stretch:.3f}"]
    options += ["--setf", f"f0_shift={pitch_factor:.3f}"]
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "speech.wav")
        _run(["flite", *options, "-t", text, "-o", str(wav)])
        return _read(wav)


def _run(command: Sequence[str]) -> None:
    if shutil.which(command[0]) is None:
        raise ToolMissingError(f"{command[0]} is not installed: install the package of that name")
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{command[0]} took more than {_TIMEOUT_S} s") from error
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        raise ToolError(f"{command[0]} failed with status {done.returncode}: {message}")


def _read(path: Path) -> FloatArray:
    y, native_rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = np.ascontiguousarray(y.mean(axis=1))
    return np.asarray(soxr.resample(mono, native_rate, SAMPLE_RATE, quality="HQ"), np.float32)
