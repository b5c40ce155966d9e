"""Token features beside MFCC at several tasks: same splits, same learners, same tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from qtokfeatures.benches.provenance import codec_identity, package_versions
from qtokfeatures.benches.tasks.acoustic import BASELINES, MFCC
from qtokfeatures.benches.tasks.learners import Learnt, classify, cluster
from qtokfeatures.benches.tasks.result import Compared, TaskResult
from qtokfeatures.benches.tasks.sounds import SAMPLE_RATE, Sounds, Task
from qtokfeatures.evaluation.bootstrap import Interval, grouped_interval
from qtokfeatures.exceptions import InputError, QtokError
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

    AnyCodec: TypeAlias = Codec[Any, Any]

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
    """Compare features of tokens with MFCC, log-mel and, where it is installed, openSMILE.

    Every feature has the same splits and the same choice of learners, made within the training
    clips. The token feature to judge by is the one that was best there, over all tasks.

    Parameters
    ----------
    codec : Codec
        The codec.
    tasks : sequence of Task
        What to tell apart; one of classification at least.
    token_features : mapping of str to transformer
        Name in tables to a transformer of codes: anything with ``fit`` and ``transform`` that
        takes a CodeSequence and gives one row a clip.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    TaskResult

    Raises
    ------
    InputError
        If no task is one of classification.
    MissingExtraError
        If librosa is not installed.
    """
    watch = on_progress or ignore_progress
    if not any(task.splits for task in tasks):
        raise InputError("a task of classification is needed, to choose a feature by")
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
        codec=codec_identity(codec),
        tasks=rows,
        about={task.name: task.sounds.about for task in tasks},
        chosen=_best(rows, token_features),
        skipped=skipped,
        versions=package_versions(_PACKAGES),
    )


def _features(
    codec: AnyCodec, sounds: Sounds, token_features: Mapping[str, Any]
) -> tuple[Features, dict[str, str]]:
    """Every feature of the clips, and the baselines that cannot be had."""
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
    """How well clusters agree with labels, mean over seeds."""
    score = _CLUSTER_SCORES[key]
    return float(np.mean([score(task.labels[drawn], each[drawn]) for each in clusters]))


def _best(rows: Mapping[str, tuple[Compared, ...]], token_features: Mapping[str, Any]) -> str:
    """The token feature with the best mean accuracy within the training folds of all tasks."""

    def tuning(name: str) -> float:
        own = [row.tuning for each in rows.values() for row in each if row.feature == name]
        return float(np.mean([value for value in own if value is not None]))

    return max(token_features, key=tuning)
