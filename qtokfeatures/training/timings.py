"""Timed phones and words of synthesised speech, ``phones.csv`` and ``words.csv``.

One row per phone or word: the clip's ``name``, ``start`` and ``end`` in samples of the clip, and
the ``phone`` or ``word``. Phones, silence included, cover the whole clip; words do not.
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

# Names of the files, and the column with the label in each.
TABLES: Final = {"phones": "phone", "words": "word"}

_NUMBERS: Final = {phone: number for number, phone in enumerate(PHONES)}


def read_timings(folder: str | PathLike[str], table: str, *, key: str = "name") -> pd.DataFrame:
    """Read ``phones.csv`` or ``words.csv``."""
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
    """Say which phone sounds in the middle of each frame, at any frame rate."""
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
