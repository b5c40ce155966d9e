"""Classifier with probabilities calibrated on held-out groups."""

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
from qtokfeatures.pipelines.splits import (
    SmallClassWarning,
    group_splits,
    single_group_classes,
)

if TYPE_CHECKING:
    from typing_extensions import Self


class GroupCalibratedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Fit a classifier and calibrate its probabilities on held-out groups.

    This is scikit-learn's :class:`~sklearn.calibration.CalibratedClassifierCV` with folds that keep
    groups whole. A classifier is more confident about further notes of an instrument in its
    training data than about a new instrument, so calibration on such notes is overconfident.

    Parameters
    ----------
    estimator : classifier
        Classifier with ``decision_function`` or ``predict_proba``. It is cloned by :meth:`fit`.
    method : {"sigmoid", "isotonic"}, default="sigmoid"
        Calibration method, as in CalibratedClassifierCV. Isotonic needs 1000 clips or more.
    n_splits : int, default=5
        Largest number of folds. The class with the fewest groups limits it further.
    seed : int, default=0
        Seed of the fold assignment.

    Attributes
    ----------
    classes_ : ndarray
        Sorted classes.
    calibrated_ : CalibratedClassifierCV
        One classifier fitted on all clips, with its calibration.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.svm import SVC
    >>> X, y = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]] * 3), ["low"] * 3 + ["high"] * 3
    >>> model = GroupCalibratedClassifier(SVC()).fit(X, y * 3, groups=np.repeat([1, 2, 3], 6))
    >>> model.predict([[0.3], [4.0]]).tolist()
    ['low', 'high']
    """

    # With metadata routing enabled, pipe.fit(X, y, groups=...) passes the groups to this step.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self, estimator: Any, *, method: str = "sigmoid", n_splits: int = 5, seed: int = 0
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.n_splits = n_splits
        self.seed = seed

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Fit the classifier on all clips and its calibration on held-out groups.

        Parameters
        ----------
        X : array_like, shape (clip, feature)
            Features.
        y : array_like, shape (clip,)
            Class of each clip.
        groups : array_like, shape (clip,), default=None
            Group of each clip, such as its instrument or speaker. In a pipeline, pass
            ``classifier__groups=…``. None treats each clip as a group of its own.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If there are fewer than two classes, or no class has two clips.

        Warns
        -----
        SmallClassWarning
            If a class has a single group or a single clip. Its clips are then used for both
            training and calibration.
        """
        X = _plain(X)
        y = _checked_classes(y)
        if groups is not None and (small := single_group_classes(y, groups)):
            warnings.warn(
                f"only one group has {', '.join(map(str, small))}: their probabilities are "
                "calibrated on a group that is also in the training data, and are too high",
                SmallClassWarning,
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
        """Return the calibrated probability of each class.

        Parameters
        ----------
        X : array_like, shape (clip, feature)
            Features.

        Returns
        -------
        ndarray, shape (clip, class)
            Probabilities in the order of ``classes_``; each row sums to 1.
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
            Predicted classes.
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
    """Duplicate the only clip of a class, which two folds need."""
    classes, first, counts = np.unique(y, return_index=True, return_counts=True)
    single = counts == 1
    if not single.any() or len(classes) < 2 or single.all():
        return X, y, groups
    if groups is None:
        warnings.warn(
            f"only one clip has {', '.join(map(str, classes[single]))}: their probabilities are "
            "calibrated on a clip that is also in the training data, and are too high",
            SmallClassWarning,
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
    """Convert a DataArray, which scikit-learn cannot index by rows, to NumPy."""
    return X if isinstance(X, pd.DataFrame) or not hasattr(X, "dims") else np.asarray(X)
