"""Telling whoever watches how far something is: a bar on standard error, a callable, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

Progress = Callable[[str, int, int], None]
"""Called with what is done, how much of it is done and how much there is."""


@contextmanager
def tracked(description: str, *, total: int | None, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show progress while the block runs.

    Parameters
    ----------
    description : str
        What is being done.
    total : int or None
        Number of items, where it is known.
    shown : bool
        Whether to show anything.

    Yields
    ------
    callable
        Called with the number of items that were finished.
    """
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
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda count: bar.advance(task, count)


def watched(items: Sequence[Item], stage: str, watch: Progress) -> Iterable[Item]:
    """Give items one by one, and tell after each how many are done.

    Parameters
    ----------
    items : sequence
        The items.
    stage : str
        What is done with them.
    watch : callable
        Who is told.

    Yields
    ------
    object
        Each item.
    """
    for done, item in enumerate(items):
        watch(stage, done, len(items))
        yield item
    watch(stage, len(items), len(items))


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Do nothing: nobody watches."""
