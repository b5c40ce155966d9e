"""Sounds of the clusters and classes of a fitted pipeline."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from qtokfeatures.estimators.frame_bank import FrameBank, codes_of_runs
from qtokfeatures.estimators.resynthesis import Sonified
from qtokfeatures.exceptions import InputError

_CENTRES: Final = ("cluster_centers_", "centroids_", "medoids_", "means_")
_CLASS_MEANS: Final = ("theta_", "means_", "centroids_")


def sonify(
    pipe: Any, *, cluster: int | None = None, label: Any = None, duration_s: float | None = None
) -> Sonified:
    """Synthesise a sound for a cluster or a class of a fitted pipeline.

    The sound is synthesised for one vector of features. That is the centre of the cluster or the
    class, if the last step has one and all steps before it can be inverted. Otherwise it is the
    mean of those members that :class:`~qtokfeatures.QTokenizer` kept frames of; for a class, of
    those that the classifier predicts correctly, if there are any.

    Parameters
    ----------
    pipe : Pipeline
        Fitted; its first step is a QTokenizer, its last a clusterer or classifier. Of a fitted
        search (GridSearchCV) the best pipeline is used.
    cluster : int, optional
        Number of a cluster.
    label : object, optional
        A class. The pipeline must have been fitted with `y`.
    duration_s : float, optional
        Length in seconds; by default the median of the clips fitted on.

    Returns
    -------
    Sonified
        ``(y, sr, frames)``: audio, its rate (the QTokenizer's `sr`, or that of the codec) and the
        real frames that it consists of.

    Raises
    ------
    InputError
        If not exactly one of `cluster` and `label` is given, there is no such cluster or class, or
        the pipeline is of another kind.
    NotFittedError
        If the pipeline is not fitted.

    See Also
    --------
    QTokenizer.inverse_transform : The same for any vector of features.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> from sklearn.cluster import KMeans
    >>> rng = np.random.default_rng(0)
    >>> clips = [np.sin(np.arange(12000) * f) for f in (0.05, 0.051)]
    >>> clips += [rng.normal(0, 0.1, 12000), rng.normal(0, 0.1, 12000)]
    >>> pipe = qt.Pipeline([qt.QTokenizer(sr=24000), KMeans(2, random_state=0)]).fit(clips)
    >>> noise = sonify(pipe, cluster=pipe[-1].labels_[3])
    >>> noise.y.shape, noise.sr
    ((12000,), 24000)
    >>> set(noise.frames["clip"].values.tolist()) <= {"array-2", "array-3"}
    True
    """
    pipe = getattr(pipe, "best_estimator_", pipe)
    _check_pipeline(pipe)
    if (cluster is None) == (label is None):
        raise InputError("sonify needs exactly one of cluster= and label=")
    target = _cluster_vector(pipe, cluster) if label is None else _class_vector(pipe, label)
    sound: Sonified
    (sound,) = pipe[0].resynthesize(target[None], duration_s=duration_s)
    return sound


def _check_pipeline(pipe: Any) -> None:
    steps = getattr(pipe, "steps", None)
    if not steps or len(steps) < 2 or not hasattr(steps[0][1], "resynthesize"):
        raise InputError(
            "sonify needs a Pipeline whose first step is a QTokenizer and whose last is a "
            f"clusterer or classifier, got {type(pipe).__name__}"
        )
    check_is_fitted(steps[0][1], "bank_")
    check_is_fitted(steps[-1][1])


def _cluster_vector(pipe: Any, cluster: Any) -> npt.NDArray[np.float64]:
    final = pipe[-1]
    centres = _first_attribute(final, _CENTRES)
    known = _cluster_numbers(final, centres)
    if known is None or hasattr(final, "classes_"):
        raise InputError(
            f"{type(final).__name__} has no clusters: expected a clusterer as the last step, "
            "or label= instead of cluster="
        )
    is_number = isinstance(cluster, (int, np.integer)) and not isinstance(cluster, bool)
    if not is_number or cluster not in known:
        raise InputError(f"there is no cluster {cluster!r}; there are {_listed(known)}")
    if centres is not None and 0 <= cluster < len(centres):
        inverted = _inverted(pipe, centres[[cluster]])
        if inverted is not None:
            return inverted
    bank: FrameBank = pipe[0].bank_
    rows, features = _bank_features(pipe)
    found = final.labels_[rows] if hasattr(final, "labels_") else pipe[1:].predict(features)
    return _mean_of(features, found == cluster, f"cluster {cluster!r}", len(bank.length))


def _class_vector(pipe: Any, label: Any) -> npt.NDArray[np.float64]:
    final = pipe[-1]
    if not hasattr(final, "classes_"):
        raise InputError(
            f"{type(final).__name__} has no classes: expected a classifier as the last step, "
            "or cluster= instead of label="
        )
    known = list(final.classes_)
    if np.ndim(label) or label not in known:
        raise InputError(f"there is no class {label!r}; there are {_listed(known)}")
    means = _first_attribute(final, _CLASS_MEANS)
    if means is not None and len(means) == len(known):
        inverted = _inverted(pipe, means[[known.index(label)]])
        if inverted is not None:
            return inverted
    bank: FrameBank = pipe[0].bank_
    if bank.label is None:
        raise InputError(
            f"{type(final).__name__} keeps no mean of a class, and the QTokenizer was fitted "
            "without y: fit the whole pipeline with y, one label per clip"
        )
    rows, features = _bank_features(pipe)
    of_row = dict(zip(bank.row.tolist(), bank.label.tolist(), strict=True))
    members = np.array([of_row[row] == label for row in rows.tolist()])
    right = members & (np.asarray(pipe[1:].predict(features)) == label)
    chosen = right if right.any() else members
    return _mean_of(features, chosen, f"class {label!r}", len(bank.length))


def _inverted(pipe: Any, vectors: Any) -> npt.NDArray[np.float64] | None:
    """Return features for a vector before the last step, or None if a step has no inverse."""
    for _, step in reversed(pipe.steps[1:-1]):
        if step is None or step == "passthrough":
            continue
        if not hasattr(step, "inverse_transform"):
            return None
        vectors = step.inverse_transform(vectors)
    return np.asarray(np.asarray(vectors)[0], dtype=np.float64)


def _bank_features(pipe: Any) -> tuple[npt.NDArray[np.int64], Any]:
    """Return the rows that the bank has frames of, and the features of these frames."""
    tokenizer = pipe[0]
    rows, clips = tokenizer.bank_.clips()
    spec = tokenizer.spec_
    return rows, tokenizer.transform(codes_of_runs(clips, spec, sr=spec.sample_rate))


def _mean_of(
    features: Any, chosen: npt.NDArray[np.bool_], name: str, n_segments: int
) -> npt.NDArray[np.float64]:
    if not chosen.any():
        raise InputError(
            f"none of the {n_segments} segments that the QTokenizer kept of the clips it was "
            f"fitted on is of {name}; there is nothing to make its sound of"
        )
    values = features.toarray() if hasattr(features, "toarray") else np.asarray(features)
    return np.asarray(values[chosen].mean(axis=0), dtype=np.float64)


def _first_attribute(estimator: Any, names: tuple[str, ...]) -> Any:
    found = (getattr(estimator, name) for name in names if hasattr(estimator, name))
    return next(found, None)


def _cluster_numbers(final: Any, centres: Any) -> list[int] | None:
    labels = getattr(final, "labels_", None)
    if labels is not None:
        return [int(each) for each in np.unique(labels)]
    return None if centres is None else list(range(len(centres)))


def _listed(known: list[Any], most: int = 10) -> str:
    plain = [each.item() if isinstance(each, np.generic) else each for each in known[:most]]
    shown = ", ".join(map(repr, plain))
    return shown + (f", … ({len(known)} in all)" if len(known) > most else "")
