"""Listings of training material: manifests, folders, splits and licences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from qtokfeatures.exceptions import InputError
from qtokfeatures.rendering.recordings import (
    COLUMNS,
    KINDS,
    RESERVED_FOLDERS,
    list_folder,
    list_manifest,
    list_recordings,
    read_listing,
    write_listing,
)

MANIFEST = """\
path,kind,licence,split,source_repo
train/a/one.flac,speech,CC BY 4.0,train,x/a
train/a/two.flac,speech,CC BY-SA 4.0,train,x/a
train/a/three.flac,speech,CC BY 4.0,dev,x/a
train/alphanumeric/four.flac,speech,MIT,train,x/b
train/inst/five.flac,instrument,CC0 1.0,train,x/c
"""


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    (tmp_path / "manifest.csv").write_text(MANIFEST)
    return tmp_path


def write_wav(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(100), 24_000)


def names(listing: pd.DataFrame) -> list[str]:
    return [Path(path).name for path in listing["path"]]


def test_manifest_leaves_out_share_alike_dev_and_reserved(recordings: Path):
    listing = list_manifest(recordings)
    assert names(listing) == ["one.flac", "five.flac"]
    assert tuple(listing.columns) == COLUMNS
    assert Path(listing["path"][0]).is_absolute()
    assert listing["source"].tolist() == ["x/a", "x/c"]


def test_share_alike_rows_come_when_asked_for(recordings: Path):
    assert "two.flac" in names(list_manifest(recordings, share_alike=True))


def test_split_and_left_out_folders_are_the_caller_s_choice(recordings: Path):
    assert names(list_manifest(recordings, split="dev")) == ["three.flac"]
    assert "four.flac" in names(list_manifest(recordings, without=()))


def test_empty_selection_is_an_error(recordings: Path):
    with pytest.raises(InputError, match="no row of split 'test'"):
        list_manifest(recordings, split="test")


def test_missing_manifest_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"manifest\.csv"):
        list_manifest(tmp_path)


def test_missing_columns_are_named(tmp_path: Path):
    (tmp_path / "manifest.csv").write_text("path,kind\na.wav,speech\n")
    with pytest.raises(InputError, match="licence, source_repo, split"):
        list_manifest(tmp_path)


def test_folder_takes_kinds_from_the_names_of_folders(tmp_path: Path):
    for name in ("speech/a.wav", "Music/deep/b.flac", "other/c.wav", "d.wav"):
        write_wav(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not audio")
    listing = list_folder(tmp_path, kind="noise", licence="mine")
    kinds = dict(zip(names(listing), listing["kind"], strict=True))
    assert kinds == {"a.wav": "speech", "b.flac": "music", "c.wav": "noise", "d.wav": "noise"}
    assert set(listing["licence"]) == {"mine"}


def test_folder_without_audio_is_an_error(tmp_path: Path):
    with pytest.raises(InputError, match="no audio"):
        list_folder(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path):
    write_wav(tmp_path / "a.wav")
    with pytest.raises(InputError, match=r"expected a folder.*a\.wav"):
        list_folder(tmp_path / "a.wav")


def test_unknown_kind_is_an_error(tmp_path: Path):
    with pytest.raises(InputError, match="unknown kind 'podcast'"):
        list_folder(tmp_path, kind="podcast")


def test_recordings_go_by_the_manifest_if_there_is_one(recordings: Path, tmp_path: Path):
    assert names(list_recordings(recordings)) == ["one.flac", "five.flac"]
    plain = tmp_path / "plain"
    write_wav(plain / "x.wav")
    assert names(list_recordings(plain)) == ["x.wav"]


def test_listing_survives_writing_and_moving(tmp_path: Path):
    write_wav(tmp_path / "here" / "ä b.wav")
    listing = list_folder(tmp_path / "here", licence='CC BY, "4.0"')
    write_listing(listing, tmp_path / "here" / "listing.csv")
    pd.testing.assert_frame_equal(read_listing(tmp_path / "here" / "listing.csv"), listing)
    moved = (tmp_path / "here").rename(tmp_path / "there")
    assert Path(read_listing(moved / "listing.csv")["path"][0]).is_file()


def test_listing_with_an_unknown_kind_is_refused(tmp_path: Path):
    row = dict(zip(COLUMNS, ("a.wav", "podcast", "MIT", "me", "train"), strict=True))
    pd.DataFrame([row]).to_csv(tmp_path / "listing.csv", index=False)
    with pytest.raises(InputError, match="podcast"):
        read_listing(tmp_path / "listing.csv")


def test_real_manifest_gives_nothing_that_must_not_be_trained_on(shared_audio: Path):
    listing = list_manifest(shared_audio)
    assert not listing["licence"].str.contains("SA").any()
    assert set(listing["split"]) == {"train"}
    assert set(listing["kind"]) <= set(KINDS)
    parts = {part for path in listing["path"] for part in Path(path).parts}
    assert not parts & {*RESERVED_FOLDERS, "fsdd"}
    assert len(listing) > 1000
    assert all(Path(path).is_file() for path in listing["path"])
