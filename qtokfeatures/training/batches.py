"""Random training segments of a corpus, determined by seed and step, with their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from qtokfeatures.codecs.mini.config import HOP_LENGTH, STEP, STEPS_PER_FRAME
from qtokfeatures.codecs.mini.spectra import TAIL
from qtokfeatures.exceptions import InputError
from qtokfeatures.rendering.phones import PHONES
from qtokfeatures.rendering.sentences import DIGITS
from qtokfeatures.training.augment import SPEEDS, augment, corrupt
from qtokfeatures.training.corpus import read_timings
from qtokfeatures.training.recipe import Recipe

# Steps of 10 ms, from a frame's start, whose phones its semantic code is trained to predict.
LABEL_STEPS = (-4, 0, 4, 7)

UNKNOWN = -1
_PARTS = 3  # of each digit: beginning, middle, end
N_WORD_CLASSES = _PARTS * len(DIGITS)

_QUIETEST_PEAK = 1e-3
_RENDERED = "rendered/"


@dataclass(frozen=True)
class Batch:
    """Material of one training step, on one device."""

    y: Tensor  # (clip, sample): whole frames and the 240 samples that their windows reach ahead
    corrupted: Tensor  # (clip, sample)
    phones: Tensor  # (clip, frame, len(LABEL_STEPS)), int64, −1 where unknown
    words: Tensor  # (clip, frame), int64, third of a digit, −1 where unknown


class BatchSource:
    """Batches of segments from a folder that `prepare_corpus` wrote; a GPU holds it whole."""

    def __init__(
        self, folder: Path, recipe: Recipe, *, device: torch.device | str | None = None
    ) -> None:
        table = folder / "corpus.csv"
        if not table.exists():
            raise InputError(f"{folder} holds no corpus.csv: run prepare_corpus first")
        self.recipe, self.device = recipe, torch.device(device or "cpu")
        clips = pd.read_csv(table)
        stored = np.memmap(folder / "corpus.i16", dtype=np.int16, mode="c")
        self.samples = torch.from_numpy(stored)
        if self.device.type == "cuda":
            self.samples = self.samples.to(self.device)
        self.labels = LabelTracks.read(folder, clips, len(stored), device=self.samples.device)
        self._offsets = clips.offset.to_numpy()
        self._lengths = clips.n_samples.to_numpy()
        weight = clips.n_samples * np.where(
            clips.name.str.startswith(_RENDERED), recipe.rendered_weight, 1.0
        )
        self._by_kind = {
            kind: (rows.index.to_numpy(), np.cumsum(rows.to_numpy()) / rows.sum())
            for kind, rows in weight.groupby(clips.kind)
        }
        weights = {k: w for k, w in recipe.kind_weights.items() if k in self._by_kind}
        if not weights:
            raise InputError(f"{table} holds no clip of the kinds {sorted(recipe.kind_weights)}")
        self._kinds = list(weights)
        self._shares = np.array(list(weights.values())) / sum(weights.values())

    @property
    def segment_length(self) -> int:
        """Samples per segment."""
        return self.recipe.frames * HOP_LENGTH + TAIL

    @torch.no_grad()
    def batch(self, step: int, *, corrupts: bool = True) -> Batch:
        """The batch of one step."""
        rng = np.random.default_rng([self.recipe.seed, step])
        generator = torch.Generator(self.device)
        generator.manual_seed(int(rng.integers(2**62)))
        rows, starts = self._draw(rng)
        speed = SPEEDS[rng.integers(len(SPEEDS))] if rng.random() < self.recipe.speed_share else 1.0
        y = self._read(rows, starts, speed)
        y = y * (0.5 / y.abs().amax(dim=1, keepdim=True).clamp(min=_QUIETEST_PEAK))
        y = augment(y, generator)
        phones, words = self._labels(rows, starts, speed)
        return Batch(y, corrupt(y, generator) if corrupts else y, phones, words)

    def _draw(
        self, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        kinds = rng.choice(len(self._kinds), size=self.recipe.clips, p=self._shares)
        rows = np.empty(len(kinds), dtype=np.int64)
        for i, kind in enumerate(kinds):
            of_kind, shares = self._by_kind[self._kinds[kind]]
            rows[i] = of_kind[np.searchsorted(shares, rng.random())]
        latest = np.maximum(1, self._lengths[rows] - self.segment_length // 2)
        starts = (rng.random(len(rows)) * latest).astype(np.int64)
        return rows, starts

    def _read(
        self, rows: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], speed: float
    ) -> Tensor:
        """Segments at a speed (and pitch), zeros after the end of a clip."""
        length = round(self.segment_length * speed)
        place = torch.arange(length, device=self.samples.device)
        first = torch.from_numpy(self._offsets[rows] + starts).to(place.device)
        left = torch.from_numpy(self._lengths[rows] - starts).to(place.device)
        index = (first[:, None] + place).clamp(max=len(self.samples) - 1)
        y = self.samples[index].float() * (place < left[:, None]) / 32768
        y = y.to(self.device)
        if length == self.segment_length:
            return y
        return resampled(y, self.segment_length)

    def _labels(
        self, rows: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], speed: float
    ) -> tuple[Tensor, Tensor]:
        frame = torch.arange(self.recipe.frames, device=self.samples.device) * STEPS_PER_FRAME
        first = torch.from_numpy(starts).to(frame.device)[:, None, None]
        steps = frame[:, None] + torch.tensor(LABEL_STEPS, device=frame.device)
        sample = (first + (steps * STEP + STEP // 2) * speed).long()
        left = torch.from_numpy(self._lengths[rows]).to(frame.device)[:, None, None]
        offset = torch.from_numpy(self._offsets[rows]).to(frame.device)[:, None, None]
        inside = (sample >= 0) & (sample < left)
        phones, words = self.labels.at((offset + sample).clamp(min=0))
        phones = torch.where(inside, phones, UNKNOWN)
        words = torch.where(inside, words, UNKNOWN)[..., 2]
        return phones.to(self.device), words.to(self.device)


def resampled(y: Tensor, length: int) -> Tensor:
    """`y` (clip, sample) played at the speed that gives it `length` samples."""
    spectrum = torch.fft.rfft(y)[:, : length // 2 + 1]
    played: Tensor = torch.fft.irfft(spectrum, n=length)
    return played * (length / y.shape[1])


"""The words that are told apart, each in three parts."""


@dataclass(frozen=True)
class LabelTracks:
    """Classes of phones and of thirds of digits, every 10 ms of a corpus."""

    phones: Tensor  # (step,), int8, −1 where unknown
    words: Tensor
    n_phones: int  # 0 without labels

    @classmethod
    def read(
        cls, folder: Path, clips: pd.DataFrame, n_samples: int, *, device: torch.device
    ) -> LabelTracks:
        """Read ``phones.csv`` and ``words.csv`` of a corpus, if they exist."""
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
