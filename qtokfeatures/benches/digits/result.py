"""What the digit bench measured: plain values, with their intervals and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.bootstrap import bootstrap_interval

CLEAN: Final = "clean"
"""The condition without noise."""

Right = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Recognised:
    """What a classifier got right, under some conditions.

    Parameters
    ----------
    name : str
        The feature, or what the recordings went through.
    right : mapping of str to ndarray of bool, shape (recording,)
        Condition to what was right.
    """

    name: str
    right: Mapping[str, Right]

    def accuracy(self, condition: str = CLEAN) -> float:
        """Share of recordings that were recognised, 0 … 1."""
        return float(np.mean(self.right[condition]))

    def interval(self, condition: str = CLEAN) -> tuple[float, float]:
        """95 % bootstrap interval of :meth:`accuracy` over recordings."""
        return bootstrap_interval(self.right[condition].astype(float).tolist())


@dataclass(frozen=True, eq=False)
class DigitResult:
    """Everything that :func:`~qtokfeatures.evaluation.bench_digits` measured.

    Parameters
    ----------
    codec : mapping of str to str
        Name, revision and fingerprint of the codec.
    speakers : ndarray of str, shape (recording,)
        Who speaks.
    conditions : tuple of str
        Clean, and every noise.
    features : tuple of Recognised
        One a feature, under every condition.
    decoded : tuple of Recognised
        The recogniser on originals, on what the codec made of them and on what its peers did.
    skipped : mapping of str to str
        Peers that were left out, and why.
    versions : mapping of str to str
        Versions of the packages that measured.
    """

    codec: Mapping[str, str]
    speakers: npt.NDArray[np.str_]
    conditions: tuple[str, ...]
    features: tuple[Recognised, ...]
    decoded: tuple[Recognised, ...]
    skipped: Mapping[str, str]
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types.

        Returns
        -------
        dict
        """
        people, counts = np.unique(self.speakers, return_counts=True)
        return {
            "codec": dict(self.codec),
            "recordings": dict(zip(people.tolist(), counts.tolist(), strict=True)),
            "features": [_plain(row) for row in self.features],
            "decoded": [_plain(row) for row in self.decoded],
            "skipped": dict(self.skipped),
            "versions": dict(self.versions),
        }


def _plain(row: Recognised) -> dict[str, Any]:
    accuracy = {
        condition: {
            "accuracy": row.accuracy(condition),
            "interval_95": list(row.interval(condition)),
        }
        for condition in row.right
    }
    return {"name": row.name, "conditions": accuracy}
