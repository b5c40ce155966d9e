"""A progress bar on standard error, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
