"""Token features beside MFCC and others at several tasks, with the same splits and tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from qtokfeatures.benches.measured import identify
from qtokfeatures.benches.tasks.baselines import FAMILIES, baselines
from qtokfeatures.benches.tasks.conditions import CLEAN
from qtokfeatures.benches.tasks.learners import Learnt, classify, cluster
from qtokfeatures.benches.tasks.result import Compared, TaskResult
from qtokfeatures.benches.tasks.sounds import SAMPLE_RATE, Sounds, Task
from qtokfeatures.evaluation.bootstrap import Interval, grouped_interval
from qtokfeatures.evaluation.perturbations import Perturbation
from qtokfeatures.exceptions import InputError, QtokError
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "scikit-learn", "librosa", "opensmile")
_RESAMPLES: Final = 1000
_CLUSTER_RESAMPLES: Final = 300
_CLUSTER_SCORES: Final = {"ari": adjusted_rand_score, "nmi": normalized_mutual_info_score}

Matrix = npt.NDArray[np.float32]
ByFeature = dict[str, dict[str, Matrix]]  # feature, condition → (clip, feature)
Rows = tuple[Compared, ...]


def bench_tasks(
    codec: AnyCodec,
    tasks: Sequence[Task],
    *,
    token_features: Mapping[str, Any],
    conditions: Sequence[Perturbation] = (),
    on_progress: Progress | None = None,
) -> TaskResult:
    """Scores of every token feature and acoustic baseline at every task, and in conditions.

    Splits and the choice of learners, within the clean training clips, are the same for every
    feature. Of tokens, MFCC and log-mel the feature to judge by is the one that is best there,
    over all tasks. Clusters are of clean clips only.
    """
    watch = on_progress or ignore_progress
    classified = [task for task in tasks if task.splits]
    if not classified:
        raise InputError("expected at least one task of classification, which chooses the feature")
    usable, skipped = _usable(conditions, tasks[0].sounds)
    sounds = {id(task.sounds): task.sounds for task in tasks}
    features: dict[int, ByFeature] = {}
    for key, own in with_progress(list(sounds.items()), "compute features", watch):
        features[key], missing = _features(codec, own, token_features, usable)
        skipped |= missing
    learnt = {task.name: _learn(task, features[id(task.sounds)], watch) for task in classified}
    computed = next(iter(learnt.values()))
    chosen = _best(learnt, tuple(token_features))
    families = [[name for name in own if name in computed] for own in FAMILIES.values()]
    bases = [_best(learnt, names) for names in families if names]
    rows, perturbed = {}, {}
    for task in tasks:
        if not task.splits:
            rows[task.name] = _clustered(task, features[id(task.sounds)], bases, watch)
            continue
        by_feature, tested = learnt[task.name], np.concatenate([test for _, test in task.splits])
        instances = task.sounds.instances[tested]
        rows[task.name] = _classified(by_feature, bases, {"accuracy": CLEAN}, instances)
        if usable:
            names = {name: name for name in (CLEAN, *(each.name for each in usable))}
            perturbed[task.name] = _classified(by_feature, bases, names, instances)
    return TaskResult(
        **identify(codec, _PACKAGES),
        tasks=rows,
        about={task.name: task.sounds.about for task in tasks},
        chosen=chosen,
        skipped=skipped,
        perturbed=perturbed,
    )


def _usable(
    conditions: Sequence[Perturbation], sounds: Sounds
) -> tuple[list[Perturbation], dict[str, str]]:
    """Conditions that work here, tried on one clip, and the others with the reason."""
    usable, skipped = [], {}
    for condition in conditions:
        try:
            condition.apply(sounds.waves[0], SAMPLE_RATE, key="0")
            usable.append(condition)
        except QtokError as error:
            skipped[condition.name] = str(error)
    return usable, skipped


def _features(
    codec: AnyCodec,
    sounds: Sounds,
    token_features: Mapping[str, Any],
    conditions: Sequence[Perturbation],
) -> tuple[ByFeature, dict[str, str]]:
    """Matrices of every feature by condition, and the baselines that are not installed."""
    found: ByFeature = {}
    skipped: dict[str, str] = {}
    fitted: dict[str, Any] = {}
    for condition in (None, *conditions):
        waves = sounds.waves
        if condition is not None:
            waves = [condition.apply(y, SAMPLE_RATE, key=f"{i}") for i, y in enumerate(waves)]
        matrices, missing = baselines(waves, SAMPLE_RATE)
        skipped |= missing
        codes = codec.encode_many(waves, sr=SAMPLE_RATE)
        for name, transformer in token_features.items():
            if condition is None:
                fitted[name] = transformer.fit(codes)
            matrices[name] = np.asarray(fitted[name].transform(codes))
        for name, matrix in matrices.items():
            found.setdefault(name, {})[CLEAN if condition is None else condition.name] = matrix
    return found, skipped


def _learn(task: Task, features: ByFeature, watch: Progress) -> dict[str, Learnt]:
    items = with_progress(list(features.items()), task.name, watch)
    return {name: classify(task, matrices) for name, matrices in items}


def _best(learnt: Mapping[str, Mapping[str, Learnt]], names: Sequence[str]) -> str:
    """The feature with the best mean accuracy within the training folds of all tasks."""
    return max(names, key=lambda name: np.mean([own[name].tuning for own in learnt.values()]))


def _classified(
    learnt: Mapping[str, Learnt],
    bases: Sequence[str],
    conditions: Mapping[str, str],
    instances: npt.NDArray[Any],
) -> Rows:
    """Accuracies by name of a score and its condition, with differences to the baselines."""
    return tuple(
        Compared(
            name,
            {score: float(own.right[each].mean()) for score, each in conditions.items()},
            {
                base: {
                    score: _gain_in_accuracy(own, learnt[base], each, instances)
                    for score, each in conditions.items()
                }
                for base in bases
                if base != name
            },
            own.tuning,
            own.chosen,
        )
        for name, own in learnt.items()
    )


def _gain_in_accuracy(
    own: Learnt, base: Learnt, condition: str, instances: npt.NDArray[Any]
) -> Interval:
    gain = own.right[condition].astype(float) - base.right[condition]
    return grouped_interval(
        instances, lambda drawn: float(gain[drawn].mean()), n_resamples=_RESAMPLES
    )


def _clustered(task: Task, features: ByFeature, bases: Sequence[str], watch: Progress) -> Rows:
    found = {
        name: cluster(task, matrices[CLEAN])
        for name, matrices in with_progress(list(features.items()), task.name, watch)
    }
    everything = np.arange(len(task.labels))
    rows = []
    for name, own in found.items():
        scores = {key: _agreement(key, task, own, everything) for key in _CLUSTER_SCORES}
        intervals = {
            base: {
                key: grouped_interval(
                    task.sounds.instances,
                    partial(_gain, key, task, own, found[base]),
                    n_resamples=_CLUSTER_RESAMPLES,
                )
                for key in _CLUSTER_SCORES
            }
            for base in bases
            if base != name
        }
        rows.append(Compared(name, scores, intervals))
    return tuple(rows)


def _gain(key: str, task: Task, own: Any, base: Any, drawn: npt.NDArray[np.int64]) -> float:
    return _agreement(key, task, own, drawn) - _agreement(key, task, base, drawn)


def _agreement(key: str, task: Task, clusters: Any, drawn: npt.NDArray[np.int64]) -> float:
    """Agreement of clusters with labels, mean over seeds."""
    score = _CLUSTER_SCORES[key]
    return float(np.mean([score(task.labels[drawn], each[drawn]) for each in clusters]))
