"""Cross-validation of classifiers on held-out groups."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss

from qtokfeatures.estimators.inputs import are_codes, check_labels, clip_count
from qtokfeatures.labelled import CodeSequence
from qtokfeatures.pipelines.splits import SmallClassWarning, Split, group_splits, named


@dataclass(frozen=True, eq=False)
class Validation:
    """Cross-validated predictions of a classifier.

    Parameters
    ----------
    clips : list of str
        Ids of the clips.
    truth : ndarray, shape (clip,)
        True class of each clip.
    predicted : ndarray, shape (clip,)
        Predicted class of each clip.
    probabilities : ndarray, shape (clip, class)
        Calibrated probabilities, in the order of `classes`.
    fold : ndarray of int, shape (clip,)
        Fold in which each clip was held out.
    classes : ndarray, shape (class,)
        Sorted classes.
    grouped : bool
        True if whole groups were held out.
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
        """Mean recall of the classes, 0 to 1; chance is 1 / number of classes."""
        return float(balanced_accuracy_score(self.truth, self.predicted))

    @property
    def log_loss(self) -> float:
        """Mean negative log-probability of the true class, in nats."""
        return float(log_loss(self.truth, self.probabilities, labels=self.classes))

    def confusion(self) -> pd.DataFrame:
        """Count the clips by true and predicted class.

        Returns
        -------
        pandas.DataFrame
            Number of clips by true class (rows) and predicted class (columns).
        """
        counts = confusion_matrix(self.truth, self.predicted, labels=self.classes)
        return pd.DataFrame(
            counts,
            index=pd.Index(self.classes, name="true"),
            columns=pd.Index(self.classes, name="predicted"),
        )

    def table(self) -> pd.DataFrame:
        """Return the predictions as a table.

        Returns
        -------
        pandas.DataFrame
            One row per clip: id, true class, predicted class, its probability, and the fold.
        """
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
    """Cross-validate a classifier with held-out groups.

    Parameters
    ----------
    pipe : Pipeline
        Classifier, such as the result of :func:`make_label_classifier`. It is cloned.
    X : list of audio or codes
        Clips, as ``pipe.fit`` takes them. They are encoded once.
    y : array_like, shape (clip,)
        Class of each clip.
    groups : array_like, shape (clip,), or None
        Group of each clip, such as its instrument or speaker. None holds out single clips, so that
        clips of the same instrument or speaker remain in training and the result is too high.
    n_splits : int, default=5
        Largest number of folds. The class with the fewest groups limits it further.
    seed : int, default=0
        Seed of the folds.

    Returns
    -------
    Validation
        Predictions for all usable clips.

    Raises
    ------
    InputError
        If a class has a single group, no split keeps groups whole, or `y` or `groups` has another
        length than `X`. Raised before the first clip is encoded.

    Warns
    -----
    SkippedClipWarning
        If the pipeline skips unusable clips. Their labels are skipped as well.
    SmallClassWarning
        If a class is learned from a single clip in some fold, which makes its accuracy unreliable.

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

    def check(truth: npt.NDArray[Any], of: npt.NDArray[Any] | None) -> None:
        group_splits(truth, of, n_splits=n_splits, seed=seed)

    codes, truth, of = encode_labelled(pipe[0], X, y, groups, check=check)
    classes = np.unique(truth)
    probabilities = np.zeros((len(truth), len(classes)))
    fold = np.zeros(len(truth), dtype=np.int64)
    splits = group_splits(truth, of, n_splits=n_splits, seed=seed)
    _warn_of_single_clips(truth, splits)
    for number, (train, test) in enumerate(splits):
        with warnings.catch_warnings():
            # A class of two groups has one left in training, which is no fault of the corpus.
            warnings.simplefilter("ignore", SmallClassWarning)
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


def encode_labelled(
    tokenizer: Any,
    X: Any,
    y: Any,
    groups: Any,
    *,
    check: Callable[[npt.NDArray[Any], npt.NDArray[Any] | None], object] | None = None,
) -> tuple[CodeSequence, npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return codes, classes and groups of the usable clips.

    Lengths, and what else `check` refuses, are refused before the first clip is encoded.
    """
    clips = list(X) if isinstance(X, Iterator) else X
    if clip_count(clips) is None:  # one path, say, which the tokenizer refuses
        clips = CodeSequence(tokenizer.encode(clips))
    count = clip_count(clips) or 0
    truth = check_labels(y, count)
    of = None if groups is None else check_labels(groups, count, name="groups")
    if check is not None:
        check(truth, of)
    codes = CodeSequence(tokenizer.encode(clips))
    skipped = [] if are_codes(clips) else [int(c["index"]) for c in codes.dataset.qtok.skipped]
    kept = np.delete(np.arange(count), skipped)
    return codes, truth[kept], None if of is None else of[kept]


def _warn_of_single_clips(truth: npt.NDArray[Any], splits: list[Split]) -> None:
    small = [
        label
        for label in np.unique(truth)
        if any(np.count_nonzero(truth[train] == label) == 1 for train, _ in splits)
    ]
    if small:
        warnings.warn(
            f"learned from a single clip in some fold: {named(small)}; their accuracy is "
            "unreliable, add clips of these classes",
            SmallClassWarning,
            stacklevel=3,
        )


def _groups_of(groups: Any, rows: Any) -> dict[str, Any]:
    return {} if groups is None else {"classifier__groups": groups[rows]}
