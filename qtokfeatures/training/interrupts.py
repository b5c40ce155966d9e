"""What must not be left half-done: a Ctrl-C waits for it, and what was cut short is not saved."""

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
    """Hold an interrupt or a polite kill back until the block is done; a second one acts at once.

    Only what a Python function answers is held back, and only in the main thread.
    """
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
    """A state that may be saved whenever :attr:`is_whole`."""

    is_whole = True

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Whatever ends the block early leaves a state that no run may go on from."""
        self.is_whole = False
        yield
        self.is_whole = True
