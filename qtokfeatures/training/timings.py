"""When each phone and word of a clip sounds, as tables and as one class a frame.

Beside ``corpus.csv`` lie ``phones.csv`` and ``words.csv`` for synthesised speech, one row a phone
or word: the clip's ``name``, ``start`` and ``end`` in samples of the clip, and the ``phone`` (a
class of :data:`qtokfeatures.rendering.phones.PHONES`) or ``word``. The phones of a clip
follow one another from its first sample to its last, silence among them; words leave the silences
out.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtokfeatures.exceptions import InputError
from qtokfeatures.rendering.phones import PHONES
from qtokfeatures.tables import read_table

TABLES: Final = {"phones": "phone", "words": "word"}
"""The tables by name of file, and the column of each that says what sounds."""

_NUMBERS: Final = {phone: number for number, phone in enumerate(PHONES)}


def read_timings(folder: str | PathLike[str], table: str, *, key: str = "name") -> pd.DataFrame:
    """Read ``phones.csv`` or ``words.csv``.

    Parameters
    ----------
    folder : path
        A prepared corpus, or with ``key="path"`` a folder of rendered material.
    table : {"phones", "words"}
        Which.
    key : {"name", "path"}, default "name"
        The column that says which clip a row is of.

    Returns
    -------
    pandas.DataFrame
        Columns ``key``, "start", "end" and "phone" or "word"; no rows if there is no such file.

    Raises
    ------
    InputError
        If the file lacks a column.
    """
    columns = [key, "start", "end", TABLES[table]]
    path = Path(folder) / f"{table}.csv"
    if not path.is_file():
        return pd.DataFrame({column: [] for column in columns})
    rows = pd.DataFrame(list(read_table(path).require(columns).rows.values()), columns=columns)
    try:
        return rows.assign(start=pd.to_numeric(rows["start"]), end=pd.to_numeric(rows["end"]))
    except ValueError as error:
        raise InputError(f"{path}: expected start and end as numbers: {error}") from error


def phone_track(
    phones: pd.DataFrame, *, n_frames: int, hop_length: float, start: int = 0
) -> npt.NDArray[np.int64]:
    """Say which phone sounds in the middle of each frame, at any frame rate.

    Parameters
    ----------
    phones : pandas.DataFrame
        The rows of one clip: "start", "end" and "phone", in their order.
    n_frames : int
        How many frames.
    hop_length : float
        Samples from frame to frame at 24 kHz: 1920 for 12.5 frames a second.
    start : int, default 0
        Sample of the clip at which the first frame begins.

    Returns
    -------
    numpy.ndarray
        int64 (frame,): the phone's place in
        :data:`qtokfeatures.rendering.phones.PHONES`, −1 outside the clip.

    Raises
    ------
    InputError
        If a phone is not in the inventory.

    Examples
    --------
    >>> import pandas as pd
    >>> phones = pd.DataFrame({"start": [0, 30], "end": [30, 50], "phone": ["SIL", "AA"]})
    >>> phone_track(phones, n_frames=6, hop_length=10).tolist()
    [0, 0, 0, 1, 1, -1]
    """
    unknown = set(phones["phone"]) - set(PHONES)
    if unknown:
        raise InputError(f"no phone {min(unknown)!r}: expected one of {', '.join(PHONES)}")
    numbers = phones["phone"].map(_NUMBERS).to_numpy(np.int64)
    starts, ends = (phones[column].to_numpy(np.int64) for column in ("start", "end"))
    middles = start + (np.arange(n_frames) + 0.5) * hop_length
    if not len(numbers):
        return np.full(n_frames, -1)
    row = np.searchsorted(starts, middles, side="right") - 1
    inside = (row >= 0) & (middles < ends[row])
    return np.where(inside, numbers[row], -1)
