"""The bundled sounds: there, labelled, audible, and what their labels say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import qtokfeatures as qt
from qtokfeatures.exceptions import InputError
from qtokfeatures.rendering import missing_tools

FOLDER = Path(qt.example_files()[0]).parent
LABELS = qt.example_labels()
NAMES = LABELS["file"].tolist()
NOTES = LABELS[LABELS["pitch"] != ""]
SEMITONES = {"C": 0, "E": 4, "G": 7}


def read(name: str) -> np.ndarray:
    y, sr = soundfile.read(FOLDER / name)
    assert sr == 24_000
    return y


def test_labels_and_files_are_in_the_same_order():
    assert [path.name for path in qt.example_files()] == NAMES
    assert sorted(NAMES) == NAMES


def test_there_are_about_forty_in_at_most_four_megabytes():
    assert 40 <= len(NAMES) <= 50
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) <= 4 * 2**20


def test_the_promised_sounds_are_there():
    assert NOTES.groupby("label")["pitch"].nunique().ge(3).sum() >= 6
    assert LABELS.loc[LABELS["kind"] == "speech", "voice"].nunique() >= 3
    assert {"rain", "wind", "machine", "drums"} <= set(LABELS["label"])
    assert LABELS["rendered_with"].ne("").all()
    assert LABELS.loc[LABELS["kind"] == "speech", "text"].str.endswith(".").all()


@pytest.mark.parametrize("name", NAMES)
def test_clip_is_mono_audible_and_short(name: str):
    y = read(name)
    assert y.ndim == 1
    assert 1.0 <= y.size / 24_000 <= 4.2
    assert np.sqrt(np.mean(y**2)) == pytest.approx(0.06, rel=0.1)
    assert np.abs(y).max() < 0.95
    assert np.abs(y[-24:]).max() < 0.02


@pytest.mark.parametrize(("name", "pitch"), list(zip(NOTES["file"], NOTES["pitch"], strict=True)))
def test_note_sounds_at_its_pitch(name: str, pitch: str):
    midi = 12 * (int(pitch[1]) + 1) + SEMITONES[pitch[0]]
    frequency = 440 * 2 ** ((midi - 69) / 12)
    y = read(name)[2_400:26_400]
    spectrum = np.abs(np.fft.rfft(y * np.hanning(y.size)))  # bins are 1 Hz apart
    harmonic = np.argmax(spectrum) / frequency
    assert np.rint(harmonic) >= 1
    assert harmonic == pytest.approx(np.rint(harmonic), rel=0.01)


def test_a_sound_is_found_with_and_without_suffix():
    phrase = qt.example_file("guitar_phrase")
    assert phrase == qt.example_file("guitar_phrase.flac")
    assert soundfile.info(phrase).duration == pytest.approx(4.0, abs=0.1)


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(InputError, match=r"'gitar_phrase'.*'guitar_phrase'"):
        qt.example_file("gitar_phrase")


@pytest.mark.parametrize("name", ["README.md", "LICENSE-FluidR3-GM.txt", "LICENSE-CMU-Flite.txt"])
def test_notices_lie_beside_the_sounds(name: str):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert re.search(r"rendered|spoken by", text)


def test_labels_are_a_fresh_table_each_time():
    labels = qt.example_labels()
    labels["kind"] = "mine"
    pd.testing.assert_frame_equal(qt.example_labels(), LABELS)


@pytest.mark.skipif(bool(missing_tools()), reason=f"not installed: {', '.join(missing_tools())}")
@pytest.mark.slow
def test_the_script_makes_them_all(tmp_path: Path):
    script = Path(__file__).resolve().parents[2] / "scripts" / "render_examples.py"
    subprocess.run([sys.executable, script, "--folder", tmp_path], check=True, timeout=300)
    assert (tmp_path / "labels.csv").read_bytes() == (FOLDER / "labels.csv").read_bytes()
    for name in NAMES:
        made = soundfile.info(tmp_path / name)
        assert made.duration == pytest.approx(soundfile.info(FOLDER / name).duration, rel=0.05)
