"""Tables of formatted cells, rendered as Markdown or in the terminal."""

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


NOTHING: Final = "–"  # cell without a number


@dataclass(frozen=True)
class TextTable:
    """A table of formatted cells; the first `n_text` columns hold text, the others numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_text: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise InputError(
                    f"{self.title}: a row has {len(row)} cells for {len(self.header)} columns"
                )


def format_number(value: float, digits: int) -> str:
    """Format a number with a proper minus; a dash if it is not finite.

    Examples
    --------
    >>> format_number(-1.25, 1), format_number(float("nan"), 1)
    ('−1.2', '–')
    """
    if not math.isfinite(value):
        return NOTHING
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: no minus zero


def format_interval(value: float, interval: tuple[float, float], digits: int) -> str:
    """Format a number and ± half the width of its interval, if that is finite.

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
    """Tables and a list of notes as Markdown, ending with a line break."""
    blocks = [f"**{table.title}**\n\n{_markdown_table(table)}" for table in tables]
    points = "\n".join(f"- {note}" for note in notes)
    return "\n\n".join([*blocks, points] if points else blocks) + "\n"


def print_tables(
    tables: Iterable[TextTable], notes: Iterable[str], console: rich.console.Console
) -> None:
    """Print tables and the notes below them."""
    for table in tables:
        console.print(to_rich(table))
    for note in notes:
        console.print(f"- {note}", markup=False, highlight=False)


def to_rich(table: TextTable) -> rich.table.Table:
    """The table as rich prints it."""
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
