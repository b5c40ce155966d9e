"""A classifier whose probabilities are calibrated on groups that it was not trained on."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from qtokfeatures.exceptions import InputError
from qtokfeatures.pipelines.splits import group_splits, lonely_classes

if TYPE_CHECKING:
    from typing_extensions import Self


class LonelyClassWarning(UserWarning):
    """A class has only one group, so that nothing is known of others."""


class GroupCalibratedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Fit a classifier, and calibrate its probabilities on groups left out in turn.

    It is scikit-learn's :class:`~sklearn.calibration.CalibratedClassifierCV` with folds that keep
    groups whole: a classifier that has heard an instrument is surer about its other notes than
    about another instrument, and probabilities calibrated on those notes would promise too much.

    Parameters
    ----------
    estimator : classifier
        With ``decision_function`` or ``predict_proba``. It is cloned.
    method : {"sigmoid", "isotonic"}, default="sigmoid"
        As in CalibratedClassifierCV; isotonic needs a thousand clips or more.
    n_splits : int, default=5
        Folds, at the most: no more than the class with the fewest groups has.
    seed : int, default=0
        Seed of the folds.

    Attributes
    ----------
    classes_ : ndarray
        The classes, sorted.
    calibrated_ : CalibratedClassifierCV
        What was fitted: one classifier on all clips, and its calibration.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.svm import SVC
    >>> X, y = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]] * 3), ["low"] * 3 + ["high"] * 3
    >>> model = GroupCalibratedClassifier(SVC()).fit(X, y * 3, groups=np.repeat([1, 2, 3], 6))
    >>> model.predict([[0.3], [4.0]]).tolist()
    ['low', 'high']
    """

    # With metadata routing, pipe.fit(X, y, groups=...) reaches this step without being told.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self, estimator: Any, *, method: str = "sigmoid", n_splits: int = 5, seed: int = 0
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.n_splits = n_splits
        self.seed = seed

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Fit the classifier on all clips, its calibration on groups left out.

        Parameters
        ----------
        X : array_like, shape (clip, feature)
            Features.
        y : array_like, shape (clip,)
            Classes.
        groups : array_like, shape (clip,), default=None
            What each clip comes from; in a pipeline ``classifier__groups=…``. None is a group
            for each clip.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If there are fewer than two classes, or no class has two clips.

        Warns
        -----
        LonelyClassWarning
            If a class has only one group, or one clip: that clip is trained on and calibrated on.
        """
        X = _plain(X)
        y = _checked_classes(y)
        if groups is not None and (lonely := lonely_classes(y, groups)):
            warnings.warn(
                f"only one group has {', '.join(map(str, lonely))}: probabilities of that are "
                "calibrated on clips of the group it was trained on, and promise too much",
                LonelyClassWarning,
                stacklevel=2,
            )
        X, y, groups = _with_single_clips_twice(X, y, groups)
        splits = group_splits(y, groups, n_splits=self.n_splits, seed=self.seed, strict=False)
        self.calibrated_ = CalibratedClassifierCV(
            self.estimator, method=self.method, cv=splits, ensemble=False
        ).fit(X, y)
        self.classes_ = self.calibrated_.classes_
        self.n_features_in_ = self.calibrated_.n_features_in_
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Return calibrated probabilities.

        Parameters
        ----------
        X : array_like, shape (clip, feature)
            Features.

        Returns
        -------
        ndarray, shape (clip, class)
            In the order of ``classes_``; each row sums to 1.
        """
        check_is_fitted(self)
        return np.asarray(self.calibrated_.predict_proba(_plain(X)))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable class of each clip.

        Parameters
        ----------
        X : array_like, shape (clip, feature)
            Features.

        Returns
        -------
        ndarray, shape (clip,)
        """
        check_is_fitted(self)
        return np.asarray(self.calibrated_.predict(_plain(X)))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import get_tags

        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = get_tags(self.estimator).input_tags.sparse
        return tags


def _with_single_clips_twice(
    X: Any, y: npt.NDArray[Any], groups: Any
) -> tuple[Any, npt.NDArray[Any], Any]:
    """Repeat each clip that is the only one of its class, so that its class can be calibrated."""
    classes, first, counts = np.unique(y, return_index=True, return_counts=True)
    single = counts == 1
    if not single.any() or len(classes) < 2 or single.all():
        return X, y, groups
    if groups is None:
        warnings.warn(
            f"only one clip is of {', '.join(map(str, classes[single]))}: probabilities of that "
            "are calibrated on the clip it was trained on, and promise too much",
            LonelyClassWarning,
            stacklevel=3,
        )
    rows = np.concatenate([np.arange(len(y)), first[single]])
    repeated = X.iloc[rows] if hasattr(X, "iloc") else _indexable(X)[rows]
    return repeated, y[rows], None if groups is None else np.asarray(groups)[rows]


def _indexable(X: Any) -> Any:
    return X.tocsr() if hasattr(X, "tocsr") else np.asarray(X)


def _checked_classes(y: Any) -> npt.NDArray[Any]:
    if y is None:
        raise InputError(
            "GroupCalibratedClassifier requires y to be passed, but the target y is None"
        )
    classes = column_or_1d(y, warn=True)
    check_classification_targets(classes)
    return np.asarray(classes)


def _plain(X: Any) -> Any:
    """Take the labels off a DataArray, which scikit-learn cannot split by rows."""
    return X if isinstance(X, pd.DataFrame) or not hasattr(X, "dims") else np.asarray(X)
