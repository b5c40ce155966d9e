"""Atomic writes of files and folders."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import shutil
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtokfeatures.exceptions import QtokError, WriteError

_FRESH, _STALE = ".new", ".old"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of renameat2(2)


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a free path beside `path` to write to; it replaces the file or folder at the end.

    Raises WriteError, and leaves `path` as it was, if the disk is full or refuses to be written.
    """
    mark = f"{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    fresh = path.with_name(f".{path.name}.{mark}{_FRESH}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        recover(path)
        yield fresh
        _flush(fresh)
        if path.is_dir() and not _exchange(fresh, path):
            _replace_folder(fresh, path, path.with_name(f".{path.name}.{mark}{_STALE}"))
        elif not path.is_dir():
            fresh.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        if isinstance(error, QtokError):
            raise
        raise WriteError(
            error.errno, f"{path} cannot be written: {error.strerror or error}"
        ) from error
    finally:
        _remove(fresh)


def recover(path: Path) -> None:
    """Undo a replacement of `path` that was interrupted, and remove what its process left."""
    left = [file for file in path.parent.glob(f".{_literal(path.name)}.*") if _is_left(file, path)]
    for file in left:
        if file.suffix == _STALE and not path.exists():
            with contextlib.suppress(OSError):  # another process recovers it, too
                file.rename(path)
        _remove(file)


def _replace_folder(fresh: Path, path: Path, stale: Path) -> None:
    """Replace a folder in two steps, where the system has no exchange."""
    path.rename(stale)
    try:
        fresh.replace(path)
    except BaseException:
        stale.rename(path)
        raise
    _remove(stale)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, which Linux and most of its file systems support."""
    renameat2 = getattr(_libc(), "renameat2", None)
    if renameat2 is None or not one.is_dir():
        return False
    names = os.fsencode(one), os.fsencode(other)
    return bool(renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


def _flush(path: Path) -> None:
    """Have the content on the disk before the rename is, which a power cut would keep alone."""
    if path.is_file():
        _flush_file(path)
    elif path.is_dir():
        syncfs = getattr(_libc(), "syncfs", None)  # one call instead of one for each small file
        folder = os.open(path, os.O_RDONLY) if syncfs is not None else -1
        if syncfs is not None:
            failed = syncfs(folder)
            os.close(folder)
            if failed:
                raise OSError(ctypes.get_errno(), "the folder could not be flushed")
        else:
            for file in filter(Path.is_file, path.rglob("*")):
                _flush_file(file)


def _flush_file(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    with contextlib.suppress(OSError):  # Windows opens no folders, some network disks flush none
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _is_left(file: Path, path: Path) -> bool:
    """Return whether a process of this machine that has ended made `file` in writing `path`."""
    mark, _, kind = file.name.removeprefix(f".{path.name}.").rpartition(".")
    host, _, pid_and_rest = mark.partition("-")
    pid = pid_and_rest.partition("-")[0]
    if f".{kind}" not in (_FRESH, _STALE) or host != _host() or not pid.isdigit():
        return False
    if os.name != "posix":  # there os.kill ends the process
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _host() -> str:
    return "".join(letter for letter in socket.gethostname() if letter.isalnum()) or "host"


def _literal(name: str) -> str:
    """Return a pattern of glob that matches `name` only."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


@functools.lru_cache(maxsize=1)
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _remove(path: Path) -> None:
    """Remove a file or folder with a name of this module."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
