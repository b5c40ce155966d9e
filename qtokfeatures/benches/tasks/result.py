"""What the bench of tasks measured: plain values, with their intervals and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.bootstrap import Interval

Numbers = npt.NDArray[np.float64]


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
