"""Which audio files folders, patterns and names stand for."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from qtokfeatures.audio import find_audio, load_many
from qtokfeatures.exceptions import AudioError, InputError


@pytest.fixture
def tree(tmp_path) -> Path:
    """Return a folder of audio and other things."""
    for name in (
        "b.wav", "a.FLAC", "notes.txt", "._b.wav", "deep/c.mp3", "deep/deeper/d.opus",
        "deep/take [1].wav", ".cache/e.wav", "empty/readme.md", "folder.wav/f.aif",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def found(tree: Path, *paths, **options) -> list[str]:
    given = [tree / path for path in paths]
    return [path.relative_to(tree).as_posix() for path in find_audio(given, **options)]


def test_folder_is_searched_to_its_depth(tree):
    assert found(tree, "") == [
        "a.FLAC", "b.wav", "deep/c.mp3", "deep/deeper/d.opus", "deep/take [1].wav",
        "folder.wav/f.aif",
    ]  # fmt: skip


def test_one_path_or_many(tree):
    assert (
        find_audio(tree) == find_audio(str(tree)) == find_audio([tree]) == find_audio(iter([tree]))
    )


def test_result_is_sorted_and_without_repeats(tree):
    assert found(tree, "deep/c.mp3", "b.wav", "deep", "b.wav") == [
        "b.wav", "deep/c.mp3", "deep/deeper/d.opus", "deep/take [1].wav",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["phone.m4a", "a.AAC", "b.wma", "c.amr", "d.ape", "e.mka", "f.MP4"]
)
def test_audio_that_cannot_be_read_is_found_and_raises_when_loaded(name, tree):
    (tree / "deep" / name).write_bytes(bytes([0, 0, 0, 32]) + b"ftypM4A " + bytes(100))
    assert f"deep/{name}" in found(tree, "deep")
    assert found(tree, f"deep/*{name[-4:]}") == [f"deep/{name}"]
    [(_, error)] = load_many(find_audio(tree / "deep" / name), on_error="skip")
    assert re.search(rf"{name}: MP4 or M4A .* which libsndfile does not read", str(error))


def test_link_to_nothing_in_a_folder_is_found(tree):
    (tree / "deep" / "gone.wav").symlink_to("nowhere.wav")
    assert "deep/gone.wav" in found(tree, "deep")


def test_folder_of_links(tree, wav, tmp_path_factory):
    """As snapshots of the Hugging Face hub are."""
    folder = tmp_path_factory.mktemp("snapshot")
    (folder / "a").mkdir()
    (folder / "a" / "one.wav").symlink_to(wav)
    [(_, clip)] = load_many(find_audio(folder))
    assert clip.source == str(folder / "a" / "one.wav")


def test_folder_that_cannot_be_listed(tree, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(AudioError, match=r"the folder cannot be listed \(Permission denied\)"):
        find_audio(tree)


def test_a_named_file_is_taken_whatever_its_suffix(tree):
    assert found(tree, "notes.txt", "._b.wav") == ["._b.wav", "notes.txt"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.wav", ["b.wav", "folder.wav/f.aif"]),
        ("?.*", ["a.FLAC", "b.wav"]),
        ("**/*.opus", ["deep/deeper/d.opus"]),
        ("deep/deep*", ["deep/deeper/d.opus"]),
        ("[ab].*", ["a.FLAC", "b.wav"]),
        ("*/c.*", ["deep/c.mp3"]),
    ],
)
def test_pattern(pattern, expected, tree):
    assert found(tree, pattern) == expected


def test_name_with_brackets_is_a_name_first(tree):
    assert found(tree, "deep/take [1].wav") == ["deep/take [1].wav"]


def test_relative_paths_stay_relative(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert find_audio("deep/*.mp3") == [Path("deep/c.mp3")]


def test_home_is_expanded(tree, monkeypatch):
    monkeypatch.setenv("HOME", str(tree))
    assert find_audio("~/*.FLAC") == [tree / "a.FLAC"]


def test_links_are_followed_and_circles_end(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "g.wav").touch()
    (tree / "deep" / "link").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(tree)
    names = [Path(path).name for path in found(tree, "deep")]
    assert names.count("g.wav") == 1
    assert names.count("c.mp3") == 1


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("missing.wav", r"missing\.wav: no such file or folder"),
        ("empty", r"empty: the folder holds no audio files \(.*\.flac.*\.wav"),
        ("*.xyz", r"\*\.xyz: no audio file matches the pattern"),
        ("*.txt", r"\*\.txt: no audio file matches the pattern"),
    ],
)
def test_nothing_found(path, match, tree):
    with pytest.raises(AudioError, match=match) as caught:
        find_audio([tree, tree / path])
    assert caught.value.source == str(tree / path)


def test_missing_may_be_kept_for_the_report(tree):
    assert found(tree, "b.wav", "missing.wav", missing="keep") == ["b.wav", "missing.wav"]
    [(_, error)] = load_many(find_audio(tree / "x.wav", missing="keep"), on_error="skip")
    assert error.source == str(tree / "x.wav")


def test_dangling_link_is_found_and_fails_when_loaded(tree):
    (tree / "gone.wav").symlink_to("nowhere")
    assert found(tree, "gone.wav") == ["gone.wav"]


def test_url_is_no_path():
    with pytest.raises(AudioError, match=r"a\.wav: is a URL, not a file or folder; pass it on"):
        find_audio("https://example.org/a.wav")


@pytest.mark.parametrize("path", [3, None, "", b"a.wav"])
def test_what_is_no_path(path):
    with pytest.raises(InputError, match="expected a path, got"):
        find_audio([path])


def test_wrong_missing():
    with pytest.raises(InputError, match='missing is "raise" or "keep"'):
        find_audio([], missing="skip")
