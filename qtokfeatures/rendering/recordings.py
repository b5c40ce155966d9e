"""Listings of recordings: one row per file with its kind, licence, source and split."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from os import PathLike
from pathlib import Path
from typing import Final

import pandas as pd

from qtokfeatures.audio import find_audio
from qtokfeatures.exceptions import InputError
from qtokfeatures.tables import read_table

KINDS: Final = ("speech", "instrument", "music", "environment", "singing", "noise")

# ``path`` is absolute, ``split`` train or dev.
COLUMNS: Final = ("path", "kind", "licence", "source", "split")

# Reserved for benches: a codec must not be trained on them.
RESERVED_FOLDERS: Final = ("alphanumeric", "speech-commands-noise")


def list_manifest(
    folder: str | PathLike[str],
    *,
    split: str = "train",
    share_alike: bool = False,
    without: Collection[str] = RESERVED_FOLDERS,
) -> pd.DataFrame:
    """Listing of a split of a folder with a ``manifest.csv``, sorted by path.

    Without `share_alike`, rows whose licence contains "SA" are left out: weights that are
    distributed must not be trained on them.
    """
    root = Path(folder).resolve()
    rows = _read_csv(root / "manifest.csv", ("path", "kind", "licence", "source_repo", "split"))
    keep = rows["split"] == split
    if not share_alike:
        keep &= ~rows["licence"].str.contains("SA", regex=False)
    reserved = set(without)
    keep &= ~rows["path"].map(lambda path: bool(reserved & set(Path(path).parts)))
    rows = rows[keep]
    if rows.empty:
        raise InputError(f"{root / 'manifest.csv'}: no row of split {split!r} is left to use")
    listing = rows.rename(columns={"source_repo": "source"})[list(COLUMNS)]
    listing["path"] = [str(root / path) for path in listing["path"]]
    return listing.sort_values("path", ignore_index=True)


def list_folder(
    folder: str | PathLike[str],
    *,
    kind: str = "environment",
    licence: str = "unstated",
    split: str = "train",
) -> pd.DataFrame:
    """Listing of every audio file under a folder.

    The first subfolder is the kind if it is one of :data:`KINDS`; otherwise `kind` is.
    """
    root = Path(folder).resolve()
    if not root.is_dir():
        raise InputError(f"expected a folder of recordings, got {str(folder)!r}")
    _check_kind(kind)
    rows = [
        (str(path), _kind_of(path.relative_to(root), kind), licence, root.name, split)
        for path in find_audio(root)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def list_recordings(folder: str | PathLike[str]) -> pd.DataFrame:
    """Listing of a folder's training material, by its ``manifest.csv`` if it has one."""
    has_manifest = (Path(folder) / "manifest.csv").is_file()
    return list_manifest(folder) if has_manifest else list_folder(folder)


def write_listing(listing: pd.DataFrame, path: str | PathLike[str]) -> None:
    """Write a listing as CSV, paths under the CSV's folder relative to it."""
    out = listing.copy()
    out["path"] = relative_paths(listing["path"], Path(path).parent)
    out.to_csv(path, index=False, lineterminator="\n")


def relative_paths(paths: Iterable[str], folder: str | PathLike[str]) -> list[str]:
    """Paths, relative to a folder if they are under it."""
    root = Path(folder).resolve()
    return [_relative(Path(path), root) for path in paths]


def read_listing(path: str | PathLike[str]) -> pd.DataFrame:
    """Read a listing as :func:`write_listing` writes it, with absolute paths."""
    root = Path(path).resolve().parent
    rows = _read_csv(Path(path), COLUMNS)
    for kind in rows["kind"].unique():
        _check_kind(kind)
    rows["path"] = [str(root / item) for item in rows["path"]]
    return rows


def _read_csv(path: Path, columns: Collection[str]) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"expected a listing, got {str(path)!r}, which is no file")
    table = read_table(path).require(columns)
    return pd.DataFrame(list(table.rows.values()), columns=table.columns, dtype=str)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise InputError(f"unknown kind {kind!r}: expected one of {', '.join(KINDS)}")


def _kind_of(relative: Path, otherwise: str) -> str:
    top = relative.parts[0].lower()
    return top if len(relative.parts) > 1 and top in KINDS else otherwise


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
