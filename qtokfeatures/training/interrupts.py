"""Interrupts deferred to the end of a step, and states that are saved only when whole."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Defer SIGINT and SIGTERM to the end of the block; a second one acts at once."""
    # Python runs its handlers in the main thread only.
    former: dict[int, Callable[[int, FrameType | None], Any]] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        former = {number: how for number, how in handlers.items() if callable(how)}
    waiting: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if waiting:
            former[number](number, frame)
        waiting.append(number)

    try:
        for number in former:
            signal.signal(number, remember)
        yield
    finally:
        for number, how in former.items():
            signal.signal(number, how)
    if waiting:
        former[waiting[0]](waiting[0], None)


class Resumable:
    """A state that may be saved while :attr:`is_whole`."""

    is_whole = True

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Mark the state as not whole if the block is left early."""
        self.is_whole = False
        yield
        self.is_whole = True
