"""What a bench says: tables on the terminal or JSON, and its section of a model card."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtokfeatures.apps.cli_console import Report, print_json

if TYPE_CHECKING:
    from qtokfeatures.evaluation.tables import TextTable


def running_command() -> str:
    """Return the command line that runs, which a card names as the origin of its figures."""
    return shlex.join(["qtok", *sys.argv[1:]])


@dataclass(frozen=True)
class BenchOutput:
    """Where the figures of a bench go.

    Parameters
    ----------
    section : str
        The bench's section of a model card.
    as_json : bool
        Print JSON instead of tables.
    card : Path, optional
        Model card to put the tables into.
    command : str
        What makes the figures there; by default the command line that runs.

    Raises
    ------
    InputError
        If the card cannot be read or has no such section: before anything is measured.
    """

    section: str
    as_json: bool = False
    card: Path | None = None
    command: str = field(default_factory=running_command)

    def __post_init__(self) -> None:
        """Look at the card."""
        if self.card is not None:
            from qtokfeatures.benches import check_card

            check_card(self.card, section=self.section)

    def stages(self) -> AbstractContextManager[Callable[[str, int, int], None]]:
        """Show a bar while the bench runs; see :meth:`Report.stages`."""
        return Report(as_json=self.as_json).stages()

    def show(
        self,
        values: Mapping[str, Any],
        tables: Sequence[TextTable],
        notes: Callable[[str], Iterable[str]],
    ) -> None:
        """Print what was measured, and write it into the card where there is one.

        Parameters
        ----------
        values : mapping
            What ``--json`` prints.
        tables : sequence of TextTable
            What people read.
        notes : callable
            Called with the command that made the tables, or nothing; gives the notes below them.
        """
        from rich.console import Console

        from qtokfeatures.benches import update_card
        from qtokfeatures.evaluation.tables import print_tables, to_markdown

        if self.as_json:
            print_json(values)
        else:
            print_tables(tables, notes(""), Console())
        if self.card is not None:
            page = to_markdown(tables, notes(self.command))
            update_card(self.card, page, section=self.section)
