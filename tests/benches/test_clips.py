from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile

from qtokfeatures.benches import ClipSelection, find_shared_audio, select_clips
from qtokfeatures.benches.clips import prepare
from qtokfeatures.exceptions import AudioError, InputError, SkippedClipWarning

COLUMNS = ("path", "kind", "split", "duration_s")


@pytest.fixture
def folder(tmp_path):
    rows = [
        ("good/speech.wav", "speech", "dev", 1.0, 0.1),
        ("good/long.wav", "music", "dev", 6.0, 0.9),
        ("good/short.wav", "speech", "dev", 0.8, 0.1),
        ("good/train.wav", "speech", "train", 1.0, 0.1),
        ("good/noise.wav", "noise", "dev", 1.0, 0.1),
        ("fsdd/digit.wav", "speech", "dev", 1.0, 0.1),
    ]
    write_manifest(tmp_path, rows)
    return tmp_path


def write_manifest(folder, rows):
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for path, kind, split, duration_s, peak in rows:
            writer.writerow((path, kind, split, duration_s))
            (folder / path).parent.mkdir(exist_ok=True)
            y = peak * np.sin(np.arange(round(16_000 * duration_s)) / 20)
            soundfile.write(folder / path, y, 16_000, subtype="FLOAT")


def test_dev_clips_over_eight_tenths_are_taken_but_digits_are_not(folder):
    clips = select_clips(folder)
    assert [(clip.name, clip.kind) for clip in clips] == [
        ("good/speech.wav", "speech"),
        ("good/long.wav", "music"),
    ]


def test_clips_are_resampled_cut_and_scaled(folder):
    short, long = select_clips(folder)
    assert (short.sr, short.duration_s, long.duration_s) == (24_000, 1.0, 5.0)
    for clip in (short, long):
        assert clip.y.dtype == np.float32
        assert np.abs(clip.y).max() == pytest.approx(0.5)


def test_the_selection_can_be_another(folder):
    selection = ClipSelection(kinds=("noise", "speech"), without=(), longer_than_s=0.1, first_s=0.5)
    clips = select_clips(folder, selection, sr=8000)
    assert [clip.kind for clip in clips] == ["noise", "speech", "speech", "speech"]
    assert {clip.duration_s for clip in clips} == {0.5}
    assert "over 0.1 s;" in selection.describe()


def test_fewer_clips_of_each_kind_are_spread_over_the_manifest(folder):
    selection = ClipSelection(kinds=("speech",), without=(), longer_than_s=0, per_kind=2)
    assert [clip.name for clip in select_clips(folder, selection)] == [
        "good/speech.wav",
        "good/short.wav",
    ]


def test_silence_is_left_out_with_a_warning(tmp_path):
    write_manifest(
        tmp_path,
        [("a/silent.wav", "speech", "dev", 1.0, 0.0), ("a/loud.wav", "speech", "dev", 1.0, 0.2)],
    )
    with pytest.warns(SkippedClipWarning, match=r"a/silent\.wav: .*silent.*left out"):
        clips = select_clips(tmp_path)
    assert [clip.name for clip in clips] == ["a/loud.wav"]


def test_preparing_does_not_write_into_its_input():
    y = np.array([0.1, -0.2, 0.4], dtype=np.float32)
    assert np.abs(prepare(y, sr=3, peak=1.0)).max() == pytest.approx(1.0)
    assert y[2] == np.float32(0.4)


def test_errors_name_the_manifest_or_the_file(folder, tmp_path):
    with pytest.raises(InputError, match=r"manifest\.csv: expected a CSV file"):
        select_clips(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no clip of split 'test'"):
        select_clips(folder, ClipSelection(split="test"))
    (folder / "good" / "speech.wav").unlink()
    with pytest.raises(AudioError, match=r"speech\.wav"):
        select_clips(folder)


def test_a_manifest_without_its_columns_is_refused(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,kind\n")
    with pytest.raises(InputError, match="missing column split, duration_s"):
        select_clips(tmp_path)


def test_a_manifest_with_a_broken_duration_is_refused(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,kind,split,duration_s\na.wav,speech,dev,long\n")
    with pytest.raises(InputError, match=r"a\.wav.*duration_s.*'long'"):
        select_clips(tmp_path)


def test_the_shared_folder_is_named_by_the_environment(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("QTOK_SHARED", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="set QTOK_SHARED"):
        find_shared_audio()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "audio").symlink_to(folder)
    monkeypatch.setenv("QTOK_SHARED", str(tmp_path / "shared"))
    assert find_shared_audio() == tmp_path / "shared" / "audio"


def test_the_published_clips_are_in_the_shared_recordings(shared_audio):
    clips = select_clips(shared_audio, ClipSelection(per_kind=1))
    assert [clip.kind for clip in clips] == ["speech", "instrument", "music", "environment"]
    assert all(0.8 < clip.duration_s <= 5 for clip in clips)
