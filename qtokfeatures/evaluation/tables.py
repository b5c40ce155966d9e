"""Tables of plain text cells, and their two renderings: Markdown and the terminal's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    import rich.console
    import rich.table
    from rich.console import JustifyMethod


NOTHING: Final = "–"
"""What stands in a table where there is no number."""


@dataclass(frozen=True)
class TextTable:
    """A table of cells that are already formatted.

    Parameters
    ----------
    title : str
        One line above it.
    header : tuple of str
        Names of the columns.
    rows : tuple of tuple of str
        As many cells each as there are columns.
    n_text : int, default 1
        The first so many columns are text, the others numbers.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_text: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise InputError(f"{self.title}: {len(row)} cells for {len(self.header)} columns")


def format_number(value: float, digits: int) -> str:
    """Write a number for a table.

    Parameters
    ----------
    value : float
        The number.
    digits : int
        Decimals.

    Returns
    -------
    str
        With a proper minus; a dash where it is not finite.

    Examples
    --------
    >>> format_number(-1.25, 1), format_number(float("nan"), 1)
    ('−1.2', '–')
    """
    if not math.isfinite(value):
        return NOTHING
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: no minus zero


def format_interval(value: float, interval: tuple[float, float], digits: int) -> str:
    """Write a number and how uncertain it is.

    Parameters
    ----------
    value : float
        The number.
    interval : (float, float)
        Where it may lie.
    digits : int
        Decimals.

    Returns
    -------
    str
        The number, and ± half the width of the interval, where that is finite.

    Examples
    --------
    >>> format_interval(0.32, (0.30, 0.35), 3)
    '0.320 ±0.025'
    """
    written, half = format_number(value, digits), (interval[1] - interval[0]) / 2
    if not (math.isfinite(value) and math.isfinite(half)):
        return written
    return f"{written} ±{half:.{digits}f}"


def to_markdown(tables: Sequence[TextTable], notes: Iterable[str] = ()) -> str:
    """Write tables and notes as Markdown.

    Parameters
    ----------
    tables : sequence of TextTable
        The tables.
    notes : iterable of str
        Points of a list after them.

    Returns
    -------
    str
        Ends with a line break.

    Examples
    --------
    >>> print(to_markdown([TextTable("Speed", ("codec", "s"), (("mini", "1"),))]), end="")
    **Speed**
    <BLANKLINE>
    | codec | s |
    | --- | ---: |
    | mini | 1 |
    """
    blocks = [f"**{table.title}**\n\n{_markdown_table(table)}" for table in tables]
    points = "\n".join(f"- {note}" for note in notes)
    return "\n\n".join([*blocks, points] if points else blocks) + "\n"


def print_tables(
    tables: Iterable[TextTable], notes: Iterable[str], console: rich.console.Console
) -> None:
    """Print tables, and notes below them.

    Parameters
    ----------
    tables : iterable of TextTable
        The tables.
    notes : iterable of str
        What to know of them.
    console : rich.console.Console
        Where to print.
    """
    for table in tables:
        console.print(to_rich(table))
    for note in notes:
        console.print(f"- {note}", markup=False, highlight=False)


def to_rich(table: TextTable) -> rich.table.Table:
    """Turn a table into one that `rich` prints.

    Parameters
    ----------
    table : TextTable
        The table.

    Returns
    -------
    rich.table.Table
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    view = Table(
        title=Text(table.title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    for index, name in enumerate(table.header):
        justify: JustifyMethod = "left" if index < table.n_text else "right"
        view.add_column(Text(name), justify=justify, overflow="fold")
    for row in table.rows:
        view.add_row(*(Text(cell) for cell in row))
    return view


def _markdown_table(table: TextTable) -> str:
    rule = ["---" if index < table.n_text else "---:" for index in range(len(table.header))]
    return "\n".join(_markdown_row(cells) for cells in (table.header, rule, *table.rows))


def _markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
