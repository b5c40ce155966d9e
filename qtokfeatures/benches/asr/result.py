"""What the ASR bench measured: errors of every recogniser in every utterance and condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.benches.asr.conditions import CLEAN, low_snr_conditions
from qtokfeatures.benches.asr.utterances import CORPORA
from qtokfeatures.evaluation.bootstrap import (
    Interval,
    draw_groups,
    resampled_interval,
    rows_by_group,
)

TRAININGS: Final = ("clean", "noisy")
"""What recognisers are trained on: the speech as it is, or also with noise."""

Errors = npt.NDArray[np.int64]


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
    speakers : ndarray of str (utterance,)
        Who said each.
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
    speakers: npt.NDArray[np.str_]
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
            "speakers": self.speakers.tolist(),
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

        Returns
        -------
        ndarray (seed,)
        """
        rows = np.flatnonzero((self.corpora == corpus) if corpus else self.words >= 0)
        columns = [list(self.conditions).index(name) for name in conditions]
        errors = self.errors[system, training][:, columns][:, :, rows].sum(axis=2).mean(axis=1)
        return np.asarray(100 * errors / max(1, self.words[rows].sum()))

    def noise_reduction(
        self, system: str, base: str, training: str, *, by_speaker: bool = False
    ) -> tuple[float, Interval]:
        """Return how many of the base's errors at 10, 5 and 0 dB a system does not make.

        Parameters
        ----------
        system, base : str
            The two.
        training : str
            What both were trained on.
        by_speaker : bool, default False
            Draw whole speakers for the interval instead of utterances: it then tells of other
            people, not only of other utterances of these.

        Returns
        -------
        float
            Relative reduction of the error rate, in per cent; NaN if the base makes no errors.
        (float, float)
            Its 95 % bootstrap interval, over utterances or speakers and over seeds.
        """

        def reduction(own: float, other: float) -> float:
            return 100 * (1 - own / other) if other else float("nan")

        errors = self._errors_of(system, base, training, low_snr_conditions())
        return self._compared(reduction, *errors, by_speaker=by_speaker)

    def difference(
        self, system: str, base: str, training: str, conditions: Sequence[str] = (CLEAN,)
    ) -> tuple[float, Interval]:
        """Return a system's error rate minus the base's, in points, and its 95 % interval."""
        errors = self._errors_of(system, base, training, conditions)
        return self._compared(lambda own, other: own - other, *errors)

    def _errors_of(
        self, system: str, base: str, training: str, conditions: Sequence[str]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Errors (seed, utterance) of two systems, mean over conditions."""
        columns = [list(self.conditions).index(name) for name in conditions]
        own, other = (self.errors[name, training] for name in (system, base))
        return own[:, columns].mean(axis=1), other[:, columns].mean(axis=1)

    def _compared(
        self,
        statistic: Callable[[float, float], float],
        own: npt.NDArray[np.float64],
        other: npt.NDArray[np.float64],
        *,
        by_speaker: bool = False,
    ) -> tuple[float, Interval]:
        """Compare two error rates; each draw is the same utterances for both, of seeds of each."""

        def compare(rows: Any, seeds: Any, other_seeds: Any) -> float:
            words = max(1, int(self.words[rows].sum()))
            means = (
                errors[drawn][:, rows].sum() / len(drawn)
                for errors, drawn in ((own, seeds), (other, other_seeds))
            )
            return statistic(*(100 * float(mean) / words for mean in means))

        n_seeds = len(own)
        draw_rows = self._draw_speakers if by_speaker else self._draw_utterances

        def draw(rng: np.random.Generator) -> tuple[Any, Any, Any]:
            return (
                draw_rows(rng),
                rng.integers(n_seeds, size=n_seeds),
                rng.integers(n_seeds, size=n_seeds),
            )

        interval = resampled_interval(lambda drawn: compare(*drawn), draw)
        every = np.arange(n_seeds)
        return compare(np.arange(len(self.words)), every, every), interval

    def _draw_utterances(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        return rng.integers(len(self.words), size=len(self.words))

    def _draw_speakers(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Rows of speakers drawn among those of the digits, and among those of the numbers."""
        return np.concatenate([draw_groups(rng, own) for own in self._rows_of_speakers])

    @cached_property
    def _rows_of_speakers(self) -> list[list[npt.NDArray[np.int64]]]:
        of_numbers = self.corpora == CORPORA[2]
        return [
            [np.flatnonzero(part)[rows] for rows in rows_by_group(self.speakers[part])]
            for part in (of_numbers, ~of_numbers)
        ]
