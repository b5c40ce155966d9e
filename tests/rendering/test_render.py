"""Rendered sounds: varied, audible, determined by the seed."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.exceptions import InputError
from qtokfeatures.rendering import (
    Rendered,
    ToolMissingError,
    missing_tools,
    notes,
    render_corpus,
    tools,
)
from qtokfeatures.rendering.corpus import RENDERERS
from qtokfeatures.rendering.drums import KITS
from qtokfeatures.rendering.instruments import N_PROGRAMS, pitch_range
from qtokfeatures.rendering.midi import Score
from qtokfeatures.rendering.pieces import ENSEMBLES, write_piece
from qtokfeatures.rendering.recordings import read_listing
from qtokfeatures.rendering.sentences import (
    english_text,
    foreign_sentence,
    number_in_words,
    phrases,
)
from qtokfeatures.rendering.textures import TEXTURES, render_texture
from qtokfeatures.rendering.tools import FLUID, MUSESCORE, installed_soundfonts

SR = 24_000

needs_tools = pytest.mark.skipif(
    bool(missing_tools()), reason=f"not installed: {', '.join(missing_tools())}"
)

# A little of every renderer: minutes in all, and which part of it.
A_LITTLE = {
    "instruments": (20.0, (24, 64)),
    "drums": (0.5, (0, 4)),
    "foreign": (1.0, (0, 3)),
    "pieces": (1.0, (0, 1)),
    "speech": (1.0, (0, 3)),
    "textures": (1.2, (0, 1)),
}


def a_little(name: str) -> list[Rendered]:
    minutes, part = A_LITTLE[name]
    return list(RENDERERS[name](minutes=minutes, part=part))


def first_of(name: str, *, seed: int) -> Rendered:
    minutes, part = A_LITTLE[name]
    return next(RENDERERS[name](minutes=minutes, seed=seed, part=part))


def centroid(y: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(y)) ** 2
    return float(np.fft.rfftfreq(y.size, 1 / SR) @ power / power.sum())


@needs_tools
@pytest.mark.parametrize("name", RENDERERS)
def test_clips_are_audible_varied_and_licensed(name: str):
    clips = a_little(name)
    assert len(clips) >= 4
    assert len({clip.name for clip in clips}) == len(clips)
    for clip in clips:
        assert clip.y.dtype == np.float32
        assert clip.y.ndim == 1
        assert 0.4 * SR < clip.y.size < 30 * SR
        assert 0.09 < np.abs(clip.y).max() <= 1.0
        assert np.sqrt(np.mean(clip.y**2)) > 0.002
        assert clip.licence
        assert clip.source
    centroids = [centroid(clip.y) for clip in clips]
    assert max(centroids) > 1.3 * min(centroids)


@needs_tools
@pytest.mark.parametrize("name", ["instruments", "drums", "speech", "textures"])
def test_seed_decides(name: str):
    first, again, other = (first_of(name, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.y, again.y)
    assert first.y.size != other.y.size or not np.array_equal(first.y, other.y)


def test_a_piece_is_determined_by_its_seed():
    scores = []
    for seed in (0, 0, 1):
        score = Score()
        write_piece(score, 1.0, ensemble=ENSEMBLES[2], rng=np.random.default_rng(seed))
        scores.append(score.to_bytes())
    assert scores[0] == scores[1] != scores[2]


@needs_tools
def test_middle_a_sounds_at_440_hz():
    score = Score()
    score.program(0.0, channel=0, program=73)
    score.note(0.1, 1.5, channel=0, pitch=69, velocity=100)
    y = tools.synthesise(score, reverb_room=0.0)
    spectrum = np.abs(np.fft.rfft(y[SR // 2 : SR // 2 + SR]))
    assert np.argmax(spectrum) == pytest.approx(440, abs=8)


@needs_tools
@pytest.mark.skipif(
    not MUSESCORE.path.is_file(), reason="not installed: musescore-general-soundfont"
)
def test_both_soundfonts_play_and_sound_different():
    fonts = installed_soundfonts()
    assert fonts == (FLUID, MUSESCORE)
    score = Score()
    score.program(0.0, channel=0, program=73)
    score.note(0.1, 0.5, channel=0, pitch=69, velocity=100)
    fluid, other = (tools.synthesise(score, soundfont=font.path) for font in fonts)
    assert np.abs(other).max() > 0.01
    assert not np.array_equal(fluid, other)
    assert len({font.licence for font in fonts}) == len({font.source for font in fonts}) == 2


def test_fluid_is_needed_and_musescore_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    absent = dataclasses.replace(MUSESCORE, path=tmp_path / "none.sf3")
    monkeypatch.setattr(tools, "MUSESCORE", absent)
    assert installed_soundfonts() == (FLUID,)
    assert "musescore-general-soundfont" not in missing_tools()


@needs_tools
def test_sound_lasts_as_long_as_its_score():
    score = Score()
    score.note(0.0, 0.5, channel=0, pitch=60, velocity=100)
    score.extend(0.75)
    assert tools.synthesise(score).size == 0.75 * SR


@needs_tools
def test_material_lies_in_files_with_a_listing(tmp_path: Path):
    minutes = {"textures": 0.5, "speech": 0.1}
    listing = render_corpus(tmp_path, minutes=minutes, jobs=2)
    again = read_listing(tmp_path / "listing.csv")
    assert again["path"].tolist() == listing["path"].tolist()
    on_disk = {str(path.resolve()) for path in tmp_path.rglob("*.flac")}
    assert set(listing["path"]) == on_disk
    assert set(listing["split"]) == {"train"}
    for path in listing["path"]:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (SR, 1, "PCM_16")


def test_the_number_of_jobs_does_not_matter(tmp_path: Path):
    minutes = {"textures": 0.5}
    alone = render_corpus(tmp_path / "alone", minutes=minutes)
    parallel = render_corpus(tmp_path / "parallel", minutes=minutes, jobs=2)
    for a, b in zip(alone["path"], parallel["path"], strict=True):
        assert Path(a).name == Path(b).name
        assert Path(a).read_bytes() == Path(b).read_bytes()


def test_unknown_renderer_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"renderer must be .*, got 'whales'"):
        render_corpus(tmp_path, minutes={"whales": 1.0})


def test_a_number_of_jobs_is_checked(tmp_path: Path):
    with pytest.raises(InputError, match="jobs must be a whole number of at least 1, got 0"):
        render_corpus(tmp_path, minutes={"textures": 0.1}, jobs=0)


def test_missing_program_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissingError, match="espeak-ng is not installed"):
        tools.run_program(["espeak-ng", "Hello."])
    assert {"fluidsynth", "espeak-ng", "flite"} <= set(missing_tools())


def test_missing_soundfont_is_named(tmp_path: Path):
    with pytest.raises(ToolMissingError, match="fluid-soundfont-gm"):
        tools.synthesise(Score(), soundfont=tmp_path / "none.sf2")


@needs_tools
def test_failing_program_says_why():
    with pytest.raises(tools.ToolError, match="espeak-ng failed"):
        tools.run_program(["espeak-ng", "-v", "zzz", "Hello."])


@given(
    notes=st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 10), st.integers(0, 127), st.integers(-5, 200)),
        max_size=20,
    )
)
def test_score_is_a_midi_file_that_reads_back(notes: list[tuple[float, float, int, int]]):
    score = Score()
    for start_s, duration_s, pitch, velocity in notes:
        score.note(start_s, duration_s, channel=3, pitch=pitch, velocity=velocity)
    events, end_s = read_midi(score.to_bytes())
    sounding = [event for event in events if event[1] == 0x93]
    assert len(sounding) == len(notes)
    assert len([event for event in events if event[1] == 0x83]) == len(notes)
    assert all(1 <= velocity <= 127 for _, _, _, velocity in sounding)
    assert sorted(time_s for time_s, *_ in sounding) == pytest.approx(
        sorted(start_s for start_s, *_ in notes), abs=1e-3
    )
    assert end_s == pytest.approx(score.end_s, abs=2e-3)


def read_midi(data: bytes) -> tuple[list[tuple[float, int, int, int]], float]:
    """Read notes from a format 0 file with three-byte messages, at 960 ticks a second."""
    assert data[:4] == b"MThd"
    assert data[14:18] == b"MTrk"
    assert int.from_bytes(data[18:22], "big") == len(data) - 22
    events, at, tick = [], 22, 0
    while True:
        delta = 0
        while True:
            byte = data[at]
            at += 1
            delta = delta << 7 | byte & 0x7F
            if byte < 0x80:
                break
        tick += delta
        if data[at] == 0xFF:
            assert data[at:] == b"\xff\x2f\x00"
            return events, tick / 960
        events.append((tick / 960, *data[at : at + 3]))
        at += 3


def test_every_program_has_a_register_of_an_octave_or_more():
    for program in range(N_PROGRAMS):
        low, high = pitch_range(program)
        assert 21 <= low <= high - 12 <= 108 - 12


def test_pieces_only_use_kits_of_the_soundfont():
    assert {kit for ensemble in ENSEMBLES for kit in ensemble.kits} <= set(KITS)


@given(seed=st.integers(0, 2**32 - 1))
def test_sentences_are_whole(seed: int):
    rng = np.random.default_rng(seed)
    for text in (english_text(rng), foreign_sentence(str(rng.choice(list(phrases()))), rng)):
        assert re.search(r"[{}<>&]", text) is None
        assert 1 <= len(text) <= 300  # four numbers up to a million need 280


@given(seed=st.integers(0, 2**32 - 1))
def test_english_has_no_numerals(seed: int):
    assert re.search(r"\d", english_text(np.random.default_rng(seed))) is None


@pytest.mark.parametrize(
    ("number", "spelled"),
    [
        (0, "zero"),
        (19, "nineteen"),
        (40, "forty"),
        (100, "one hundred"),
        (999, "nine hundred and ninety nine"),
        (12_034, "twelve thousand thirty four"),
    ],
)
def test_numbers_in_words(number: int, spelled: str):
    assert number_in_words(number) == spelled


@pytest.mark.parametrize("name", TEXTURES)
def test_texture_has_the_length_asked_for_and_peak_one(name: str):
    for n_samples in (2_400, 60_001):
        y = render_texture(name, n_samples=n_samples, rng=np.random.default_rng(3))
        assert y.shape == (n_samples,)
        assert np.abs(y).max() == pytest.approx(1.0, abs=1e-6)
        assert np.isfinite(y).all()


@needs_tools
def test_notes_of_a_soundfont_follow_from_the_seed(monkeypatch):
    monkeypatch.setattr(notes, "INSTRUMENTS", {"pipe": {"flute": 73}, "bass": {"tuba": 58}})
    found = list(notes.render_notes(FLUID, per_instrument=2))
    assert [note.name for note in found] == [
        "fluid/flute/00",
        "fluid/flute/01",
        "fluid/tuba/00",
        "fluid/tuba/01",
    ]
    kinds = {(note.instrument, note.family) for note in found}
    assert kinds == {("flute", "pipe"), ("tuba", "bass")}
    assert all(len(note.y) == 48_000 and 0.05 < np.abs(note.y).max() <= 1 for note in found)
    again = list(notes.render_notes(FLUID, per_instrument=2))
    np.testing.assert_array_equal(found[3].y, again[3].y)
