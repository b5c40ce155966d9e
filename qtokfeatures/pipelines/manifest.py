"""Labelled recordings, read from a CSV file or from one folder per class."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Final

from qtokfeatures.audio import find_audio
from qtokfeatures.exceptions import InputError
from qtokfeatures.tables import read_table

# Default names of the columns, in order of preference.
PATH_COLUMNS: Final = ("path", "file", "filename", "filepath", "audio")
GROUP_COLUMNS: Final = ("instance", "speaker", "track", "title", "composer", "group")


@dataclass(frozen=True)
class Recording:
    """Labelled recording.

    Parameters
    ----------
    path : str
        Path or URL.
    label : str
        Class.
    group : str
        Group, such as the speaker; empty without groups.
    place : str
        Location in the manifest, such as ``"songs.csv, row 7"``, for error messages.
    """

    path: str
    label: str
    group: str
    place: str


@dataclass
class Manifest:
    """Labelled recordings and unusable rows of a manifest.

    Parameters
    ----------
    recordings : list of Recording
        Usable rows.
    errors : list of (str, str)
        File and row number of each unusable row, and the reason.
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
        CSV file in UTF-8 with a header. Paths in it are relative to its folder.
    label : str
        Column of the classes.
    group : str or None
        Column of the groups. None reads no groups.
    audio : str, default=None
        Column of the recordings. None selects the first of "path", "file", "filename", "filepath"
        and "audio".

    Returns
    -------
    Manifest
        Recordings and unusable rows. Rows are numbered as in a spreadsheet; the header is row 1.

    Raises
    ------
    InputError
        If the file is not a CSV file with these columns, or two columns have the same name.
        Unusable rows do not raise; rows with more cells than the header are among them.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("clip.wav").write_bytes(b"")
    >>> _ = Path("list.csv").write_text("path,instrument\nclip.wav,flute\ngone.wav,oboe\n")
    >>> found = read_manifest("list.csv", label="instrument", group=None)
    >>> found.recordings[0].label, found.errors
    ('flute', [('list.csv, row 3', 'no such file: gone.wav')])
    """
    table = read_table(path)
    source, columns = table.path, table.columns
    wanted = {"path": _path_column(source, columns, audio), "label": label, "group": group}
    for column in filter(None, wanted.values()):
        if column not in columns:
            raise InputError(f"{source}: no column {column!r}; it has {', '.join(columns)}")
    found = Manifest()
    for number in sorted([*table.rows, *table.errors]):
        place = f"{source}, row {number}"
        if number in table.errors:
            found.errors.append((place, table.errors[number]))
            continue
        cells = table.rows[number]
        values = {name: cells[column].strip() if column else "" for name, column in wanted.items()}
        _add(found, source, place, values, wanted)
    return found


def manifest_columns(path: str | PathLike[str]) -> list[str]:
    """Return the columns of a manifest."""
    return read_table(path).columns


def default_group(path: str | PathLike[str]) -> str | None:
    """Return the first of :data:`GROUP_COLUMNS` that a manifest has, or None."""
    columns = manifest_columns(path)
    return next((name for name in GROUP_COLUMNS if name in columns), None)


def folder_manifest(folder: str | PathLike[str], *, group_pattern: str | None = None) -> Manifest:
    """List the recordings of a corpus with one folder per class.

    Parameters
    ----------
    folder : str or path
        Folder with files ``class/….wav`` or ``class/group/….wav``.
    group_pattern : str, default=None
        Regular expression whose first group matches the group, such as the speaker, in the name of
        a file. None takes the folder below that of the class.

    Returns
    -------
    Manifest
        Recordings, with empty groups where neither the pattern nor a folder provides one.

    Raises
    ------
    InputError
        If the folder contains no audio, or `group_pattern` is not a regular expression with a
        group.

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
    root = Path(folder).expanduser()
    pattern = _compiled(group_pattern)
    found = Manifest()
    for path in find_audio([root]):
        # Not resolved: files may be links out of the folder, as in snapshots of Hugging Face.
        parts = Path(path).absolute().relative_to(root.absolute()).parts
        if len(parts) < 2:
            found.errors.append((str(path), "is not in the folder of a class"))
            continue
        group = parts[1] if len(parts) > 2 else ""
        if pattern is not None:
            match = pattern.search(parts[-1])
            group = match.group(1) if match else ""
            if not group:
                found.errors.append(
                    (str(path), f"its name does not match the group pattern {group_pattern!r}")
                )
                continue
        found.recordings.append(Recording(str(path), parts[0], group, str(path)))
    return found


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
        found.errors.append((place, f"empty column {', '.join(empty)}"))
        return
    named = values["path"]
    remote = named.lower().startswith(("http://", "https://"))
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
        raise InputError(f"group_pattern {group_pattern!r} must contain a group in parentheses")
    return pattern
