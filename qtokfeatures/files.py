"""Atomic writes of files and folders."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a free path beside `path` to write to; it replaces the file or folder at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex
    fresh = path.with_name(f".{path.name}.{mark}.new")
    stale = path.with_name(f".{path.name}.{mark}.old")
    try:
        yield fresh
        if path.is_dir():  # a folder cannot be replaced in one step
            path.rename(stale)
        fresh.replace(path)
    finally:
        if stale.exists() and not path.exists():
            stale.rename(path)
        _remove(fresh)
        _remove(stale)


def _remove(path: Path) -> None:
    """Remove a file or folder with a name of this module."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
