"""How well a classifier does on groups that it has not heard."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss

from qtokfeatures.estimators.inputs import are_codes, check_labels
from qtokfeatures.labelled import CodeSequence
from qtokfeatures.pipelines.calibrated import LonelyClassWarning
from qtokfeatures.pipelines.splits import group_splits


@dataclass(frozen=True, eq=False)
class Validation:
    """Predictions for clips whose group was left out of training.

    Parameters
    ----------
    clips : list of str
        Ids of the clips.
    truth : ndarray, shape (clip,)
        Their classes.
    predicted : ndarray, shape (clip,)
        What was predicted.
    probabilities : ndarray, shape (clip, class)
        Calibrated; in the order of `classes`.
    fold : ndarray of int, shape (clip,)
        In which fold a clip was left out.
    classes : ndarray, shape (class,)
        All classes, sorted.
    grouped : bool
        Whether groups were kept whole.
    """

    clips: list[str]
    truth: npt.NDArray[Any]
    predicted: npt.NDArray[Any]
    probabilities: npt.NDArray[np.float64]
    fold: npt.NDArray[np.int64]
    classes: npt.NDArray[Any]
    grouped: bool

    @property
    def balanced_accuracy(self) -> float:
        """Share of clips told right, each class counting the same; chance is 1 / classes."""
        return float(balanced_accuracy_score(self.truth, self.predicted))

    @property
    def log_loss(self) -> float:
        """Mean negative logarithm of the probability that the true class was given; nats."""
        return float(log_loss(self.truth, self.probabilities, labels=self.classes))

    def confusion(self) -> pd.DataFrame:
        """Count the clips by true class (rows) and predicted class (columns)."""
        counts = confusion_matrix(self.truth, self.predicted, labels=self.classes)
        return pd.DataFrame(
            counts,
            index=pd.Index(self.classes, name="true"),
            columns=pd.Index(self.classes, name="predicted"),
        )

    def table(self) -> pd.DataFrame:
        """Return one row a clip: truth, prediction, its probability, and the fold."""
        return pd.DataFrame(
            {
                "clip": self.clips,
                "true": self.truth,
                "predicted": self.predicted,
                "probability": self.probabilities.max(axis=1),
                "fold": self.fold,
            }
        )


def validate_groups(
    pipe: Any,
    X: Any,
    y: npt.ArrayLike,
    groups: npt.ArrayLike | None,
    *,
    n_splits: int = 5,
    seed: int = 0,
) -> Validation:
    """Cross-validate a classifier, leaving out groups.

    Parameters
    ----------
    pipe : Pipeline
        From :func:`make_label_classifier` or its kin; it stays as it is.
    X : list of audio or codes
        What ``pipe.fit`` takes; encoded once.
    y : array_like, shape (clip,)
        Classes.
    groups : array_like, shape (clip,), or None
        What each clip comes from. None, which has to be said, leaves out clips instead: other
        clips of the same instrument or speaker are then trained on, and the result flatters.
    n_splits : int, default=5
        Folds, at the most.
    seed : int, default=0
        Seed of the folds.

    Returns
    -------
    Validation

    Raises
    ------
    InputError
        If a class has only one group, or there is not one label and one group a clip.

    Warns
    -----
    SkippedClipWarning
        If the pipeline leaves out clips that cannot be used; their labels are left out too.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> labels = qt.example_labels().query("pitch != '' and label in ('flute', 'guitar')")
    >>> files = [qt.example_file(name) for name in labels["file"]]
    >>> pipe = qt.make_timbre_classifier()
    >>> found = validate_groups(pipe, files, labels["label"], labels["pitch"])
    >>> int(found.confusion().to_numpy().sum())
    8
    """
    codes = CodeSequence(pipe[0].encode(X))
    skipped = [] if are_codes(X) else [int(c["index"]) for c in codes.dataset.qtok.skipped]
    n_clips = len(codes) + len(skipped)
    kept = np.delete(np.arange(n_clips), skipped)
    truth = check_labels(y, n_clips)[kept]
    of = None if groups is None else check_labels(groups, n_clips, name="groups")[kept]
    classes = np.unique(truth)
    probabilities = np.zeros((len(truth), len(classes)))
    fold = np.zeros(len(truth), dtype=np.int64)
    for number, (train, test) in enumerate(group_splits(truth, of, n_splits=n_splits, seed=seed)):
        with warnings.catch_warnings():
            # A class of two groups has one left here; what is stored is fitted on both.
            warnings.simplefilter("ignore", LonelyClassWarning)
            fitted = clone(pipe).fit(codes[train], truth[train], **_groups_of(of, train))
        probabilities[test] = fitted.predict_proba(codes[test])
        fold[test] = number
    return Validation(
        clips=codes.dataset["clip"].values.astype(str).tolist(),
        truth=truth,
        predicted=classes[probabilities.argmax(axis=1)],
        probabilities=probabilities,
        fold=fold,
        classes=classes,
        grouped=of is not None,
    )


def _groups_of(groups: Any, rows: Any) -> dict[str, Any]:
    return {} if groups is None else {"classifier__groups": groups[rows]}
