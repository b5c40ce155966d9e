"""Names, checks and tables of the files that jobs write."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtokfeatures.exceptions import InputError
from qtokfeatures.studio.failures import RequestError

if TYPE_CHECKING:
    import pandas as pd

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
# What begins a formula in a spreadsheet; the wide forms do in Japanese and Chinese ones.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001
_LONGEST_BYTES = 120  # file systems allow 255; suffixes and numbers are added


def output_file(
    path: str | os.PathLike[str], suffixes: Sequence[str], *, parameter: str = "output"
) -> Path:
    """Check the suffix of an output file and make its folder."""
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise RequestError(f"{target} should end in {' or '.join(suffixes)}", parameter)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def output_folder(path: str | os.PathLike[str], *, parameter: str = "output") -> Path:
    """Make an output folder; raise RequestError if a file is in its place."""
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file, not a folder", parameter)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def file_stems(clip_ids: Iterable[str]) -> list[str]:
    """Return one file name per clip, without audio suffix, all different on any file system.

    Examples
    --------
    >>> file_stems(["a/1.wav", "b/1.wav", "1.flac", "1.WAV"])
    ['a_1', 'b_1', '1', '1-2']
    """
    taken: set[str] = set()
    return [_unused(_stem(clip_id), taken) for clip_id in clip_ids]


def without_audio_suffix(name: str) -> str:
    """Return a name without the suffix of an audio file."""
    from qtokfeatures.audio.paths import AUDIO_SUFFIXES

    suffix = Path(name).suffix
    return name[: -len(suffix)] if suffix.lower() in AUDIO_SUFFIXES else name


def encodable(name: str) -> str:
    """Return a name that can be written as UTF-8; other bytes of file names become escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def refuse_to_overwrite(targets: Iterable[Path], inputs: Iterable[str | Path]) -> None:
    """Raise InputError if a file to be written is one of the files that are read."""
    from qtokfeatures.audio.excerpts import from_fragment

    names = [str(source) for source in inputs if _may_be_a_file(str(source))]
    excerpts = [excerpt.audio for name in names if (excerpt := from_fragment(name))]
    read = {Path(name).resolve() for name in [*names, *excerpts]}
    for target in targets:
        if target.resolve() in read:
            raise InputError(f"{target} is an input and is not overwritten; choose another output")


def write_page(path: Path, html: str) -> None:
    """Write a page; it appears whole or not at all."""
    from qtokfeatures.viz.figures import write_whole

    write_whole(path, html.encode("utf-8"))


def write_table(path: Path, table: pd.DataFrame, *, float_format: str | None = None) -> None:
    """Write a table as CSV, atomically, with text that no spreadsheet runs as a formula."""
    from qtokfeatures.files import atomic_write

    columns = [
        table.iloc[:, place].map(inert) if kind.kind not in "biufcM" else table.iloc[:, place]
        for place, kind in enumerate(table.dtypes)
    ]
    safe = dict(enumerate(columns))
    with atomic_write(path) as fresh:
        table.__class__(safe).to_csv(
            fresh,
            index=False,
            header=[inert(name) for name in table.columns],
            encoding="utf-8",
            float_format=float_format,
        )


def inert(cell: Any) -> Any:
    """Return text with an apostrophe in front if a spreadsheet would run it as a formula.

    Names of files and labels come from strangers: ``=HYPERLINK(…)`` in a cell sends what stands
    in the others to a server, ``=cmd|…`` may start a program.

    Examples
    --------
    >>> inert("=1+1.wav"), inert("a=b.wav"), inert(-1.5)
    ("'=1+1.wav", 'a=b.wav', -1.5)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _stem(clip_id: str) -> str:
    name = unicodedata.normalize("NFC", without_audio_suffix(clip_id))
    clean = _NOT_IN_NAMES.sub("_", name).strip(" ._")
    short = clean.encode("utf-8", "replace")[:_LONGEST_BYTES].decode("utf-8", "ignore")
    return short.strip() or "clip"


def _unused(stem: str, taken: set[str]) -> str:
    name, number = stem, 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.casefold())
    return name


def _may_be_a_file(source: str) -> bool:
    return "\x00" not in source and "://" not in source and not source.startswith(("<", "data:"))
