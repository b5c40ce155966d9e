"""Who makes which entry of a shared cache, so that no two processes make the same one."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from typing_extensions import Self

#: Most entries claimed at a time; each holds a file open.
MAX_LOCKS = 256

_PATIENCE_S = 600.0
"""After this an entry is made twice rather than waited for."""


class EntryLocks:
    """EntryLocks on entries of a cache that no other process can see: all are granted.

    It is a context, at whose end all claims are dropped.
    """

    def acquire(self, key: str) -> bool:
        """Claim an entry, if nobody else has.

        Parameters
        ----------
        key : str
            Key of the entry.

        Returns
        -------
        bool
            Whether it is claimed now. The entry may be there by then: look again.
        """
        return True

    def wait(self, key: str) -> None:
        """Claim an entry, waiting until nobody else has claimed it.

        Nothing else may be claimed meanwhile, or two processes could wait for each other.

        Parameters
        ----------
        key : str
            Key of the entry.
        """

    def release(self, key: str) -> None:
        """Give up a claim, because the entry is there or could not be made.

        Parameters
        ----------
        key : str
            Key of the entry.
        """

    def release_all(self) -> None:
        """Give up all claims."""

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
    """EntryLocks on entries of a folder, as locks that end with the process that holds them.

    A folder that cannot be written to, or that knows no locks, grants all of them.

    Parameters
    ----------
    folder : Path
        The cache folder.
    patience_s : float, default=600
        Seconds after which :meth:`wait` goes on without the claim.
    """

    def __init__(self, folder: Path, *, patience_s: float = _PATIENCE_S) -> None:
        self._folder, self._patience_s = folder, patience_s
        self._locks: dict[str, FileLock] = {}

    def acquire(self, key: str) -> bool:
        """Claim an entry, if no other process or thread has.

        Parameters
        ----------
        key : str
            Key of the entry.

        Returns
        -------
        bool
            Whether it is claimed now.
        """
        return self._acquire(key, timeout_s=0)

    def wait(self, key: str) -> None:
        """Claim an entry, waiting until nobody else has claimed it.

        Parameters
        ----------
        key : str
            Key of the entry.
        """
        self._acquire(key, timeout_s=self._patience_s)

    def release(self, key: str) -> None:
        """Give up a claim.

        Parameters
        ----------
        key : str
            Key of the entry.
        """
        lock = self._locks.pop(key, None)
        if lock is not None:
            # Whoever waits for this file finds the entry there, so it may be removed under them.
            with contextlib.suppress(OSError):
                self._file(key).unlink(missing_ok=True)
            lock.release()

    def release_all(self) -> None:
        """Give up all claims."""
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
