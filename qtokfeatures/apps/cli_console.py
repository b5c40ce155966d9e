"""What a command says: progress and failures to stderr, results to stdout."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import typer

from qtokfeatures.apps.interruption import stop_if_interrupted

Item = TypeVar("Item")
Justify = Literal["left", "right"]

_NOT_A_TERMINAL_COLUMNS = 10_000


@dataclass(frozen=True)
class Failure:
    """An input that could not be used, and why."""

    source: str
    error: str


@dataclass
class Report:
    """Collects what a command has to say and says it once.

    Parameters
    ----------
    as_json : bool
        Print one JSON object instead of lines for people.
    quiet : bool
        Print nothing but failures.
    """

    as_json: bool = False
    quiet: bool = False
    failures: list[Failure] = field(default_factory=list)

    @property
    def shows_progress(self) -> bool:
        """Whether bars are drawn: for people, on a terminal."""
        return not (self.as_json or self.quiet) and sys.stderr.isatty()

    @contextmanager
    def stages(self) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar on stderr while the block runs.

        Yields
        ------
        callable
            Called with what is being done, how much of it is done, and how much there is.
        """
        if not self.shows_progress:
            yield lambda stage, done, total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Elapsed())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda stage, done, total: bar.update(
                task, description=stage, completed=done, total=total
            )

    @contextmanager
    def tracked(self, items: Sequence[Item], what: str) -> Iterator[Iterator[Item]]:
        """Give the items one by one, with a bar on stderr that goes when the block is left."""
        with self.stages() as show:
            yield _shown(items, what, show)

    def fail(self, source: str, error: str | BaseException) -> None:
        """Remember an input that could not be used."""
        self.failures.append(Failure(str(source), " ".join(str(error).split())))

    def finish(self, result: Mapping[str, Any], lines: Iterable[str] = ()) -> None:
        """Print the result and the failures, and leave with 1 when there were any.

        Parameters
        ----------
        result : mapping
            What ``--json`` prints, beside ``"failed"``.
        lines : iterable of str
            What is printed for people.

        Raises
        ------
        typer.Exit
            With exit code 1 when an input failed.
        """
        if self.as_json:
            print_json({**result, "failed": [asdict(failure) for failure in self.failures]})
        elif not self.quiet:
            for line in lines:
                typer.echo(line)
        self._list_failures()
        if self.failures:
            raise typer.Exit(1)

    def _list_failures(self) -> None:
        if not self.failures:
            return
        count = len(self.failures)
        typer.echo(f"{count} input{'s' if count > 1 else ''} failed:", err=True)
        for failure in self.failures:
            named = failure.error.startswith(failure.source)
            reason = failure.error if named else f"{failure.source}: {failure.error}"
            typer.echo(f"  {reason}", err=True)


def _shown(
    items: Sequence[Item], what: str, show: Callable[[str, int, int], None]
) -> Iterator[Item]:
    show(what, 0, len(items))
    for done, item in enumerate(items, start=1):
        stop_if_interrupted()
        yield item
        show(what, done, len(items))


def print_json(value: Any) -> None:
    """Print strict JSON: NaN and infinity become null, paths become text."""
    typer.echo(json.dumps(_strict(value), ensure_ascii=False, allow_nan=False, indent=2))


def print_table(columns: Mapping[str, Justify], rows: Iterable[Sequence[object]]) -> None:
    """Print a table to stdout.

    Parameters
    ----------
    columns : mapping of str to {"left", "right"}
        Heading of each column and how it is set.
    rows : iterable of sequence
        The cells.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, justify in columns.items():
        table.add_column(heading, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _NOT_A_TERMINAL_COLUMNS
    Console(width=width).print(table)


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _strict(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
