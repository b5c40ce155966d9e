"""What was said when, as tracks beside the samples: phones and thirds of words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from qtokfeatures.codecs.mini.config import STEP
from qtokfeatures.rendering.phones import PHONES
from qtokfeatures.training.timings import read_timings

UNKNOWN = -1
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""The words that are told apart, each in three parts."""
_PARTS = 3

N_WORD_CLASSES = _PARTS * len(DIGITS)


@dataclass(frozen=True)
class LabelTracks:
    """Classes every 10 ms of a corpus.

    Parameters
    ----------
    phones : Tensor of int8, shape (step,)
        Phone class, -1 where unknown.
    words : Tensor of int8, shape (step,)
        Three times the place in :data:`DIGITS` plus the third of the word, -1 elsewhere.
    n_phones : int
        Number of phone classes; 0 without labels.
    """

    phones: Tensor
    words: Tensor
    n_phones: int

    @classmethod
    def read(
        cls, folder: Path, clips: pd.DataFrame, n_samples: int, *, device: torch.device
    ) -> LabelTracks:
        """Read ``phones.csv`` and ``words.csv`` of a corpus; without them nothing is known."""
        phones = np.full(n_samples // STEP + 1, UNKNOWN, dtype=np.int8)
        words = phones.copy()
        offsets = dict(zip(clips.name, clips.offset, strict=True))
        timed = read_timings(folder, "phones")
        for row in _placed(timed, offsets):
            phones[row.start // STEP : row.end // STEP] = PHONES.index(row.phone)
        said = read_timings(folder, "words")
        for row in _placed(said[said.word.isin(DIGITS)], offsets):
            edges = np.linspace(row.start, row.end, _PARTS + 1).astype(int) // STEP
            for part, (start, stop) in enumerate(pairwise(edges)):
                words[start:stop] = _PARTS * DIGITS.index(row.word) + part
        n_phones = len(PHONES) if len(timed) else 0
        return cls(
            torch.from_numpy(phones).to(device), torch.from_numpy(words).to(device), n_phones
        )

    def at(self, sample: Tensor) -> tuple[Tensor, Tensor]:
        """Phones and parts of words at the given samples of the corpus, int64."""
        step = (sample // STEP).clamp(max=len(self.phones) - 1)
        return self.phones[step].long(), self.words[step].long()


def _placed(rows: pd.DataFrame, offsets: dict[str, int]) -> Iterator[Any]:
    """Rows with ``start`` and ``end`` counted from the corpus's first sample."""
    first = rows["name"].map(offsets)
    moved = rows.assign(start=rows["start"] + first, end=rows["end"] + first)
    return moved.itertuples()
