"""Learners of the tasks bench, the same choices for every feature."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from qtokfeatures.benches.tasks.conditions import CLEAN
from qtokfeatures.benches.tasks.sounds import Task

Matrix = npt.NDArray[np.float32]

# Linear discriminants with shrinkage after Ledoit and Wolf, SVMs with Gaussian kernels.
CHOICES: Final[dict[str, Any]] = {
    "LDA": make_pipeline(
        StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    ),
    **{f"SVC, C={c}": make_pipeline(StandardScaler(), SVC(C=c)) for c in (1, 10, 100)},
}

SEEDS: Final = range(5)
_INNER_FOLDS: Final = 3


@dataclass(frozen=True, eq=False)
class Learnt:
    """Correctly classified clips (tested clip,) by condition, and the choice of learners."""

    right: dict[str, npt.NDArray[np.bool_]]
    tuning: float  # accuracy within the training folds
    chosen: tuple[str, ...]  # learner of each fold


def classify(task: Task, features: Mapping[str, Matrix]) -> Learnt:
    """Tests of every split in every condition, learnt from its clean training clips.

    The learner is chosen within the training clips, by up to three folds that share no instance
    where every class has several, and no clip elsewhere.
    """
    clean = features[CLEAN]
    right: dict[str, list[Any]] = {condition: [] for condition in features}
    scores, chosen = [], []
    for train, test in task.splits:
        name, score = _choose(clean[train], task.labels[train], task.sounds.instances[train])
        learner = _fit(CHOICES[name], clean[train], task.labels[train])
        for condition, matrix in features.items():
            right[condition].append(learner.predict(matrix[test]) == task.labels[test])
        scores.append(score)
        chosen.append(name)
    joined = {condition: np.concatenate(parts) for condition, parts in right.items()}
    return Learnt(joined, float(np.mean(scores)), tuple(chosen))


def cluster(task: Task, features: Matrix) -> list[npt.NDArray[np.int64]]:
    """K-means clusters (clip,) for every seed, as many as there are labels, standardised."""
    scaled = StandardScaler().fit_transform(features)
    count = len(np.unique(task.labels))
    return [KMeans(count, n_init=3, random_state=seed).fit_predict(scaled) for seed in SEEDS]


def _choose(features: Matrix, labels: Any, instances: Any) -> tuple[str, float]:
    parts = _inner_folds(labels, instances)
    scores = {
        name: float(np.mean([_score(learner, features, labels, *part) for part in parts]))
        for name, learner in CHOICES.items()
    }
    best = max(scores, key=lambda name: scores[name])
    return best, scores[best]


def _inner_folds(labels: Any, instances: Any) -> list[tuple[Any, Any]]:
    """Folds that share no instance, or, where a class has a single one, no clip."""
    pairs = np.unique(np.stack([labels, instances]), axis=1)
    fewest = int(np.unique(pairs[0], return_counts=True)[1].min())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # classes of fewer clips than folds
        if fewest > 1:
            grouped = StratifiedGroupKFold(min(fewest, _INNER_FOLDS), shuffle=True, random_state=0)
            return list(grouped.split(labels, labels, instances))
        plain = StratifiedKFold(_INNER_FOLDS, shuffle=True, random_state=0)
        return list(plain.split(labels, labels))


def _score(learner: Any, features: Matrix, labels: Any, train: Any, test: Any) -> float:
    fitted = _fit(learner, features[train], labels[train])
    return float(np.mean(fitted.predict(features[test]) == labels[test]))


def _fit(learner: Any, features: Matrix, labels: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # classes of one clip have no covariance
        return clone(learner).fit(features, labels)
