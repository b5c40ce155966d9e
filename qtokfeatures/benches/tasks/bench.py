"""Token features beside MFCC and others at several tasks, with the same splits and tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from qtokfeatures.benches.measured import identify
from qtokfeatures.benches.tasks.baselines import BASELINES, MFCC
from qtokfeatures.benches.tasks.learners import Learnt, classify, cluster
from qtokfeatures.benches.tasks.result import Compared, TaskResult
from qtokfeatures.benches.tasks.sounds import SAMPLE_RATE, Sounds, Task
from qtokfeatures.evaluation.bootstrap import Interval, grouped_interval
from qtokfeatures.exceptions import InputError, QtokError
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "scikit-learn", "librosa", "opensmile")
_RESAMPLES: Final = 1000
_CLUSTER_RESAMPLES: Final = 300
_CLUSTER_SCORES: Final = {"ari": adjusted_rand_score, "nmi": normalized_mutual_info_score}

Matrix = npt.NDArray[np.float32]
Features = dict[str, Matrix]


def bench_tasks(
    codec: AnyCodec,
    tasks: Sequence[Task],
    *,
    token_features: Mapping[str, Any],
    on_progress: Progress | None = None,
) -> TaskResult:
    """Scores of every token feature and acoustic baseline at every task.

    Splits and the choice of learners, within the training clips, are the same for every feature.
    The token feature to judge by is the one that is best there, over all tasks.
    """
    watch = on_progress or ignore_progress
    if not any(task.splits for task in tasks):
        raise InputError("expected at least one task of classification, which chooses the feature")
    distinct: list[Sounds] = []
    for task in tasks:
        if not any(task.sounds is known for known in distinct):
            distinct.append(task.sounds)
    computed = [
        (sounds, _features(codec, sounds, token_features))
        for sounds in with_progress(distinct, "compute features", watch)
    ]
    skipped = {name: reason for _, (_, reasons) in computed for name, reason in reasons.items()}
    rows = {}
    for task in tasks:
        own = next(found for sounds, (found, _) in computed if sounds is task.sounds)
        compare = _classified if task.splits else _clustered
        rows[task.name] = compare(task, own, watch)
    return TaskResult(
        **identify(codec, _PACKAGES),
        tasks=rows,
        about={task.name: task.sounds.about for task in tasks},
        chosen=_best(rows, token_features),
        skipped=skipped,
    )


def _features(
    codec: AnyCodec, sounds: Sounds, token_features: Mapping[str, Any]
) -> tuple[Features, dict[str, str]]:
    """Every feature of the clips, and the baselines that are not installed, with the reason."""
    found: Features = {}
    skipped: dict[str, str] = {}
    for name, compute in BASELINES.items():
        try:
            found[name] = compute(sounds.waves, SAMPLE_RATE)
        except QtokError as error:
            if name == MFCC:
                raise
            skipped[name] = str(error)
    codes = codec.encode_many(sounds.waves, sr=SAMPLE_RATE)
    for name, transformer in token_features.items():
        found[name] = np.asarray(transformer.fit(codes).transform(codes))
    return found, skipped


def _classified(task: Task, features: Features, watch: Progress) -> tuple[Compared, ...]:
    learnt = {
        name: classify(task, matrix)
        for name, matrix in with_progress(list(features.items()), task.name, watch)
    }
    tested = np.concatenate([test for _, test in task.splits])
    instances = task.sounds.instances[tested]
    return tuple(
        Compared(
            name,
            {"accuracy": float(own.right.mean())},
            {
                base: {"accuracy": _gain_in_accuracy(own, learnt[base], instances)}
                for base in _baselines(features)
                if base != name
            },
            own.tuning,
            own.chosen,
        )
        for name, own in learnt.items()
    )


def _baselines(features: Features) -> list[str]:
    return [name for name in features if name in BASELINES]


def _gain_in_accuracy(own: Learnt, base: Learnt, instances: npt.NDArray[Any]) -> Interval:
    gain = own.right.astype(float) - base.right
    return grouped_interval(
        instances, lambda drawn: float(gain[drawn].mean()), n_resamples=_RESAMPLES
    )


def _clustered(task: Task, features: Features, watch: Progress) -> tuple[Compared, ...]:
    found = {
        name: cluster(task, matrix)
        for name, matrix in with_progress(list(features.items()), task.name, watch)
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
            for base in _baselines(features)
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


def _best(rows: Mapping[str, tuple[Compared, ...]], token_features: Mapping[str, Any]) -> str:
    """The token feature with the best mean accuracy within the training folds of all tasks."""

    def tuning(name: str) -> float:
        own = [row.tuning for each in rows.values() for row in each if row.feature == name]
        return float(np.mean([value for value in own if value is not None]))

    return max(token_features, key=tuning)
