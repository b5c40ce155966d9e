"""What the bench of tasks measured: plain values, with their intervals and their JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_RESAMPLES: Final = 1000

Numbers = npt.NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Compared:
    """One feature at one task, beside the baselines.

    Parameters
    ----------
    feature : str
        Name in tables.
    scores : mapping of str to float
        ``accuracy``, or ``ari`` and ``nmi`` of clusters.
    differences : mapping of str to mapping of str to (float, float)
        Baseline to the 95 % interval of each score's difference to it; a baseline is not compared
        with itself.
    tuning : float or None
        Accuracy within the training folds; None for clusters.
    learners : tuple of str
        What was chosen, fold by fold.
    """

    feature: str
    scores: Mapping[str, float]
    differences: Mapping[str, Mapping[str, Interval]]
    tuning: float | None = None
    learners: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskResult:
    """Everything that :func:`~qtokfeatures.benches.tasks.bench_tasks` measured.

    Parameters
    ----------
    codec : mapping of str to str
        Name, revision and fingerprint of the codec.
    tasks : mapping of str to tuple of Compared
        Task to its rows.
    about : mapping of str to str
        What the sounds of each task are.
    chosen : str
        The token feature that was best within the training folds.
    skipped : mapping of str to str
        Baselines that were left out, and why.
    versions : mapping of str to str
        Versions of the packages that measured.
    """

    codec: Mapping[str, str]
    tasks: Mapping[str, tuple[Compared, ...]]
    about: Mapping[str, str]
    chosen: str
    skipped: Mapping[str, str]
    versions: Mapping[str, str]

    def chosen_rows(self) -> dict[str, Compared]:
        """Return the row of the chosen feature at each task.

        Returns
        -------
        dict
        """
        return {
            task: row
            for task, rows in self.tasks.items()
            for row in rows
            if row.feature == self.chosen
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types.

        Returns
        -------
        dict
        """
        tasks = {
            name: [
                {
                    "feature": row.feature,
                    "scores": dict(row.scores),
                    "difference_95": {
                        base: {key: list(interval) for key, interval in own.items()}
                        for base, own in row.differences.items()
                    },
                    "tuning": row.tuning,
                    "learners": list(row.learners),
                }
                for row in rows
            ]
            for name, rows in self.tasks.items()
        }
        return {
            "codec": dict(self.codec),
            "tasks": tasks,
            "about": dict(self.about),
            "chosen": self.chosen,
            "skipped": dict(self.skipped),
            "versions": dict(self.versions),
        }


def paired_interval(
    instances: npt.NDArray[Any],
    difference: Callable[[npt.NDArray[np.int64]], float],
    *,
    n_resamples: int = _RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile bootstrap of a difference over instances.

    Parameters
    ----------
    instances : ndarray, shape (clip,)
        What each clip is of; an instance is drawn with all its clips.
    difference : callable
        Takes the indices of clips, with repetitions, and gives the difference of two scores.
    n_resamples : int, default 1000
        Resamples drawn.
    seed : int, default 0
        Seed of the draws.

    Returns
    -------
    low : float
        Lower end.
    high : float
        Upper end.

    Examples
    --------
    >>> import numpy as np
    >>> better = np.array([1.0, 1.0, 0.0, 1.0])
    >>> paired_interval(np.array(list("aabb")), lambda drawn: float(better[drawn].mean()))
    (0.5, 1.0)
    """
    names, own = np.unique(instances, return_inverse=True)
    clips = [np.flatnonzero(own == i) for i in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(names), size=(n_resamples, len(names)))
    found = [difference(np.concatenate([clips[i] for i in row])) for row in drawn]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)
