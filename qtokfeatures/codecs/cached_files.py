"""Files in the hub's cache: whether they are what the hub named, and taking them out."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from safetensors import SafetensorError, safe_open

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")


def stated_hash(path: Path) -> str | None:
    """Return the name of the blob behind a file of a snapshot, if that is a hash.

    The hub names large files by their SHA-256 and small ones by their Git blob's SHA-1. Where the
    cache cannot link (some Windows machines), there is no such name.

    Parameters
    ----------
    path : Path
        ``…/snapshots/<commit>/<file>``.

    Returns
    -------
    str or None
        64 or 40 hexadecimal digits.
    """
    if not path.is_symlink():
        return None
    name = path.readlink().name
    return name if _SHA256.fullmatch(name) or _GIT_SHA1.fullmatch(name) else None


def is_git_hash(stated: str) -> bool:
    """Tell whether a stated hash is a small file's."""
    return _GIT_SHA1.fullmatch(stated) is not None


def actual_hash(path: Path, stated: str) -> str:
    """Return the hash of the kind that is stated, of what the file holds.

    Parameters
    ----------
    path : Path
        A file.
    stated : str
        What :func:`stated_hash` returned for it.

    Returns
    -------
    str
        Hexadecimal digits.
    """
    total = hashlib.sha256()
    if is_git_hash(stated):
        total = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(2**22):
            total.update(block)
    return total.hexdigest()


def remove(path: Path) -> None:
    """Take a file out of the cache, and whatever it links to, so that it is fetched anew."""
    links = [path]
    while links[-1].is_symlink():
        links.append(links[-1].parent / links[-1].readlink())
    for link in links:
        link.unlink(missing_ok=True)


def header_error(path: Path) -> str | None:
    """Say why a file is no complete safetensors file; None if it is one. Reads its header only."""
    try:
        with safe_open(path, framework="np"):
            return None
    except (SafetensorError, OSError) as error:
        with path.open("rb") as file:
            return f"{error}; it begins with {file.read(16)!r}"
