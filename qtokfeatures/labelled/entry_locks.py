"""Locks on the entries of a cache, so that no two processes compute the same entry."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from typing_extensions import override

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_LOCKS = 256  # held at a time: each keeps a file open, and processes may open about 1024

_PATIENCE_S = 600.0  # after ten minutes computing an entry twice is better than waiting longer


class EntryLocks:
    """Locks of a cache that no other process sees: all are granted. A context releases all."""

    def acquire(self, key: str) -> bool:
        """Lock an entry unless it is locked. Look the entry up again: it may exist by now."""
        return True

    def wait(self, key: str) -> None:
        """Lock an entry, waiting for its holder. Hold no other lock, or two processes deadlock."""

    def release(self, key: str) -> None:
        """Release one lock."""

    def release_all(self) -> None:
        """Release all locks."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release_all()


class FolderLocks(EntryLocks):
    """Lock files in a cache folder, released when their process ends.

    A folder that is read-only, or on a file system without locks, grants all of them.
    """

    def __init__(self, folder: Path, *, patience_s: float = _PATIENCE_S) -> None:
        self._folder, self._patience_s = folder, patience_s
        self._locks: dict[str, FileLock] = {}

    @override
    def acquire(self, key: str) -> bool:
        return self._acquire(key, timeout_s=0)

    @override
    def wait(self, key: str) -> None:
        self._acquire(key, timeout_s=self._patience_s)

    @override
    def release(self, key: str) -> None:
        lock = self._locks.pop(key, None)
        if lock is not None:
            # Waiting processes find the entry, so the lock file may be removed under them.
            with contextlib.suppress(OSError):
                self._file(key).unlink(missing_ok=True)
            lock.release()

    @override
    def release_all(self) -> None:
        for key in list(self._locks):
            self.release(key)

    def _acquire(self, key: str, *, timeout_s: float) -> bool:
        file = self._file(key)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(str(file))
            lock.acquire(timeout=timeout_s, poll_interval=0.02)
        except Timeout:
            return False
        except (OSError, NotImplementedError):
            return True
        self._locks[key] = lock
        return True

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / f".{key}.lock"
