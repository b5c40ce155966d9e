"""TODO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    pass


def default_folders(data: Path | None, *, at_most: int) -> dict[str, Sequence[str | Path]]:
    """Find what is timed by default.

    Parameters
    ----------
    data : Path or None
        Folder with ``manifest.csv``; by default where the shared recordings are.
    at_most : int
        Spoken digits to take.

    Returns
    -------
    dict of str to sequence of path
        The digits, unless there are no shared recordings, and the bundled sounds.
    """
    from qtokfeatures.benches import find_shared_audio
    from qtokfeatures.benches.digits.recordings import digit_paths
    from qtokfeatures.examples_audio import example_files

    folders: dict[str, Sequence[str | Path]] = {}
    try:
        digits = digit_paths(data or find_shared_audio(), at_most=at_most)
        folders["spoken digits, 8 kHz"] = digits
    except InputError as error:
        if data is not None:
            raise
        typer.echo(f"spoken digits are left out: {error}", err=True)
    return {**folders, "bundled sounds, 24 kHz": list(example_files())}
