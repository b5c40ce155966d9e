"""scikit-learn's Pipeline, with steps that need no names."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline as SklearnPipeline
from typing_extensions import override

from qtokfeatures.estimators.inputs import check_labels, clip_count
from qtokfeatures.estimators.xarray_output import XarrayOutputMixin
from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    from typing_extensions import Self

NamedStep = tuple[str, Any]


class Pipeline(XarrayOutputMixin, SklearnPipeline):
    """A chain of estimators, whose steps may be given without names.

    In everything else it is scikit-learn's :class:`~sklearn.pipeline.Pipeline`: cloning, parameters
    (``pipe.set_params(kmeans__n_clusters=5)``), searching, slicing (``pipe[:-1]`` is again of this
    class), pickling, caching. A bare step is named as :func:`~sklearn.pipeline.make_pipeline` names
    it: the type in lower case, with ``-1``, ``-2``, … where a name occurs more than once.

    Parameters
    ----------
    steps : list of estimator or of (str, estimator)
        The chain; named and bare steps may be mixed.
    transform_input : list of str, default=None
        As in :class:`sklearn.pipeline.Pipeline` (scikit-learn ≥ 1.6).
    memory : str or joblib.Memory, default=None
        As in :class:`sklearn.pipeline.Pipeline`.
    verbose : bool, default=False
        As in :class:`sklearn.pipeline.Pipeline`.

    Raises
    ------
    InputError
        If `steps` is not a list, or a step is a class instead of an instance of it.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.preprocessing import StandardScaler
    >>> pipe = Pipeline([StandardScaler(), ("clusters", KMeans(4))])
    >>> [name for name, _ in pipe.steps]
    ['standardscaler', 'clusters']
    >>> pipe.set_params(clusters__n_clusters=7)["clusters"].n_clusters
    7
    """

    @property
    def steps(self) -> Any:
        """Steps of the pipeline, as (name, estimator) pairs."""
        return self._steps

    @steps.setter
    def steps(self, steps: Any) -> None:
        self._steps = name_steps(steps)

    @override
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        _check_target(self, X, y)
        fitted: Self = super().fit(X, y, **params)
        return fitted


def _check_target(pipe: Pipeline, X: Any, y: Any) -> None:
    """Refuse labels that no classifier learns from, before the first step encodes any clip."""
    if y is None or not hasattr(pipe.steps[0][1], "codec") or not is_classifier(pipe):
        return
    count = clip_count(X)
    labels = np.asarray(y) if count is None else check_labels(y, count)
    missing: Any = np.flatnonzero(pd.isna(labels)) if labels.ndim == 1 else []
    if len(missing):
        raise InputError(f"y has no label for clip {missing[0]}: leave the clip out, or label it")
    classes = list(dict.fromkeys(labels.ravel().tolist()))
    if len(classes) < 2:
        raise InputError(f"expected at least two classes, got 1 class: {classes}")


def name_steps(steps: Sequence[Any]) -> Sequence[NamedStep]:
    """Return steps as (name, estimator) pairs.

    `steps` itself is returned if all are named, because ``clone`` compares what it passed in.
    """
    if not isinstance(steps, (list, tuple)):
        raise InputError(
            "steps must be a list of estimators or of (name, estimator) pairs, "
            f"got {type(steps).__name__}"
        )
    for step in steps:
        _check_is_no_class(step)
    if all(_is_named(step) for step in steps):
        return steps
    taken = {step[0] for step in steps if _is_named(step)}
    names = iter(_bare_names([step for step in steps if not _is_named(step)], taken))
    return [tuple(step) if _is_named(step) else (next(names), step) for step in steps]


def _is_named(step: Any) -> bool:
    return isinstance(step, (tuple, list)) and len(step) == 2 and isinstance(step[0], str)


def _check_is_no_class(step: Any) -> None:
    estimator = step[1] if _is_named(step) else step
    if inspect.isclass(estimator):
        name = estimator.__name__
        raise InputError(f"a step must be an estimator, got the class {name}; write {name}()")


def _bare_names(estimators: Iterable[Any], taken: set[str]) -> list[str]:
    names = [
        estimator if isinstance(estimator, str) else type(estimator).__name__.lower()
        for estimator in estimators
    ]
    repeated = {name for name in names if names.count(name) > 1 or name in taken}
    numbered: list[str] = []
    for name in names:
        number = 1
        while name in repeated and f"{name}-{number}" in taken.union(numbered):
            number += 1
        numbered.append(f"{name}-{number}" if name in repeated else name)
    return numbered
