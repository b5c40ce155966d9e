"""Result of the digit bench, with its tables and notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.benches.measured import Measured, brackets, percent, plain
from qtokfeatures.evaluation.bootstrap import Interval, bootstrap_interval
from qtokfeatures.evaluation.tables import TextTable

CLEAN: Final = "clean"

Right = npt.NDArray[np.bool_]

_METHOD: Final = (
    (
        "One linear SVM for every feature, leaving one speaker out; C, and whether features are "
        "standardised, are chosen by leaving out each of the training speakers in turn. White "
        "noise and babble (six other people) are added at 8 kHz, at the ratio of energies over "
        "the whole recording."
    ),
    (
        "3 segments: the means of beginning, middle and end, and the standard deviation of the "
        "whole. MFCC: librosa, 20 coefficients and their differences, every 10 ms from 40 mel "
        "bands; log-mel: these bands in dB."
    ),
    (
        "Trained on noisy speech: on each recording clean, in white noise and in babble of other "
        "people than in the tests, at 20, 10, 5 or 0 dB."
    ),
    "After decoding: the recogniser takes MFCC of 3 segments, so it has nothing of the codec.",
)


@dataclass(frozen=True, eq=False)
class Recognised:
    """Correctly classified recordings (recording,) under each condition."""

    name: str
    right: Mapping[str, Right]

    def accuracy(self, condition: str = CLEAN) -> float:
        """Share of recordings that were recognised, 0 … 1."""
        return float(np.mean(self.right[condition]))

    def interval(self, condition: str = CLEAN) -> Interval:
        """95 % bootstrap interval of :meth:`accuracy` over recordings."""
        return bootstrap_interval(self.right[condition].astype(float).tolist())


@dataclass(frozen=True, eq=False, kw_only=True)
class DigitResult(Measured):
    """Digits recognised from every feature, and after decoding."""

    bench: ClassVar[str] = "digits"

    speakers: npt.NDArray[np.str_]  # of each recording
    conditions: tuple[str, ...]
    features: tuple[Recognised, ...]
    decoded: tuple[Recognised, ...]  # originals first, then codec and peers
    skipped: Mapping[str, str]  # peers that were left out, with the reason

    def to_dict(self) -> dict[str, Any]:
        """Return accuracies and intervals as JSON types."""
        people, counts = np.unique(self.speakers, return_counts=True)
        values: dict[str, Any] = plain(
            {
                "codec": self.codec,
                "recordings": dict(zip(people.tolist(), counts, strict=True)),
                "features": [_summary(row) for row in self.features],
                "decoded": [_summary(row) for row in self.decoded],
                "skipped": self.skipped,
                "versions": self.versions,
            }
        )
        return values

    def tables(self) -> tuple[TextTable, ...]:
        """Features under every condition, and recognition after decoding."""
        features = TextTable(
            "Digits recognised, %: classifier trained on clean speech of other people",
            ("feature", *self.conditions),
            tuple(_feature_row(row, self.conditions) for row in self.features),
        )
        original = self.decoded[0].accuracy()
        decoded = TextTable(
            "Digits recognised after decoding, %: recogniser trained on original speech",
            ("recordings", "recognised", "of what originals give"),
            tuple(
                (row.name, _with_interval(row, CLEAN), percent(row.accuracy() / original))
                for row in self.decoded
            ),
        )
        return features, decoded

    def findings(self) -> Iterable[str]:
        """Recordings, method, peers left out."""
        people = len(set(self.speakers.tolist()))
        yield (
            f"{len(self.speakers)} recordings of the Free Spoken Digit Dataset (8 kHz, {people} "
            "speakers, equally many of each digit by each), never trained on; each scaled to a "
            "peak of 0.5. Chance is 10 %. In brackets: 95 % bootstrap intervals over recordings, "
            "for these speakers."
        )
        yield from _METHOD
        yield from (f"{name} was left out: {reason}." for name, reason in self.skipped.items())
        yield self.identity()


def _summary(row: Recognised) -> dict[str, Any]:
    accuracy = {
        condition: {"accuracy": row.accuracy(condition), "interval_95": row.interval(condition)}
        for condition in row.right
    }
    return {"name": row.name, "conditions": accuracy}


def _feature_row(row: Recognised, conditions: tuple[str, ...]) -> tuple[str, ...]:
    cells = (
        _with_interval(row, each) if each == CLEAN else percent(row.accuracy(each))
        for each in conditions
    )
    return (row.name, *cells)


def _with_interval(row: Recognised, condition: str) -> str:
    return f"{percent(row.accuracy(condition))} {brackets(row.interval(condition), percent)}"
