"""Does ``load_audio`` agree with soundfile and ffmpeg on a folder of test files of other projects?

    python tests/benchmarks/foreign_audio.py FOLDER [FOLDER …] [--kinds] [--timeout 60]

Every file is loaded, read with ``soundfile.read(path)`` and decoded by ffmpeg where that is
installed. Rate, length and samples (the mean of the channels) are compared, and the disagreements
are printed by kind, the known ones of soundfile among them: it stops at the first of several files
in a row. Suitable folders are the IETF's FLAC test files, the Opus and Vorbis test vectors, the
test data of ffmpeg, SoX, mpg123, libsndfile, SciPy, CPython and librosa.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf

from qtokfeatures.audio import find_audio, load_audio
from qtokfeatures.exceptions import AudioError

LONGEST_S = 600.0
SAME = 2e-3  # decoders of lossy formats differ by rounding, and by dither at low levels
SLACK = 0.06  # s: decoders cut different parts of the encoder's delay in MP3


class Sound(NamedTuple):
    """Mono samples at their rate, or the error instead."""

    y: np.ndarray
    sr: int
    error: str = ""


def by_us(path: Path) -> Sound:
    """Load with this package."""
    try:
        clip = load_audio(path, max_duration_s=LONGEST_S)
    except AudioError as error:
        return Sound(np.zeros(0), 0, str(error).removeprefix(f"{path}: "))
    return Sound(clip.y, clip.sr)


def by_soundfile(path: Path) -> Sound:
    """Read by path, as ``soundfile.read`` does."""
    try:
        y, sr = sf.read(path, dtype="float32", always_2d=True)
    except Exception as error:  # noqa: BLE001  (whatever it raises is its answer)
        return Sound(np.zeros(0), 0, str(error))
    return Sound(y.mean(axis=1), sr)


def by_ffmpeg(path: Path, timeout_s: float) -> Sound:
    """Decode the first audio stream with ffmpeg."""
    with tempfile.TemporaryDirectory() as folder:
        decoded = Path(folder, "decoded.wav")
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a:0", "-c:a", "pcm_f32le",
                   "-t", str(LONGEST_S), str(decoded)]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            return Sound(np.zeros(0), 0, "no answer in time")
        if done.returncode or not decoded.is_file():
            return Sound(np.zeros(0), 0, done.stderr.decode(errors="replace")[:120])
        return by_soundfile(decoded)


def disagreement(ours: Sound, theirs: Sound) -> str | None:
    """Return the kind of disagreement of two readings, None where they agree."""
    if ours.error or theirs.error:
        if bool(ours.error) == bool(theirs.error):
            return None
        return "refused here only" if ours.error else "read here only"
    if ours.sr != theirs.sr:
        return f"rate: {ours.sr} Hz here, {theirs.sr} Hz there"
    longer_s = (len(ours.y) - len(theirs.y)) / ours.sr
    if abs(longer_s) > SLACK:
        return "longer here" if longer_s > 0 else "shorter here"
    size = min(len(ours.y), len(theirs.y))
    far = float(np.abs(ours.y[:size] - theirs.y[:size]).max(initial=0.0))
    if far <= SAME:
        return None if longer_s == 0 else f"length by {len(ours.y) - len(theirs.y)} samples"
    return "other samples"


def files_in(folders: list[Path]) -> list[Path]:
    """Return the files with a suffix of audio, and those that soundfile opens all the same."""
    named = set()
    for folder in folders:
        with contextlib.suppress(AudioError):  # none with such a suffix
            named.update(find_audio(folder))
    others = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sorted(named | {path for path in others - named if not by_soundfile(path).error})


def main() -> None:
    """Compare, and print the disagreements by kind."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--kinds", action="store_true", help="only count the kinds")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for one ffmpeg")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    files = files_in(options.folders)
    has_ffmpeg = shutil.which("ffmpeg") is not None
    for path in files:
        ours = by_us(path)
        readings = {"soundfile": by_soundfile(path)}
        if has_ffmpeg:
            readings["ffmpeg"] = by_ffmpeg(path, options.timeout)
        for name, theirs in readings.items():
            kind = disagreement(ours, theirs)
            if kind is not None:
                kinds[f"{name}: {kind}"].append(f"{path}  {ours.error[:160]}".rstrip())
    print(f"{len(files)} files, compared with soundfile{' and ffmpeg' if has_ffmpeg else ''}")
    for kind, found in sorted(kinds.items()):
        print(f"\n{kind} ({len(found)})")
        for line in () if options.kinds else found:
            print(f"    {line}")
    if not kinds:
        print("no disagreements")


if __name__ == "__main__":
    main()
