"""Caches of codes, keyed by the content of the audio."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
import uuid
import warnings
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout
from typing_extensions import override

from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    from typing_extensions import Self

Codes = npt.NDArray[np.int16]

MEMORY_BYTES = 256 * 2**20  # about 180 hours of 16 codebooks at 12.5 frames per second

_MAGIC = b"qtok-codes-2 "
_NPY_MAGIC = b"\x93NUMPY\x01\x00"

MAX_LOCKS = 256  # held at a time: each keeps a file open, and processes may open about 1024

_PATIENCE_S = 600.0  # after ten minutes computing an entry twice is better than waiting longer


class CodeCache(ABC):
    """Interface of the caches in which codes are looked up before a codec runs."""

    def __deepcopy__(self, memo: dict[int, Any]) -> CodeCache:
        """Return this cache, so that clones of an estimator share it."""
        return self

    @staticmethod
    def key(y: npt.NDArray[Any], sr: int, fingerprint: str) -> str:
        """Return the key of the codes of some audio.

        Parameters
        ----------
        y : ndarray of float (sample,)
            Decoded mono audio; taken as float32.
        sr : int
            Sample rate of `y`, in Hz.
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
        return CodeCache.key_of_blocks([y], sr, fingerprint)

    @staticmethod
    def key_of_blocks(blocks: Iterable[npt.NDArray[Any]], sr: int, fingerprint: str) -> str:
        """Return the key of audio in consecutive blocks (sample,), that of the whole."""
        digest = hashlib.sha256(f"qtok-codes\0{fingerprint}\0{int(sr)}\0".encode())
        for block in blocks:
            digest.update(np.ascontiguousarray(block, dtype="<f4").data)
        return digest.hexdigest()

    @abstractmethod
    def get(self, key: str) -> Codes | None:
        """Return the codes of a key, or None.

        Parameters
        ----------
        key : str
            From :meth:`key`.

        Returns
        -------
        ndarray of int16 (codebook, frame) or None
            A copy. None if the codes are absent or damaged.
        """

    @abstractmethod
    def put(self, key: str, codes: npt.NDArray[Any]) -> None:
        """Store a copy of codes.

        Parameters
        ----------
        key : str
            From :meth:`key`.
        codes : ndarray of int16 (codebook, frame)
            Codes.
        """

    def locks(self) -> EntryLocks:
        """Return locks for entries that are about to be computed.

        Returns
        -------
        EntryLocks
            Locks seen by all processes that share the cache.
        """
        return EntryLocks()


class NoCache(CodeCache):
    """A cache that keeps nothing."""

    @override
    def get(self, key: str) -> Codes | None:
        return None

    @override
    def put(self, key: str, codes: npt.NDArray[Any]) -> None:
        return None


class MemoryCache(CodeCache):
    """Codes in memory; the least recently used are dropped first. Thread-safe.

    Parameters
    ----------
    max_bytes : int, default 256 MiB
        Upper limit of the stored codes, in bytes. Codes larger than that are not stored.

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

    @override
    def get(self, key: str) -> Codes | None:
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key].copy()

    @override
    def put(self, key: str, codes: npt.NDArray[Any]) -> None:
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
        """Drop all codes."""
        with self._lock:
            self._entries.clear()
            self._n_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        """Return True for an empty cache as well, unlike containers."""
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

    Each entry is one file: a line with the SHA-256 of its key and content, then the codes as
    ``.npy``. Files are written atomically, a damaged one counts as absent, and while one process
    computes an entry others wait for it. The folder is created on first use. It grows without
    limit and may be deleted at any time.

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

    @override
    def get(self, key: str) -> Codes | None:
        try:
            return parse_entry(key, self._file(key).read_bytes())
        except OSError:
            return None

    @override
    def put(self, key: str, codes: npt.NDArray[Any]) -> None:
        target = self._file(key)
        temporary = target.with_name(f".{key}.{uuid.uuid4().hex}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(serialise_entry(key, np.asarray(codes, dtype=np.int16)))
            temporary.replace(target)
        except OSError as error:  # a cache that cannot be written costs time only
            self._warn(error)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()

    @override
    def locks(self) -> EntryLocks:
        return FolderLocks(self.path)

    def clear(self) -> None:
        """Delete every entry."""
        for pattern in ("??/*.codes", "??/.*.tmp", "??/.*.lock"):  # with what killed processes left
            for file in self.path.glob(pattern):
                file.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.path / key[:2] / f"{key}.codes"

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"codes cannot be written to the cache folder {self.path}: {error}", stacklevel=3
            )


def resolve_cache(cache: str | os.PathLike[str] | CodeCache | None) -> CodeCache:
    """Return the cache that an estimator's ``cache`` argument means.

    Parameters
    ----------
    cache : "memory", path, CodeCache or None
        ``"memory"`` is the one memory cache of this process, a path a folder shared between
        processes, None no cache. A cache object is returned as it is.

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


def serialise_entry(key: str, codes: Codes) -> bytes:
    """Return a line with the SHA-256 of the key and the rest, then the codes as ``.npy``."""
    buffer = io.BytesIO()
    np.save(buffer, codes, allow_pickle=False)
    body = buffer.getvalue()
    return _MAGIC + _digest(key, body) + b"\n" + body


def parse_entry(key: str, content: bytes) -> Codes | None:
    """Return the codes (codebook, frame) of an entry, or None if damaged or of another key."""
    head, _, body = content.partition(b"\n")
    return _read_npy(body) if head == _MAGIC + _digest(key, body) else None


def _digest(key: str, body: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\n" + body).hexdigest().encode()


def _read_npy(body: bytes) -> Codes | None:
    # The lengths of clips repeat, and NumPy takes longer for a header than for the codes after it.
    if body[:8] != _NPY_MAGIC:
        return None
    start = 10 + int.from_bytes(body[8:10], "little")
    shape, is_fortran, dtype = _npy_header(body[8:start])
    if dtype != np.int16 or len(shape) != 2:
        return None
    flat = np.frombuffer(body, dtype, offset=start)
    return flat.reshape(shape, order="F" if is_fortran else "C").copy()


@lru_cache(maxsize=4096)
def _npy_header(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return np.lib.format.read_array_header_1_0(io.BytesIO(header))


_process_caches: dict[int, MemoryCache] = {}


def _process_cache() -> MemoryCache:
    """Return this process's cache: a forked child gets its own, with a lock that nobody holds."""
    return _process_caches.setdefault(os.getpid(), MemoryCache())


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
