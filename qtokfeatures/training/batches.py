"""Random training segments from a corpus on disk; each batch follows from seed and step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtokfeatures.codecs.mini.config import HOP_LENGTH
from qtokfeatures.codecs.mini.spectra import TAIL
from qtokfeatures.exceptions import InputError
from qtokfeatures.training.augment import augment
from qtokfeatures.training.recipe import Recipe

_QUIETEST_PEAK = 1e-3
_RENDERED = "rendered/"


class BatchSource:
    """Batches of segments from a prepared corpus.

    Parameters
    ----------
    folder : Path
        Holds ``corpus.i16`` (24 kHz mono, all clips end to end) and ``corpus.csv``
        (``name, kind, offset, n_samples, …``), as `prepare_corpus` writes them.
    recipe : Recipe
        Sizes, seed and shares of the kinds.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        table = folder / "corpus.csv"
        if not table.exists():
            raise InputError(f"{folder} holds no corpus.csv: make the corpus first")
        self.recipe = recipe
        self.clips = pd.read_csv(table)
        self.samples = np.memmap(folder / "corpus.i16", dtype=np.int16, mode="r")
        rendered = self.clips.name.str.startswith(_RENDERED)
        weight = self.clips.n_samples * np.where(rendered, recipe.rendered_weight, 1.0)
        self._by_kind = {
            kind: (rows.index.to_numpy(), np.cumsum(rows.to_numpy()) / rows.sum())
            for kind, rows in weight.groupby(self.clips.kind)
        }
        weights = {k: w for k, w in recipe.kind_weights.items() if k in self._by_kind}
        if not weights:
            raise InputError(f"{table} has none of the kinds {sorted(recipe.kind_weights)}")
        self._kinds = list(weights)
        self._shares = np.array(list(weights.values())) / sum(weights.values())

    def batch(self, step: int) -> npt.NDArray[np.float32]:
        """The batch of one step, float32 (clip, sample).

        A segment is `frames` code frames long, plus the 240 samples that its last
        windows reach ahead.
        """
        rng = np.random.default_rng([self.recipe.seed, step])
        segments = [self._segment(rng) for _ in range(self.recipe.clips)]
        return augment(np.stack(segments), rng)

    def _segment(self, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        kind = self._kinds[rng.choice(len(self._kinds), p=self._shares)]
        rows, shares = self._by_kind[kind]
        row = self.clips.loc[rows[np.searchsorted(shares, rng.random())]]
        length = self.recipe.frames * HOP_LENGTH + TAIL
        start = int(rng.integers(0, max(1, row.n_samples - length // 2)))
        stop = min(row.n_samples, start + length)
        piece = self.samples[row.offset + start : row.offset + stop].astype(np.float32) / 32768
        segment = np.zeros(length, dtype=np.float32)
        segment[: len(piece)] = piece * (0.5 / max(_QUIETEST_PEAK, float(np.abs(piece).max())))
        return segment
