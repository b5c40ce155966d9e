"""The learners of the bench: the same choices, tuned in the same way, for every feature."""

from __future__ import annotations

import warnings
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

from qtokfeatures.benches.tasks.sounds import Task

Matrix = npt.NDArray[np.float32]

CHOICES: Final[dict[str, Any]] = {
    "LDA": make_pipeline(
        StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    ),
    **{f"SVC, C={c}": make_pipeline(StandardScaler(), SVC(C=c)) for c in (1, 10, 100)},
}
"""Linear discriminants with shrinkage after Ledoit and Wolf, and SVMs with Gaussian kernels."""

SEEDS: Final = range(5)
_INNER_FOLDS: Final = 3


@dataclass(frozen=True, eq=False)
class Learnt:
    """What learners made of one feature.

    Parameters
    ----------
    right : ndarray of bool, shape (tested clip,)
        What was right, in the order of the splits' tests.
    tuning : float
        Accuracy of the chosen learners within the training folds, mean of folds.
    chosen : tuple of str
        The learner of each fold.
    """

    right: npt.NDArray[np.bool_]
    tuning: float
    chosen: tuple[str, ...]


def classify(task: Task, features: Matrix) -> Learnt:
    """Learn from each split's training clips, and test.

    The learner is chosen within the training clips, by up to three folds that share no instance
    where every class has several, and no clip elsewhere.

    Parameters
    ----------
    task : Task
        Labels and splits.
    features : ndarray, shape (clip, feature)
        One row a clip.

    Returns
    -------
    Learnt
    """
    right, scores, chosen = [], [], []
    for train, test in task.splits:
        name, score = _choose(features[train], task.labels[train], task.sounds.instances[train])
        learner = _fit(CHOICES[name], features[train], task.labels[train])
        right.append(learner.predict(features[test]) == task.labels[test])
        scores.append(score)
        chosen.append(name)
    return Learnt(np.concatenate(right), float(np.mean(scores)), tuple(chosen))


def cluster(task: Task, features: Matrix) -> list[npt.NDArray[np.int64]]:
    """Standardise, and find as many k-means clusters as there are labels, once a seed.

    Parameters
    ----------
    task : Task
        Whose labels are counted, not looked at.
    features : ndarray, shape (clip, feature)
        One row a clip.

    Returns
    -------
    list of ndarray of int
        The cluster of each clip, for every seed of :data:`SEEDS`.
    """
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
    return clone(learner).fit(features, labels)
