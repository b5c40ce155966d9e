"""Codes kept by the content of the audio they were made from."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import uuid
import warnings
from abc import ABC, abstractmethod
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled.cache_entry import parse_entry, serialise_entry
from qtokfeatures.labelled.entry_locks import EntryLocks, FolderLocks

Codes = npt.NDArray[np.int16]

MEMORY_BYTES = 256 * 2**20
"""Default size of a memory cache: about 180 hours of 16 codebooks at 12.5 frames a second."""


class CodeCache(ABC):
    """Where codes are looked up before a codec runs."""

    def __deepcopy__(self, memo: dict[int, Any]) -> CodeCache:
        """Return this cache, so that clones of an estimator share it."""
        return self

    @staticmethod
    def key(y: npt.NDArray[Any], sr: int, fingerprint: str) -> str:
        """Return the key under which the codes of some audio are kept.

        Parameters
        ----------
        y : ndarray of float (sample,)
            Decoded mono audio; taken as float32.
        sr : int
            Its rate, in Hz.
        fingerprint : str
            Fingerprint of the codec.

        Returns
        -------
        str
            SHA-256, 64 hexadecimal digits.

        Examples
        --------
        >>> y = np.zeros(1920, dtype=np.float32)
        >>> CodeCache.key(y, 24000, "0f3a") == CodeCache.key(y, 24000, "77aa")
        False
        """
        digest = hashlib.sha256(f"qtok-codes\0{fingerprint}\0{int(sr)}\0".encode())
        digest.update(np.ascontiguousarray(y, dtype="<f4").data)
        return digest.hexdigest()

    @abstractmethod
    def get(self, key: str) -> Codes | None:
        """Return the codes under `key`, or None.

        Parameters
        ----------
        key : str
            From :meth:`key`.

        Returns
        -------
        ndarray of int16 (codebook, frame) or None
            A copy.
        """

    @abstractmethod
    def put(self, key: str, codes: npt.NDArray[Any]) -> None:
        """Keep codes under `key`.

        Parameters
        ----------
        key : str
            From :meth:`key`.
        codes : ndarray of int16 (codebook, frame)
            Codes.
        """

    def locks(self) -> EntryLocks:
        """Return claims on entries that are about to be made.

        Returns
        -------
        EntryLocks
            They keep others from making the same entries, where others share the cache.
        """
        return EntryLocks()


class NoCache(CodeCache):
    """A cache that keeps nothing."""

    def get(self, key: str) -> Codes | None:
        """Return None.

        Parameters
        ----------
        key : str
            Ignored.

        Returns
        -------
        None
        """
        return None

    def put(self, key: str, codes: npt.NDArray[Any]) -> None:
        """Do nothing.

        Parameters
        ----------
        key : str
            Ignored.
        codes : ndarray of int16 (codebook, frame)
            Ignored.
        """


class MemoryCache(CodeCache):
    """Codes in memory, the least recently used forgotten first. Safe under many threads.

    Parameters
    ----------
    max_bytes : int, default 256 MiB
        Upper limit of the codes kept, in bytes.

    Examples
    --------
    >>> cache = MemoryCache(max_bytes=64)
    >>> cache.put("a", np.zeros((16, 1), np.int16))
    >>> cache.put("b", np.ones((16, 1), np.int16))
    >>> cache.put("c", np.ones((16, 1), np.int16))
    >>> cache.get("a") is None, cache.get("c").shape
    (True, (16, 1))
    """

    def __init__(self, max_bytes: int = MEMORY_BYTES) -> None:
        self.max_bytes = max_bytes
        self._entries: OrderedDict[str, Codes] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Codes | None:
        """Return a copy of the codes under `key`, or None.

        Parameters
        ----------
        key : str
            From :meth:`CodeCache.key`.

        Returns
        -------
        ndarray of int16 (codebook, frame) or None
        """
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key].copy()

    def put(self, key: str, codes: npt.NDArray[Any]) -> None:
        """Keep a copy of `codes`, unless they alone are over the limit.

        Parameters
        ----------
        key : str
            From :meth:`CodeCache.key`.
        codes : ndarray of int16 (codebook, frame)
            Codes.
        """
        kept = np.array(codes, dtype=np.int16)
        if kept.nbytes > self.max_bytes:
            return
        with self._lock:
            self._remove(key)
            self._entries[key] = kept
            self._n_bytes += kept.nbytes
            while self._n_bytes > self.max_bytes:
                self._remove(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._n_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        """Be true even while empty, so that ``if cache`` asks for a cache, not for entries."""
        return True

    def __reduce__(self) -> tuple[type[MemoryCache], tuple[int]]:
        """Pickle as an empty cache: another process fills its own."""
        return MemoryCache, (self.max_bytes,)

    def _remove(self, key: str) -> None:
        removed = self._entries.pop(key, None)
        if removed is not None:
            self._n_bytes -= removed.nbytes


class FolderCache(CodeCache):
    """Codes in a folder that many processes may share.

    Each entry is one file: a line with the SHA-256 of its key and the rest, then the codes as
    ``.npy``. Files appear whole or not at all, one that has been damaged counts as absent, and
    while one process makes an entry others wait for it
    (:class:`~qtokfeatures.labelled.entry_locks.EntryLocks`). The folder is made when it is first
    needed; it grows without limit and may be deleted at any time.

    Parameters
    ----------
    path : str or os.PathLike
        The folder. ``~`` is the home folder.

    Raises
    ------
    InputError
        If `path` is a file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        self._warned = False
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"the cache must be a folder, {self.path} is a file")

    def get(self, key: str) -> Codes | None:
        """Return the codes under `key`, or None if they are absent, damaged or unreadable.

        Parameters
        ----------
        key : str
            From :meth:`CodeCache.key`.

        Returns
        -------
        ndarray of int16 (codebook, frame) or None
        """
        try:
            return parse_entry(key, self._file(key).read_bytes())
        except OSError:
            return None

    def put(self, key: str, codes: npt.NDArray[Any]) -> None:
        """Keep `codes`. A folder that cannot be written to is worth one warning, not an error.

        Parameters
        ----------
        key : str
            From :meth:`CodeCache.key`.
        codes : ndarray of int16 (codebook, frame)
            Codes.
        """
        target = self._file(key)
        temporary = target.with_name(f".{key}.{uuid.uuid4().hex}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(serialise_entry(key, np.asarray(codes, dtype=np.int16)))
            temporary.replace(target)
        except OSError as error:
            self._warn(error)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()

    def locks(self) -> EntryLocks:
        """Return claims on entries that are about to be made, seen by all that share the folder.

        Returns
        -------
        EntryLocks
        """
        return FolderLocks(self.path)

    def clear(self) -> None:
        """Delete every entry."""
        for file in self.path.glob("??/*.codes"):
            file.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.path / key[:2] / f"{key}.codes"

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"codes cannot be kept in the cache folder {self.path}: {error}", stacklevel=3
            )


def resolve_cache(cache: str | os.PathLike[str] | CodeCache | None) -> CodeCache:
    """Return the cache that an estimator's ``cache`` argument means.

    Parameters
    ----------
    cache : "memory", path, CodeCache or None
        ``"memory"`` is the one memory cache of this process, a path a folder shared between
        processes, None no cache; a cache object is returned as it is.

    Returns
    -------
    CodeCache

    Raises
    ------
    InputError
        If `cache` is something else, or the path of a file.

    Examples
    --------
    >>> resolve_cache("memory") is resolve_cache("memory")
    True
    """
    if cache is None:
        return NoCache()
    if isinstance(cache, str) and cache == "memory":
        return _process_cache()
    if isinstance(cache, (str, os.PathLike)) and str(cache):
        return FolderCache(cache)
    if isinstance(cache, CodeCache):
        return cache
    raise InputError(f"cache must be 'memory', a folder's path or None, got {cache!r}")


_process_caches: dict[int, MemoryCache] = {}


def _process_cache() -> MemoryCache:
    """Return this process's cache; a forked child makes its own, with a lock that nobody holds."""
    return _process_caches.setdefault(os.getpid(), MemoryCache())
