"""What a command was given → codes, with the inputs that failed noted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    pass


def output_file(path: Path, suffixes: Sequence[str]) -> Path:
    """Check the kind of an output file and make its folder.

    Parameters
    ----------
    path : Path
        Where the user wants it.
    suffixes : sequence of str
        Kinds that can be written.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    typer.BadParameter
        If the suffix is another one.
    """
    if path.suffix.lower() not in suffixes:
        raise typer.BadParameter(f"{path} should end in {' or '.join(suffixes)}", param_hint="'-o'")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def output_folder(path: Path) -> Path:
    """Make the output folder.

    Parameters
    ----------
    path : Path
        Where the user wants it.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    typer.BadParameter
        If a file is in its place.
    """
    if path.exists() and not path.is_dir():
        raise typer.BadParameter(f"{path} is a file, not a folder", param_hint="'-o'")
    path.mkdir(parents=True, exist_ok=True)
    return path
