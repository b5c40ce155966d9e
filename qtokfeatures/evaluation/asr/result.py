"""What the ASR bench measured: errors of every recogniser in every utterance and condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.asr.conditions import CLEAN, low_snr_conditions

TRAININGS: Final = ("clean", "noisy")
"""What recognisers are trained on: the speech as it is, or also with noise."""

_RESAMPLES: Final = 2000
_SEED: Final = 0

Errors = npt.NDArray[np.int64]
Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class AsrResult:
    """Everything that :func:`bench_asr` measured.

    Parameters
    ----------
    codec : mapping of str to str
        Name, revision and fingerprint.
    systems : sequence of str
        The features, in the order of tables.
    conditions : sequence of str
        What the speech was tested in.
    corpora : ndarray of str (utterance,)
        What each utterance is of.
    words : ndarray of int (utterance,)
        Words in each.
    errors : mapping of (str, str) to ndarray of int (seed, condition, utterance)
        Wrong, missing and inserted words, by system and training.
    settings : mapping of str to mapping
        What was chosen for each system.
    versions : mapping of str to str
        Versions of packages.
    """

    codec: Mapping[str, str]
    systems: Sequence[str]
    conditions: Sequence[str]
    corpora: npt.NDArray[np.str_]
    words: Errors
    errors: Mapping[tuple[str, str], Errors]
    settings: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {
            "codec": dict(self.codec),
            "systems": list(self.systems),
            "conditions": list(self.conditions),
            "corpora": self.corpora.tolist(),
            "words": self.words.tolist(),
            "errors": [[*key, found.tolist()] for key, found in self.errors.items()],
            "settings": {name: dict(chosen) for name, chosen in self.settings.items()},
            "versions": dict(self.versions),
        }

    def rates(
        self,
        system: str,
        training: str,
        conditions: Sequence[str],
        *,
        corpus: str | None = None,
        drawn: npt.NDArray[np.int64] | None = None,
    ) -> npt.NDArray[np.float64]:
        """Return the word error rate of each seed, mean over conditions, in per cent.

        Parameters
        ----------
        system, training : str
            Which recognisers.
        conditions : sequence of str
            In what.
        corpus : str, optional
            Of which utterances; all by default.
        drawn : ndarray of int, optional
            Only these utterances, repeated ones as often as they are there.

        Returns
        -------
        ndarray (seed,)
        """
        rows = np.arange(len(self.words)) if drawn is None else drawn
        if corpus is not None:
            rows = rows[self.corpora[rows] == corpus]
        columns = [list(self.conditions).index(name) for name in conditions]
        errors = self.errors[system, training][:, columns][:, :, rows].sum(axis=2).mean(axis=1)
        return np.asarray(100 * errors / max(1, self.words[rows].sum()))

    def noise_reduction(self, system: str, base: str, training: str) -> tuple[float, Interval]:
        """Return how many of the base's errors at 10, 5 and 0 dB a system does not make.

        Parameters
        ----------
        system, base : str
            The two.
        training : str
            What both were trained on.

        Returns
        -------
        float
            Relative reduction of the error rate, in per cent.
        (float, float)
            Its 95 % bootstrap interval over utterances.
        """
        low = low_snr_conditions()

        def reduction(drawn: npt.NDArray[np.int64] | None) -> float:
            own = self.rates(system, training, low, drawn=drawn).mean()
            other = self.rates(base, training, low, drawn=drawn).mean()
            return float(100 * (1 - own / other))

        return reduction(None), self._interval(reduction)

    def difference(
        self, system: str, base: str, training: str, conditions: Sequence[str] = (CLEAN,)
    ) -> tuple[float, Interval]:
        """Return a system's error rate minus the base's, in points, and its 95 % interval."""

        def gap(drawn: npt.NDArray[np.int64] | None) -> float:
            own = self.rates(system, training, conditions, drawn=drawn).mean()
            return float(own - self.rates(base, training, conditions, drawn=drawn).mean())

        return gap(None), self._interval(gap)

    def _interval(self, statistic: Any) -> Interval:
        rng, n = np.random.default_rng(_SEED), len(self.words)
        found = [statistic(rng.integers(n, size=n)) for _ in range(_RESAMPLES)]
        low, high = np.percentile(found, [2.5, 97.5])
        return float(low), float(high)
