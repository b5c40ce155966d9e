"""What a codec is trained on: one row a recording, with its kind and its licence.

A listing is a ``pandas.DataFrame`` with the columns of :data:`COLUMNS`. It comes from a manifest of
recordings (:func:`list_manifest`), from a folder of the user's own audio (:func:`list_folder`) or
from the listing that the renderers leave beside their files (:func:`read_listing`).
"""

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
"""The kinds of sound that a listing tells apart."""

COLUMNS: Final = ("path", "kind", "licence", "source", "split")
"""The columns of a listing: absolute path, kind, licence, where it came from, train or dev."""

RESERVED_FOLDERS: Final = ("alphanumeric", "speech-commands-noise")
"""Folders kept for benches: a codec must never have heard them."""


def list_manifest(
    folder: str | PathLike[str],
    *,
    split: str = "train",
    share_alike: bool = False,
    without: Collection[str] = RESERVED_FOLDERS,
) -> pd.DataFrame:
    """List the recordings of a folder that has a ``manifest.csv``.

    Parameters
    ----------
    folder : path
        Folder with ``manifest.csv``, whose column ``path`` is relative to it and whose columns
        ``kind``, ``licence``, ``split`` and ``source_repo`` are used.
    split : str, default "train"
        The split to keep.
    share_alike : bool, default False
        Keep rows whose licence contains "SA". Weights that are shipped must not be trained on
        them; measuring on them is fine.
    without : collection of str, default RESERVED_FOLDERS
        Names of folders (any part of ``path``) to leave out.

    Returns
    -------
    pandas.DataFrame
        A listing, sorted by path.

    Raises
    ------
    InputError
        If the manifest is missing, lacks a column, or nothing is left of it.
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
    """List every audio file under a folder: the user's own recordings.

    The first folder below ``folder`` names the kind when it is one of :data:`KINDS`
    (``speech/…``, ``music/…``); other files get ``kind``.

    Parameters
    ----------
    folder : path
        Searched as :func:`qtokfeatures.audio.find_audio` does.
    kind : str, default "environment"
        The kind of files whose folder does not tell it.
    licence : str, default "unstated"
        Written into every row.
    split : str, default "train"
        Written into every row.

    Returns
    -------
    pandas.DataFrame
        A listing, sorted by path.

    Raises
    ------
    InputError
        If ``folder`` is not a folder, holds no audio, or ``kind`` is unknown.
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
    """List what may be trained on in a folder: by its ``manifest.csv`` if it has one.

    See Also
    --------
    list_manifest : with a manifest; split ``train`` without share-alike licences is taken.
    list_folder : without; every audio file is taken.
    """
    has_manifest = (Path(folder) / "manifest.csv").is_file()
    return list_manifest(folder) if has_manifest else list_folder(folder)


def write_listing(listing: pd.DataFrame, path: str | PathLike[str]) -> None:
    """Write a listing as CSV, with paths relative to the CSV's folder where they lie under it."""
    out = listing.copy()
    out["path"] = relative_paths(listing["path"], Path(path).parent)
    out.to_csv(path, index=False, lineterminator="\n")


def relative_paths(paths: Iterable[str], folder: str | PathLike[str]) -> list[str]:
    """Make those paths relative to a folder that lie under it."""
    root = Path(folder).resolve()
    return [_relative(Path(path), root) for path in paths]


def read_listing(path: str | PathLike[str]) -> pd.DataFrame:
    """Read what :func:`write_listing` wrote; relative paths are taken from the CSV's folder.

    Raises
    ------
    InputError
        If the file is missing, lacks a column, or has a kind that is not in :data:`KINDS`.
    """
    root = Path(path).resolve().parent
    rows = _read_csv(Path(path), COLUMNS)
    for kind in rows["kind"].unique():
        _check_kind(kind)
    rows["path"] = [str(root / item) for item in rows["path"]]
    return rows


def _read_csv(path: Path, columns: Collection[str]) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"expected a listing, found no file {str(path)!r}")
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
