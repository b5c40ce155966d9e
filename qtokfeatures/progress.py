"""Progress of long work: a bar on standard error, a callable, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

Progress = Callable[[str, int, int], None]  # called with the stage, items done and items in all


@contextmanager
def progress_bar(
    description: str, *, total: float | None, shown: bool, unit: str = ""
) -> Iterator[Callable[[float], None]]:
    """Show a bar while the block runs; yields a callable that takes what was done since."""
    if not shown:
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    more = (TextColumn(unit), TimeRemainingColumn())
    with Progress(*columns, *more, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda count: bar.advance(task, count)


def with_progress(items: Sequence[Item], stage: str, on_progress: Progress) -> Iterable[Item]:
    """Yield the items, and call `on_progress` before the first and after each of them."""
    for done, item in enumerate(items):
        on_progress(stage, done, len(items))
        yield item
    on_progress(stage, len(items), len(items))


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Show no progress."""
