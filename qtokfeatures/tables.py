"""CSV tables of text, read without losing or shifting cells."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from qtokfeatures.exceptions import InputError


@dataclass
class Table:
    """Columns and rows of a CSV file; `errors` are the numbers and faults of unusable rows.

    Rows are numbered as in a spreadsheet: the header is row 1. Blank rows are skipped.
    """

    path: Path
    columns: list[str]
    rows: dict[int, dict[str, str]] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)

    def require(self, columns: Collection[str]) -> Table:
        """Return the table, if it has these columns and no unusable rows."""
        missing = [name for name in columns if name not in self.columns]
        if missing:
            raise InputError(
                f"{self.path}: missing column {', '.join(missing)}; it has "
                f"{', '.join(self.columns)}"
            )
        for number, error in self.errors.items():
            raise InputError(f"{self.path}, row {number}: {error}")
        return self


def read_table(path: str | PathLike[str]) -> Table:
    """Read a CSV file in UTF-8 with a header of distinct names."""
    source = Path(path).expanduser()
    try:
        with source.open(encoding="utf-8-sig", newline="") as lines:
            # strict: otherwise a quote that is never closed takes the rest of the file into a cell.
            rows = list(csv.reader(lines, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{source}: expected a CSV file in UTF-8: {error}") from error
    if not rows:
        raise InputError(f"{source}: expected a CSV file with a header, got an empty one")
    columns = rows[0]
    _check_distinct(source, columns)
    table = Table(source, columns)
    for number, row in enumerate(rows[1:], start=2):
        excess = [cell for cell in row[len(columns) :] if cell.strip()]
        if excess:
            table.errors[number] = (
                f"{len(row)} cells for {len(columns)} columns; put cells that contain a comma "
                "in quotes"
            )
        elif any(cell.strip() for cell in row):
            cells = [*row, *[""] * (len(columns) - len(row))]
            table.rows[number] = dict(zip(columns, cells, strict=False))
    return table


def _check_distinct(source: Path, columns: Sequence[str]) -> None:
    named = [name.strip() for name in columns if name.strip()]
    repeated = sorted({name for name in named if named.count(name) > 1})
    if repeated:
        raise InputError(
            f"{source}: several columns are named {', '.join(repeated)}; rename or remove all but "
            "one"
        )
