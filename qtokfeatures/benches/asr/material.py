"""What recognisers are trained on and tested in, and the recognisers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.benches.asr.utterances import CORPORA, SR, Utterance
from qtokfeatures.evaluation.perturbations import Perturbation

N_FOLDS: Final = 5

_BENCH: Final = 2
"""Raised when the bench changes, so that what an older one stored is not taken."""

_EXAMPLES: Final = 4
"""Utterances that tell one noise from another."""


@dataclass(frozen=True, eq=False)
class System:
    """A front end and a recogniser.

    Parameters
    ----------
    name : str
        Name in tables.
    front_end : transformer
        From ``(y, sr)`` pairs to a list of frames (frame, feature).
    recognizer : estimator
        Fitted on such frames and transcripts; predicts transcripts; has a parameter ``seed``.
    settings : sequence of dict
        Parameters of the recogniser to choose among: as many for each system.
    """

    name: str
    front_end: Any
    recognizer: Any
    settings: Sequence[Mapping[str, Any]] = ({},)


@dataclass(frozen=True, eq=False)
class Material:
    """What all systems are trained on and tested in.

    Parameters
    ----------
    utterances : sequence of Utterance
        Of several speakers.
    conditions : mapping of str to Perturbation or None
        What they are tested in.
    noise : Perturbation
        What is added to every other utterance for training on noisy speech.
    seeds : sequence of int
        Of the recognisers.
    """

    utterances: Sequence[Utterance]
    conditions: Mapping[str, Perturbation | None]
    noise: Perturbation
    seeds: Sequence[int]

    def waves(self, change: Perturbation | None) -> list[tuple[npt.NDArray[np.float32], int]]:
        """Return the utterances, changed."""
        if change is None:
            return [(u.y, SR) for u in self.utterances]
        return [(change.apply(u.y, SR, key=u.name), SR) for u in self.utterances]

    def folds(self) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Yield rows to train on and to test on: no speaker is in both."""
        fold = self._fold_of_utterances()
        for number in range(N_FOLDS):
            yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)

    def tuning_fold(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return rows to train and to test settings on, none of split ``dev``."""
        fold = self._fold_of_utterances()
        usable = np.array([u.tunable for u in self.utterances])
        number = fold[usable].min()
        return np.flatnonzero(usable & (fold != number)), np.flatnonzero(usable & (fold == number))

    def _fold_of_utterances(self) -> npt.NDArray[np.int64]:
        """Speakers of each corpus are dealt out in turn."""
        fold_of: dict[str, int] = {}
        for numbers in (True, False):
            own = {u.speaker for u in self.utterances if (u.corpus == CORPORA[2]) == numbers}
            fold_of |= {speaker: i % N_FOLDS for i, speaker in enumerate(sorted(own))}
        return np.array([fold_of[u.speaker] for u in self.utterances])

    def fingerprint(self, system: System) -> str:
        """Tell one piece of work from another: the speech, what happens to it, and the system."""
        described = [
            _BENCH,
            system.name,
            _described(system.front_end),
            _described(system.recognizer),
            [dict(setting) for setting in system.settings],
        ]
        digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
        digest.update(self._fingerprint.encode())
        return digest.hexdigest()[:16]

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for utterance in self.utterances:
            digest.update(f"{utterance.name} {utterance.transcript}".encode())
            digest.update(utterance.y.tobytes())
        for name, change in {**self.conditions, "training": self.noise}.items():
            digest.update(name.encode())
            if change is not None:
                for utterance in self.utterances[:_EXAMPLES]:
                    digest.update(change.apply(utterance.y, SR, key=utterance.name).tobytes())
        return digest.hexdigest()


def _described(estimator: Any) -> dict[str, Any]:
    """An estimator's class and parameters as JSON types; of a codec the fingerprint."""
    params = {
        name: value.spec.fingerprint if hasattr(value, "spec") else value
        for name, value in estimator.get_params(deep=False).items()
        if not isinstance(value, Path)  # where it keeps what it made
    }
    return {"class": type(estimator).__name__, **params}
