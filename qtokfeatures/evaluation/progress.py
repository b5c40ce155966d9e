"""Telling whoever watches how far a bench is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")

Progress = Callable[[str, int, int], None]
"""Called with what is measured, how much of it is done and how much there is."""


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
