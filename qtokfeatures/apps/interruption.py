"""Interrupts that are not lost.

One that arrives while a C library calls back into Python (libsndfile writing a file) is swallowed
there, and another error, or none, comes out. Interrupts are therefore also remembered.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_asked = threading.Event()


def listen() -> None:
    """Remember interrupts from now on, and exit on SIGTERM as cleanly as on SIGINT."""
    signal.signal(signal.SIGINT, _on_interrupt)
    signal.signal(signal.SIGTERM, _on_kill)
    sys.unraisablehook = _quiet_about_interrupts


def was_interrupted() -> bool:
    """Return whether Ctrl-C was pressed, even if its exception did not arrive."""
    return _asked.is_set()


def stop_if_interrupted() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed."""
    if _asked.is_set():
        raise KeyboardInterrupt


def _on_interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    _asked.set()
    raise KeyboardInterrupt


def _on_kill(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _quiet_about_interrupts(unraisable: UnraisableHookArgs) -> None:
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
