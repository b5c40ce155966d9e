"""Linear classifier for every feature, tested on speakers that it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from qtokfeatures.benches.clips import BenchClip
from qtokfeatures.benches.digits.result import CLEAN, Recognised
from qtokfeatures.evaluation.perturbations import Perturbation
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError

Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Waves = dict[str, list[FloatArray]]  # by condition

# Values of C; the mean squared norm of a training row is 1.
COSTS: Final = (0.03, 0.3, 3.0, 30.0, 300.0)
_SCALED: Final = (True, False)  # standardising suits statistics, and rarely sparse histograms


@dataclass(frozen=True, eq=False)
class Examples:
    """Training rows: features (row, feature), labels (row,) and speakers (row,)."""

    features: Matrix
    labels: Labels
    speakers: npt.NDArray[np.str_]


def leave_one_speaker_out(
    train: Examples, tests: Mapping[str, Matrix], labels: Labels, speakers: npt.NDArray[np.str_]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Correctly classified rows of each speaker, by a linear SVM trained on the others.

    C and standardising are chosen among the training speakers, by leaving out each in turn: every
    feature has the same choices, and none is tuned on the tested speaker.
    """
    people = np.unique(train.speakers)
    if len(people) < 3:
        raise InputError(f"nested leave-one-speaker-out needs three speakers, got {len(people)}")
    right = {name: np.zeros(len(labels), dtype=np.bool_) for name in tests}
    for person in people:
        model = _fit(train, person)
        rows = np.flatnonzero(speakers == person)
        for name, features in tests.items():
            right[name][rows] = model.predict(features[rows]) == labels[rows]
    return right


@dataclass(frozen=True, eq=False)
class _Model:
    scaler: _Scaler
    rows: npt.NDArray[np.float64]
    svm: SVC

    def predict(self, features: Matrix) -> Labels:
        return np.asarray(self.svm.predict(self.scaler.apply(features) @ self.rows.T))


class _Scaler:
    """Optional standardising, then scaling to a mean squared norm of 1."""

    def __init__(self, features: Matrix, *, standardise: bool) -> None:
        self._each = StandardScaler(with_mean=standardise, with_std=standardise).fit(
            features.astype(np.float64)
        )
        scaled = self._each.transform(features)
        self._all = np.sqrt(np.mean(np.sum(np.square(scaled), axis=1))) or 1.0

    def apply(self, features: Matrix) -> npt.NDArray[np.float64]:
        return np.asarray(self._each.transform(features.astype(np.float64)) / self._all)


def _fit(train: Examples, left_out: str) -> _Model:
    """Classifier of the best scaling and C among the speakers that are not left out."""
    kept = train.speakers != left_out
    features, labels, speakers = train.features[kept], train.labels[kept], train.speakers[kept]
    choices = [_Choice(features, standardise=standardise) for standardise in _SCALED]
    _, scaled, cost = max(
        (
            (_accuracy(choice.gram, labels, speakers, cost), choice, cost)
            for choice in choices
            for cost in COSTS
        ),
        key=lambda each: each[0],
    )
    return _Model(scaled.scaler, scaled.rows, _svm(cost).fit(scaled.gram, labels))


class _Choice:
    """Training rows in one scaling, and their products."""

    def __init__(self, features: Matrix, *, standardise: bool) -> None:
        self.scaler = _Scaler(features, standardise=standardise)
        self.rows = self.scaler.apply(features)
        self.gram = self.rows @ self.rows.T


def _accuracy(
    gram: npt.NDArray[np.float64], labels: Labels, speakers: npt.NDArray[np.str_], cost: float
) -> float:
    right = 0
    for person in np.unique(speakers):
        inside, outside = np.flatnonzero(speakers != person), np.flatnonzero(speakers == person)
        svm = _svm(cost).fit(gram[np.ix_(inside, inside)], labels[inside])
        right += int(np.sum(svm.predict(gram[np.ix_(outside, inside)]) == labels[outside]))
    return right / len(labels)


def _svm(cost: float) -> SVC:
    return SVC(kernel="precomputed", C=cost)


class Spoken:
    """Recordings, clean and in every noise, with labels and speakers."""

    def __init__(self, digits: Sequence[BenchClip], changes: Sequence[Perturbation]) -> None:
        self.digits = digits
        self.sr = digits[0].sr
        self.labels: npt.NDArray[np.int64] = np.array([int(clip.text) for clip in digits])
        self.speakers: npt.NDArray[np.str_] = np.array([clip.speaker for clip in digits])
        self.waves: Waves = {CLEAN: [clip.y for clip in digits]}
        for change in changes:
            self.waves[change.name] = self.changed([change] * len(digits))

    def changed(self, changes: Sequence[Perturbation]) -> list[FloatArray]:
        """Waves of the recordings, each after its own perturbation."""
        return [
            change.apply(clip.y, clip.sr, key=clip.name)
            for change, clip in zip(changes, self.digits, strict=True)
        ]

    def recognise(
        self,
        name: str,
        features: Mapping[str, npt.NDArray[np.float32]],
        more: Sequence[npt.NDArray[np.float32]] = (),
    ) -> Recognised:
        """Classify after training on clean recordings and on `more` versions of them."""
        versions = [features[CLEAN], *more]
        train = Examples(
            np.concatenate(versions),
            np.tile(self.labels, len(versions)),
            np.tile(self.speakers, len(versions)),
        )
        right = leave_one_speaker_out(train, features, self.labels, self.speakers)
        return Recognised(name, right)
