"""What was said when, as tracks beside the samples: phones and thirds of words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from qtokfeatures.codecs.mini.config import STEP

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
        n_phones = 0
        offsets = dict(zip(clips.name, clips.offset, strict=True))
        if (folder / "phones.csv").exists():
            table = pd.read_csv(folder / "phones.csv")
            first = table["clip"].map(offsets).to_numpy()
            starts = (first + table.start.to_numpy()) // STEP
            stops = (first + table.stop.to_numpy()) // STEP
            classes = table.phone.to_numpy()
            n_phones = int(classes.max()) + 1
            for start, stop, phone in zip(starts, stops, classes, strict=True):
                phones[start:stop] = phone
        if (folder / "words.csv").exists():
            table = pd.read_csv(folder / "words.csv")
            table = table[table.word.isin(DIGITS)]
            first = table["clip"].map(offsets).to_numpy()
            for offset, row in zip(first, table.itertuples(), strict=True):
                edges = np.linspace(offset + row.start, offset + row.stop, _PARTS + 1) // STEP
                for part in range(_PARTS):
                    span = slice(int(edges[part]), int(edges[part + 1]))
                    words[span] = _PARTS * DIGITS.index(row.word) + part
        return cls(
            torch.from_numpy(phones).to(device), torch.from_numpy(words).to(device), n_phones
        )

    def at(self, sample: Tensor) -> tuple[Tensor, Tensor]:
        """Phones and parts of words at the given samples of the corpus, int64."""
        step = (sample // STEP).clamp(max=len(self.phones) - 1)
        return self.phones[step].long(), self.words[step].long()
