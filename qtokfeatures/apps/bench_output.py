"""Output of a bench: tables or JSON, and its section of a model card."""

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
    """Return the running command line, which a card names as the origin of its figures."""
    return shlex.join(["qtok", *sys.argv[1:]])


@dataclass(frozen=True)
class BenchOutput:
    """Destinations of a bench's figures; a card without that section raises InputError at once."""

    section: str
    as_json: bool = False
    card: Path | None = None
    command: str = field(default_factory=running_command)

    def __post_init__(self) -> None:
        """Check the card before anything is measured."""
        if self.card is not None:
            from qtokfeatures.benches import check_card

            check_card(self.card, section=self.section)

    def stages(self) -> AbstractContextManager[Callable[[str, int, int], None]]:
        """Yield ``on_progress``; see :meth:`Report.stages`."""
        return Report(as_json=self.as_json).stages()

    def show(
        self,
        values: Mapping[str, Any],
        tables: Sequence[TextTable],
        notes: Callable[[str], Iterable[str]],
    ) -> None:
        """Print `values` or `tables`, with ``notes(command)`` below, and update the card."""
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
