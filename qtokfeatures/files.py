"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write beside `path`, and put the result in its place at the end.

    Parameters
    ----------
    path : Path
        A file or folder, which may exist. Missing parent folders are made.

    Yields
    ------
    Path
        Where to write: a name that is free, in the same folder.
    """
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
    """Remove what this module named; a random name cannot be anybody else's."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
