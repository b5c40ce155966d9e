"""Manifests: tables and folders, and their bad rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtokfeatures.exceptions import InputError
from qtokfeatures.pipelines import folder_manifest, read_manifest
from qtokfeatures.pipelines.manifest import default_group


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name in ("a.wav", "b c.wav", "glad/ann/1.wav", "glad/bob/1.wav", "sad/ann/1.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def table(folder: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path = folder / "list.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_rows_are_read_relative_to_the_table(here: Path) -> None:
    path = table(here, 'file,what,who,note\na.wav,flute,1,x\n"b c.wav",oboe,2\n\n')
    found = read_manifest(path, label="what", group="who")
    assert [(r.label, r.group, Path(r.path).name) for r in found.recordings] == [
        ("flute", "1", "a.wav"),
        ("oboe", "2", "b c.wav"),
    ]
    assert found.errors == []
    assert found.recordings[1].place == f"{path}, row 3"


def test_each_bad_row_is_named_and_the_rest_is_kept(here: Path) -> None:
    path = table(here, "path,what,who\na.wav,flute,1\n,flute,1\ngone.wav,flute,1\na.wav,,\n")
    found = read_manifest(path, label="what", group="who")
    assert len(found.recordings) == 1
    assert found.errors == [
        (f"{path}, row 3", "empty column path"),
        (f"{path}, row 4", "no such file: gone.wav"),
        (f"{path}, row 5", "empty column what, who"),
    ]


def test_urls_are_taken_as_they_are(here: Path) -> None:
    path = table(here, "path,what\nhttps://example.org/a.wav,flute\n")
    (one,) = read_manifest(path, label="what", group=None).recordings
    assert (one.path, one.group) == ("https://example.org/a.wav", "")


def test_a_byte_order_mark_is_no_part_of_the_first_column(here: Path) -> None:
    path = table(here, "path,what\na.wav,flute\n", encoding="utf-8-sig")
    assert len(read_manifest(path, label="what", group=None).recordings) == 1


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("path,what\n", "no column 'who'; it has path, what"),
        ("sound,what,who\n", "no column for the recordings, expected one of path, file"),
        ("", "with a header, got an empty one"),
    ],
)
def test_a_table_that_cannot_serve_is_refused(here: Path, text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_manifest(table(here, text), label="what", group="who")


def test_a_file_that_is_no_text_is_refused(here: Path) -> None:
    (here / "list.csv").write_bytes(b"\xff\xfe\x00\x80\x81")
    with pytest.raises(InputError, match="expected a CSV file in UTF-8"):
        read_manifest(here / "list.csv", label="what", group=None)


def test_groups_are_guessed_by_name(here: Path) -> None:
    assert default_group(table(here, "path,title,speaker\n")) == "speaker"
    assert default_group(table(here, "path,what\n")) is None


def test_folders_are_classes_and_those_below_groups(here: Path) -> None:
    found = folder_manifest(here)
    assert {(r.label, r.group) for r in found.recordings} == {
        ("glad", "ann"), ("glad", "bob"), ("sad", "ann"),
    }  # fmt: skip
    assert sorted(Path(path).name for path, _ in found.errors) == ["a.wav", "b c.wav"]
    assert {error for _, error in found.errors} == {"is not in the folder of a class"}


def test_groups_can_be_read_from_names(tmp_path: Path) -> None:
    for name in ("glad/03-take1.wav", "glad/nobody.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = folder_manifest(tmp_path, group_pattern=r"^(\d+)-")
    assert [one.group for one in found.recordings] == ["03"]
    assert "does not match the group pattern" in found.errors[0][1]


@pytest.mark.parametrize(
    ("pattern", "match"), [("(", "missing|unterminated"), ("x", "must contain a group")]
)
def test_wrong_patterns_are_refused(here: Path, pattern: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        folder_manifest(here, group_pattern=pattern)


def test_links_are_of_the_class_in_whose_folder_they_are(tmp_path: Path) -> None:
    """Snapshots of Hugging Face hold links to files elsewhere."""
    (tmp_path / "blobs").mkdir()
    for number, name in enumerate(("glad/ann/1.wav", "sad/ann/1.wav")):
        blob = tmp_path / "blobs" / f"{number}"
        blob.touch()
        link = tmp_path / "snapshot" / name
        link.parent.mkdir(parents=True)
        link.symlink_to(blob)
    found = folder_manifest(tmp_path / "snapshot")
    assert {(one.label, one.group) for one in found.recordings} == {("glad", "ann"), ("sad", "ann")}
    assert found.errors == []
