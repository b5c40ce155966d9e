"""Labelled recordings as a table: from a CSV file, or from one folder a class."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Final

from qtokfeatures.audio import find_audio
from qtokfeatures.exceptions import InputError

PATH_COLUMNS: Final = ("path", "file", "filename", "filepath", "audio")
"""Names under which a manifest may have the recordings, the first found is taken."""

GROUP_COLUMNS: Final = ("instance", "speaker", "track", "title", "composer", "group")
"""Names under which groups are looked for when none is named."""


@dataclass(frozen=True)
class Recording:
    """A labelled recording.

    Parameters
    ----------
    path : str
        Where it is.
    label : str
        Its class.
    group : str
        What it comes from; empty where groups are not asked for.
    place : str
        Where it was named, such as ``"songs.csv, row 7"``, for errors.
    """

    path: str
    label: str
    group: str
    place: str


@dataclass
class Manifest:
    """Recordings, and the rows that could not be used.

    Parameters
    ----------
    recordings : list of Recording
        Usable rows.
    errors : list of (str, str)
        Of the others: the file and row, and what is wrong with it.
    """

    recordings: list[Recording] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)


def read_manifest(
    path: str | PathLike[str], *, label: str, group: str | None, audio: str | None = None
) -> Manifest:
    r"""Read a table of labelled recordings.

    Parameters
    ----------
    path : str or path
        CSV with a header. Paths in it are relative to its folder.
    label : str
        Column of the classes.
    group : str or None
        Column of the groups. None asks for none.
    audio : str, default=None
        Column of the recordings; one of :data:`PATH_COLUMNS` by default.

    Returns
    -------
    Manifest
        Rows are counted as a spreadsheet does: the header is row 1.

    Raises
    ------
    InputError
        If it is no CSV with these columns. Bad rows are not raised but listed.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("clip.wav").write_bytes(b"")
    >>> _ = Path("list.csv").write_text("path,instrument\nclip.wav,flute\ngone.wav,oboe\n")
    >>> found = read_manifest("list.csv", label="instrument", group=None)
    >>> found.recordings[0].label, found.errors
    ('flute', [('list.csv, row 3', 'no such file: gone.wav')])
    """
    source = Path(path)
    rows = _rows(source)
    columns = rows[0] if rows else []
    wanted = {"path": _path_column(source, columns, audio), "label": label, "group": group}
    for column in filter(None, wanted.values()):
        if column not in columns:
            raise InputError(f"{source}: no column {column!r}; it has {', '.join(columns)}")
    found = Manifest()
    for number, row in enumerate(rows[1:], start=2):
        if any(cell.strip() for cell in row):
            cells = dict(zip(columns, row, strict=False))
            values = {name: cells.get(column or "", "").strip() for name, column in wanted.items()}
            _add(found, source, f"{source}, row {number}", values, wanted)
    return found


def manifest_columns(path: str | PathLike[str]) -> list[str]:
    """Return the columns of a manifest."""
    rows = _rows(Path(path))
    return rows[0] if rows else []


def default_group(path: str | PathLike[str]) -> str | None:
    """Return the column of a manifest that looks like groups.

    Parameters
    ----------
    path : str or path
        CSV with a header.

    Returns
    -------
    str or None
        The first of :data:`GROUP_COLUMNS` that it has.
    """
    columns = manifest_columns(path)
    return next((name for name in GROUP_COLUMNS if name in columns), None)


def folder_manifest(folder: str | PathLike[str], *, group_pattern: str | None = None) -> Manifest:
    """List a corpus that has one folder for each class.

    Parameters
    ----------
    folder : str or path
        ``folder/class/….wav``, or ``folder/class/group/….wav``, the usual form of corpora of
        emotions.
    group_pattern : str, default=None
        Regular expression whose first parenthesis takes the group (the speaker) from a file's
        name, for corpora that write it there. By default, the folder below that of the class.

    Returns
    -------
    Manifest
        Groups are empty where neither tells them.

    Raises
    ------
    InputError
        If it holds no folders with audio, or the pattern is no regular expression with a
        parenthesis.

    Examples
    --------
    >>> from pathlib import Path
    >>> for name in ("glad/ann_1.wav", "sad/bob_1.wav"):
    ...     Path(name).parent.mkdir()
    ...     _ = Path(name).write_bytes(b"")
    >>> found = folder_manifest(".", group_pattern=r"([a-z]+)_")
    >>> [(one.label, one.group) for one in found.recordings]
    [('glad', 'ann'), ('sad', 'bob')]
    """
    root = Path(folder)
    pattern = _compiled(group_pattern)
    found = Manifest()
    for path in find_audio([root]):
        parts = Path(path).resolve().relative_to(root.resolve()).parts
        if len(parts) < 2:
            found.errors.append((str(path), "lies in no folder of a class"))
            continue
        group = parts[1] if len(parts) > 2 else ""
        if pattern is not None:
            match = pattern.search(parts[-1])
            group = match.group(1) if match else ""
            if not group:
                found.errors.append((str(path), f"{group_pattern!r} finds no group in its name"))
                continue
        found.recordings.append(Recording(str(path), parts[0], group, str(path)))
    return found


def _rows(source: Path) -> list[list[str]]:
    try:
        with source.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.reader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{source}: expected a CSV file in UTF-8: {error}") from error
    if not rows:
        raise InputError(f"{source}: expected a CSV file with a header, got an empty one")
    return rows


def _path_column(source: Path, columns: list[str], audio: str | None) -> str:
    if audio is not None:
        return audio
    known = next((name for name in PATH_COLUMNS if name in columns), None)
    if known is None:
        raise InputError(
            f"{source}: no column for the recordings, expected one of {', '.join(PATH_COLUMNS)}; "
            f"it has {', '.join(columns)}"
        )
    return known


def _add(
    found: Manifest, source: Path, place: str, values: dict[str, str], wanted: dict[str, str | None]
) -> None:
    empty = [str(column) for name, column in wanted.items() if column and not values[name]]
    if empty:
        found.errors.append((place, f"nothing in column {', '.join(empty)}"))
        return
    named = values["path"]
    remote = named.startswith(("http://", "https://"))
    path = named if remote else str(source.parent / Path(named).expanduser())
    if not remote and not Path(path).is_file():
        found.errors.append((place, f"no such file: {named}"))
        return
    found.recordings.append(Recording(path, values["label"], values["group"], place))


def _compiled(group_pattern: str | None) -> re.Pattern[str] | None:
    if group_pattern is None:
        return None
    try:
        pattern = re.compile(group_pattern)
    except re.error as error:
        raise InputError(f"group_pattern {group_pattern!r}: {error}") from error
    if not pattern.groups:
        raise InputError(f"group_pattern {group_pattern!r} needs a parenthesis around the group")
    return pattern
