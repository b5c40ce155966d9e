"""The table that says what recordings there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from qtokfeatures.tables import read_table

Row = TypeVar("Row")


def read_manifest(folder: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read ``manifest.csv`` of a folder of recordings.

    Parameters
    ----------
    folder : str or Path
        The folder; the manifest's column ``path`` is relative to it.
    columns : sequence of str
        Columns that have to be there.

    Returns
    -------
    list of dict of str to str
        One a recording.

    Raises
    ------
    InputError
        If there is no manifest, or a column is missing.
    """
    table = read_table(Path(folder) / "manifest.csv").require(columns)
    return list(table.rows.values())


def spread(rows: Sequence[Row], at_most: int | None) -> Sequence[Row]:
    """Take some rows, evenly spread over all.

    Parameters
    ----------
    rows : sequence
        The rows.
    at_most : int or None
        How many; None is all.

    Returns
    -------
    sequence

    Examples
    --------
    >>> spread("abcdef", 3)
    ['a', 'c', 'e']
    """
    if at_most is None or len(rows) <= at_most:
        return rows
    return [rows[index * len(rows) // at_most] for index in range(at_most)]
