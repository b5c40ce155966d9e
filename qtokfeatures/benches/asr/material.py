"""Systems that the ASR bench compares, and the speech and conditions it compares them in."""

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

from qtokfeatures.benches.asr.utterances import CORPORA, SR
from qtokfeatures.benches.clips import BenchClip
from qtokfeatures.evaluation.perturbations import Perturbation

N_FOLDS: Final = 5

_BENCH: Final = 2  # raised when the bench changes, which invalidates stored results
_EXAMPLES: Final = 4  # noisy utterances that enter the fingerprint
_CODEC_UPSAMPLE, _ACOUSTIC_STRIDE = 2, 4  # 25 steps per second for all
_SETTINGS: Final = tuple(
    {"learning_rate": rate, "dropout": dropout}
    for rate in (0.005, 0.01, 0.02)
    for dropout in (0.1, 0.3)
)


@dataclass(frozen=True, eq=False)
class System:
    """A front end and a recogniser, with as many settings to choose from as every other system.

    `front_end` transforms ``(y, sr)`` pairs to frames (frame, feature), `recognizer` is fitted on
    frames and transcripts and has a parameter ``seed``.
    """

    name: str
    front_end: Any
    recognizer: Any
    settings: Sequence[Mapping[str, Any]] = ({},)


@dataclass(frozen=True, eq=False)
class Material:
    """Speech, test conditions, training noise and seeds that all systems share."""

    utterances: Sequence[BenchClip]
    conditions: Mapping[str, Perturbation | None]
    noise: Perturbation
    seeds: Sequence[int]

    def waves(self, change: Perturbation | None) -> list[tuple[npt.NDArray[np.float32], int]]:
        """The utterances after a perturbation."""
        if change is None:
            return [(u.y, SR) for u in self.utterances]
        return [(change.apply(u.y, SR, key=u.name), SR) for u in self.utterances]

    def folds(self) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Rows to train on and to test on; no speaker is in both."""
        fold = self._fold_of_utterances()
        for number in range(N_FOLDS):
            yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)

    def tuning_fold(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows to train and to test settings on, none of split ``dev``."""
        fold = self._fold_of_utterances()
        usable = np.array([u.split != "dev" for u in self.utterances])
        number = fold[usable].min()
        return np.flatnonzero(usable & (fold != number)), np.flatnonzero(usable & (fold == number))

    def _fold_of_utterances(self) -> npt.NDArray[np.int64]:
        """Fold of each utterance; the speakers of each corpus are distributed in turn."""
        fold_of: dict[str, int] = {}
        for numbers in (True, False):
            own = {u.speaker for u in self.utterances if (u.kind == CORPORA[2]) == numbers}
            fold_of |= {speaker: i % N_FOLDS for i, speaker in enumerate(sorted(own))}
        return np.array([fold_of[u.speaker] for u in self.utterances])

    def fingerprint(self, system: System) -> str:
        """Hash of the speech, its perturbations and the system."""
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
            digest.update(f"{utterance.name} {utterance.text}".encode())
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
        if not isinstance(value, Path)  # a cache, which changes no result
    }
    return {"class": type(estimator).__name__, **params}


def asr_systems(codec: Any, *, cache: Path, epochs: int) -> list[System]:
    """Front ends with the same recogniser; first MFCC and log-mel, the bases of comparison."""
    from qtokfeatures.speech import ASRFrontEnd, CTCRecognizer
    from qtokfeatures.speech.frame_sources import ACOUSTIC_FEATURES

    def by_codec(features: str, codebooks: Any = None, **options: Any) -> Any:
        return ASRFrontEnd(
            features,
            codec=codec,
            codebooks=codebooks,
            upsample=_CODEC_UPSAMPLE,
            output="list",
            cache=cache,
            **options,
        )

    def acoustic(features: str, deltas: int) -> Any:
        return ASRFrontEnd(features, deltas=deltas, cmvn="utterance", sr=SR, output="list")

    front_ends = {
        "MFCC": acoustic("mfcc", 2),
        "log-mel with slopes": acoustic("logmel", 2),
        "log-mel": acoustic("logmel", 0),
        "semantic": by_codec("semantic", interpolation="linear"),
        "codebook 0": by_codec("embedding", 1, interpolation="linear"),
        "embedding": by_codec("embedding", interpolation="linear"),
        "latent": by_codec("latent", interpolation="linear"),
        "tokens": by_codec("tokens"),
    }
    return [
        System(
            name,
            front_end,
            CTCRecognizer(
                stride=_ACOUSTIC_STRIDE if front_end.features in ACOUSTIC_FEATURES else 1,
                epochs=epochs,
                validation=0.0,
            ),
            _SETTINGS,
        )
        for name, front_end in front_ends.items()
    ]
