"""The sounds that the package brings along: about forty short clips, all of them rendered.

Notes of seven instruments, synthetic speech, textures like rain, wind and machines, a drum loop
and a guitar phrase; 24 kHz mono FLAC. ``labels.csv`` says what each is and how it was made,
``README.md`` under which licences.
"""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["example_file", "example_files", "example_labels"]


def example_files() -> list[Path]:
    """Return the paths of all bundled sounds.

    Returns
    -------
    list of pathlib.Path
        FLAC files, sorted by name.

    See Also
    --------
    example_labels : what each of them is, in the same order.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> files = qt.example_files()
    >>> files[0].name
    'drum_loop.flac'
    """
    return sorted(_folder().glob("*.flac"))


def example_file(name: str) -> Path:
    """Return the path of one bundled sound.

    Parameters
    ----------
    name : str
        Name of the file, with or without ``.flac``.

    Returns
    -------
    pathlib.Path
        An existing file.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> qt.example_file("guitar_phrase").name
    'guitar_phrase.flac'
    """
    paths = {path.stem: path for path in example_files()}
    stem = str(name).removesuffix(".flac")
    if stem not in paths:
        alike = difflib.get_close_matches(stem, paths, n=1, cutoff=0.0)[0]
        raise InputError(
            f"no bundled sound is called {name!r}: did you mean {alike!r}? "
            "example_files() has them all"
        )
    return paths[stem]


def example_labels() -> pd.DataFrame:
    """Return what each bundled sound is.

    Returns
    -------
    pandas.DataFrame
        One row a clip, in the order of :func:`example_files`; the index is the file's name, which
        is the clip's id once encoded. All columns are text, empty where they do not apply:
        ``file``, ``kind`` (instrument, speech, environment), ``label`` (which instrument or
        texture), ``pitch`` (as C4), ``text`` and ``voice`` of speech, ``rendered_with``.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> labels = qt.example_labels()
    >>> labels.loc["violin_C4.flac", ["kind", "label", "pitch"]].to_list()
    ['instrument', 'violin', 'C4']
    """
    import pandas as pd

    table = pd.read_csv(_folder() / "labels.csv", dtype=str, keep_default_na=False)
    return table.sort_values("file").set_index("file", drop=False).rename_axis("clip")


def _folder() -> Path:
    return Path(str(resources.files(__name__)))
