"""Cross-validation splits that keep groups such as instruments, speakers or tracks whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.multiclass import check_classification_targets

from qtokfeatures.exceptions import InputError
from qtokfeatures.parameters import whole

Split = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # training rows, test rows

_ATTEMPTS: Final = 20  # stratified folds of different seeds
_DRAWS: Final = 500  # random folds, where no stratified ones keep every class in training
_MOST_NAMED: Final = 5
_WITHOUT: Final = "hold out single clips with groups=None (--group none)"


class SmallClassWarning(UserWarning):
    """A class has too few groups or clips for a reliable accuracy or calibration.

    Examples
    --------
    >>> import warnings
    >>> warnings.simplefilter("ignore", SmallClassWarning)
    """


def group_splits(
    y: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    n_splits: int = 5,
    seed: int = 0,
    strict: bool = True,
) -> list[Split]:
    """Split clips into stratified folds that keep groups whole.

    Parameters
    ----------
    y : array_like, shape (clip,)
        Class of each clip.
    groups : array_like, shape (clip,), default=None
        Group of each clip, such as the instrument, speaker, track or composer. None treats each
        clip as a group of its own; the result then does not generalise to new groups.
    n_splits : int, default=5
        Largest number of folds. The class with the fewest groups limits it further.
    seed : int, default=0
        Seed of the shuffling.
    strict : bool, default=True
        If True, a class with a single group raises an error. If False, its clips are split
        individually.

    Returns
    -------
    list of (ndarray, ndarray)
        Row numbers of the training and test clips of each fold. Each clip is tested once, and
        every training part contains all classes.

    Raises
    ------
    InputError
        If there are fewer than two classes, a class or group is missing or no class, a class has
        only one group, or no split keeps groups whole. Names the classes or the clip.

    Examples
    --------
    >>> splits = group_splits(["a", "a", "a", "b", "b", "b"], [1, 1, 2, 3, 4, 4])
    >>> len(splits)
    2
    """
    whole("n_splits", n_splits, at_least=2)
    classes, labels = np.unique(check_classes(y), return_inverse=True)
    of = np.arange(len(labels)) if groups is None else _numbered(groups, len(labels))
    if len(classes) < 2:
        raise InputError(f"expected at least two classes, got 1 class: {classes.tolist()}")
    if not strict:
        of = _with_small_split(labels, of)
    most = min(n_splits, _fewest_groups(classes, labels, of))
    for folds in range(most, 1, -1):
        balanced = (
            _folds(labels, None if groups is None else of, folds, seed + attempt)
            for attempt in range(_ATTEMPTS)
        )
        drawn = (_drawn_folds(of, folds, seed + attempt) for attempt in range(_DRAWS))
        for splits in chain(balanced, drawn):
            if _are_complete(splits, labels, len(classes)):
                return splits
    raise InputError(
        "no split keeps groups whole and every class in training, because too many classes share "
        f"their groups; add groups, leave out classes that share all of theirs, or {_WITHOUT}"
    )


def check_classes(y: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return one class per clip; other values raise an error that names the clip."""
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise InputError(f"y must be one class per clip, got an array of shape {labels.shape}")
    if pd.isna(labels).any():
        raise InputError(f"y has no value for clip {int(np.argmax(pd.isna(labels)))}")
    try:
        check_classification_targets(labels)
        np.unique(labels)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"y must be classes of one type, such as text or whole numbers: {error}"
        ) from error
    return labels


def _numbered(groups: npt.ArrayLike, n_clips: int) -> npt.NDArray[np.int64]:
    given = np.asarray(groups)
    if given.shape != (n_clips,):
        raise InputError(
            f"groups must have an entry for each of {n_clips} clips, got {given.shape}"
        )
    if pd.isna(given).any():
        raise InputError(f"groups has no value for clip {int(np.argmax(pd.isna(given)))}")
    return np.asarray(pd.factorize(given, sort=given.dtype != object)[0], dtype=np.int64)


def _with_small_split(labels: Any, groups: Any) -> Any:
    """Turn each clip of a class with a single group into a group of its own."""
    split = groups.copy()
    for label in single_group_classes(labels, groups):
        rows = np.flatnonzero(labels == label)
        split[rows] = groups.max() + 1 + rows
    return split


def single_group_classes(y: npt.ArrayLike, groups: npt.ArrayLike) -> list[Any]:
    """Return the sorted classes with a single group."""
    labels = np.asarray(y)
    of = _numbered(groups, len(labels))
    return [name for name in np.unique(labels).tolist() if len(set(of[labels == name])) < 2]


def _fewest_groups(classes: Any, labels: Any, groups: Any) -> int:
    """Return the number of groups of the class with the fewest, which must be 2 or more."""
    small = [str(classes[label]) for label in single_group_classes(labels, groups)]
    if small:
        few = f"{len(small)} of {len(classes)} classes have one: {named(small)}"
        raise InputError(
            f"every class needs two clips, and {few}; add clips or leave these classes out"
            if len(np.unique(groups)) == len(groups)
            else f"every class needs two groups, and {few}; add groups, leave these classes out, "
            f"or {_WITHOUT}"
        )
    return min(len(set(groups[labels == label])) for label in range(len(classes)))


def named(classes: Sequence[Any]) -> str:
    """Name the first classes, for messages."""
    more = ", …" if len(classes) > _MOST_NAMED else ""
    return ", ".join(map(str, classes[:_MOST_NAMED])) + more


def _folds(labels: Any, groups: Any, n_splits: int, seed: int) -> list[Split]:
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = kind(n_splits, shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(len(labels)), labels, groups))


def _drawn_folds(groups: Any, n_splits: int, seed: int) -> list[Split]:
    """Draw folds of whole groups at random, for classes that share groups."""
    numbers = np.unique(groups, return_inverse=True)[1]
    fold = np.random.default_rng(seed).integers(n_splits, size=numbers.max() + 1)[numbers]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_splits)]


def _are_complete(splits: list[Split], labels: Any, n_classes: int) -> bool:
    return all(len(test) and len(np.unique(labels[train])) == n_classes for train, test in splits)
