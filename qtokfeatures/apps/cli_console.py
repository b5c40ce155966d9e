"""Output of a command: progress and failures on stderr, results on stdout."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import typer

from qtokfeatures.apps.interruption import stop_if_interrupted
from qtokfeatures.progress import Progress
from qtokfeatures.studio.failures import Failure, NoUsableInputError

Justify = Literal["left", "right"]

_NOT_A_TERMINAL_COLUMNS = 10_000
# Control characters, which move the cursor or recolour a terminal; line separators and marks that
# reverse the direction of text, which fake a line; halves of surrogates, which cannot be printed.
_UNPRINTABLE = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)


@dataclass(frozen=True)
class Report:
    """Output of a command: one JSON object, lines for people, or failures only."""

    as_json: bool = False
    quiet: bool = False
    threads: int | None = None  # of the codec, while the job runs

    @contextmanager
    def stages(self) -> Iterator[Progress]:
        """Yield ``on_progress(stage, done, total)``, which draws a bar on a terminal."""
        if self.threads is not None:
            from qtokfeatures.codecs.threads import use_threads

            with use_threads(self.threads), replace(self, threads=None).stages() as on_progress:
                yield on_progress
            return
        if self.as_json or self.quiet or not sys.stderr.isatty():
            yield _watch_interrupts
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars
        from rich.progress import TimeRemainingColumn as Remaining

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
        with Bars(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)

            def show(stage: str, done: int, total: int) -> None:
                stop_if_interrupted()
                bar.update(task, description=stage, completed=done, total=total)

            yield show

    @contextmanager
    def job(self, nothing: str, empty: Mapping[str, Any] | None = None) -> Iterator[Progress]:
        """Yield ``on_progress`` for a job; where no input is usable, say `nothing` and exit.

        `empty` is the JSON result of that case.
        """
        with self.stages() as on_progress:
            try:
                yield on_progress
            except NoUsableInputError as error:
                if not error.failures:
                    raise
                failures = error.failures
            else:
                return
        self.finish(empty or {"output": None, "clips": 0}, [nothing], failures)

    def finish(
        self, result: Mapping[str, Any], lines: Iterable[str] = (), failures: Sequence[Failure] = ()
    ) -> None:
        """Print `result` as JSON or `lines` for people, then the failures; exit with 1 if any."""
        if self.as_json:
            print_json({**result, "failed": [asdict(failure) for failure in failures]})
        elif not self.quiet:
            for line in lines:
                say(line)
        if failures:
            count = len(failures)
            say(f"{count} input{'s' if count > 1 else ''} failed:", err=True)
            for failure in failures:
                say(f"  {failure.line()}", err=True)
            raise typer.Exit(1)


def say(line: str, *, err: bool = False) -> None:
    """Print a line; names of files and words of servers cannot control the terminal."""
    typer.echo(printable(line), err=err)


def printable(text: object) -> str:
    r"""Return text with escapes in place of characters that control a terminal.

    Examples
    --------
    >>> printable("a\x1b[31m.wav")
    'a\\x1b[31m.wav'
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(text))


def show_warning(message: Warning | str, *_place: object, **_more: object) -> None:
    """Print a warning as one line; takes the arguments of :func:`warnings.showwarning`."""
    say(f"qtok: warning: {' '.join(str(message).split())}", err=True)


def print_json(value: Any) -> None:
    """Print strict JSON: NaN and infinity become null, paths become text."""
    text = json.dumps(_strict(value), ensure_ascii=False, allow_nan=False, indent=2)
    escaped = [_UNPRINTABLE.sub(_json_escape, line) for line in text.split("\n")]
    typer.echo("\n".join(escaped))


def _json_escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def print_table(columns: Mapping[str, Justify], rows: Iterable[Sequence[object]]) -> None:
    """Print a table to stdout; `columns` maps each heading to its alignment."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, justify in columns.items():
        table.add_column(heading, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _NOT_A_TERMINAL_COLUMNS
    Console(width=width).print(table)


def _watch_interrupts(stage: str, done: int, total: int) -> None:
    stop_if_interrupted()


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
