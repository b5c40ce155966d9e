"""Names of output files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.exceptions import InputError
from qtokfeatures.studio.output_files import file_stems, refuse_to_overwrite


@pytest.mark.parametrize(
    ("clip_id", "stem"),
    [
        ("a.wav", "a"),
        ("a.b", "a.b"),
        ("x/y/z.flac", "x_y_z"),
        ("../../etc/passwd", "etc_passwd"),
        ("C:\\new\\a.WAV", "C_new_a"),
        (".hidden.wav", "hidden"),
        ("...", "clip"),
        ("小提琴.wav", "小提琴"),
        ("a\x00b\nc", "a_b_c"),
    ],
)
def test_what_becomes_of_a_name(clip_id: str, stem: str) -> None:
    assert file_stems([clip_id]) == [stem]


@given(st.lists(st.text(max_size=200), max_size=20))
def test_names_are_different_and_safe(clip_ids: list[str]) -> None:
    stems = file_stems(clip_ids)
    assert len({stem.casefold() for stem in stems}) == len(clip_ids)
    assert all(0 < len(stem.encode("utf-8", "replace")) < 140 for stem in stems)
    assert not any(set(stem) & set('<>:"/\\|?*\0\n') for stem in stems)
    assert all(Path(stem).name == stem for stem in stems)


def test_an_input_is_recognised_by_another_path(tmp_path: Path) -> None:
    sound = tmp_path / "a.wav"
    sound.touch()
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(InputError, match="is an input and is not overwritten"):
        refuse_to_overwrite([link / "a.wav"], [sound])


def test_sources_that_are_no_files(tmp_path: Path) -> None:
    refuse_to_overwrite([tmp_path / "a.wav"], ["<array 0>", "https://x/a.wav", "data:x", "a\0b"])
