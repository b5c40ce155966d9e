"""Result of the ASR bench: errors in every utterance and condition, with tables and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.benches.asr.conditions import (
    CLEAN,
    MICROPHONE,
    NOISES,
    ROOM,
    low_snr_conditions,
)
from qtokfeatures.benches.asr.utterances import CORPORA
from qtokfeatures.benches.measured import (
    Measured,
    brackets,
)
from qtokfeatures.evaluation.bootstrap import (
    Interval,
    draw_groups,
    resampled_interval,
    rows_by_group,
)
from qtokfeatures.evaluation.perturbations import SNRS_DB
from qtokfeatures.evaluation.tables import NOTHING, TextTable, format_number

TRAININGS: Final = ("clean", "noisy")  # speech as it is, or every other utterance with noise

_TITLES: Final = {
    "clean": "trained on clean speech",
    "noisy": "trained on speech of which half is noisy",
}
_TELEPHONE: Final = "telephone band"
_METHOD: Final = (
    (
        "Word error rates in per cent: wrong, missing and inserted words over words said, mean of "
        "the seeds; ± is the standard deviation between seeds. 10–0 dB is the mean over white "
        "noise, babble and recorded noise at 10, 5 and 0 dB. Brackets are 95 % bootstrap intervals "
        "over utterances, the same of both features, and over the seeds of each: how sure it is "
        "for these speakers. Where it says so, whole speakers are drawn instead: how sure for "
        "others."
    ),
    (
        "Five folds: each tests one speaker of the digits and a fifth of the speakers of the "
        "numbers, by recognisers trained on all others. Everything is at 8 kHz, the digits' rate."
    ),
    (
        "Every feature has the same recogniser (a convolution, a GRU of 96 both ways, CTC over "
        "words, 25 steps a second, best path), as many epochs, and the same six settings of "
        "learning rate and dropout to choose from, chosen once on the clean speech of one fold, "
        "without the speakers of split `dev`; the speakers of that fold are among those reported."
    ),
    (
        "MFCC: 13 of 40 mel bands, with slopes and slopes of slopes; log-mel: 80 bands, with "
        "those and without; all every 10 ms, mean 0 and variance 1 over the utterance. Semantic: "
        "what codebook 0 quantises, before it does; codebook 0: the vector of its entry; "
        "embedding: those of all 16; latent: the encoder's vector; all interpolated linearly from "
        "12.5 to 25 frames a second. Tokens: all 16, repeated, into an embedding layer."
    ),
    (
        "Noise in training is white, pink or babble, 0 to 20 dB; the recorded noises (dishes, "
        "mewing, a tap) are only tested with. Babble is of people who are not recognised here, "
        "others in training than in the tests; the codec never heard those of the tests. Rooms: "
        "the image method, 0.3 to 0.7 s, 1 to 2.5 m. Small microphone: 500 to 2,500 Hz."
    ),
)

Errors = npt.NDArray[np.int64]
Curves = dict[str, dict[str, dict[str, list[tuple[float, float]]]]]


@dataclass(frozen=True, eq=False, kw_only=True)
class AsrResult(Measured):
    """Wrong, missing and inserted words (seed, condition, utterance) by system and training."""

    bench: ClassVar[str] = "asr"

    systems: Sequence[str]
    conditions: Sequence[str]
    corpora: npt.NDArray[np.str_]  # of each utterance, as the next two
    speakers: npt.NDArray[np.str_]
    words: Errors
    errors: Mapping[tuple[str, str], Errors]
    settings: Mapping[str, Mapping[str, Any]]  # chosen for each system

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        errors = [[*key, found.tolist()] for key, found in self.errors.items()]
        return {**super().to_dict(), "errors": errors}

    def tables(self) -> tuple[TextTable, ...]:
        """Comparisons with the first and second system, error rates, by noise, by corpus."""
        bases = self.systems[:2]
        return (
            *(_comparison(self, training, bases) for training in TRAININGS),
            *(_rates(self, training) for training in TRAININGS),
            *(_by_noise(self, training) for training in TRAININGS),
            *(_by_corpus(self, training) for training in TRAININGS),
        )

    def findings(self) -> Iterable[str]:
        """Speech, method, settings."""
        counts = ", ".join(
            f"{int((self.corpora == corpus).sum())} utterances of {corpus} "
            f"({int(self.words[self.corpora == corpus].sum())} words)"
            for corpus in CORPORA
        )
        n_seeds = len(next(iter(self.errors.values())))
        chosen = "; ".join(
            f"{name}: {', '.join(f'{key} {value:g}' for key, value in own.items())}"
            for name, own in self.settings.items()
        )
        yield (
            f"{counts}. Digits: FSDD, alone or joined to two to six with pauses. Numbers: ten "
            f"digits read out, of the alphanumeric audio dataset, which knows what was to be "
            f"read, not how (a nought may be an oh). Seeds: {n_seeds}."
        )
        yield from _METHOD
        yield f"Settings chosen: {chosen}."
        yield self.identity()

    def curves(self) -> Curves:
        """Error rates in per cent over ratios in dB, by training, noise and system."""

        def curve(system: str, training: str, noise: str) -> list[tuple[float, float]]:
            points = [(np.inf, CLEAN), *((snr, f"{noise} {snr:g} dB") for snr in SNRS_DB)]
            return [(snr, _mean(self, system, training, [name])) for snr, name in points]

        return {
            _TITLES[training]: {
                noise: {system: curve(system, training, noise) for system in self.systems}
                for noise in NOISES
            }
            for training in TRAININGS
        }

    def rates(
        self,
        system: str,
        training: str,
        conditions: Sequence[str],
        *,
        corpus: str | None = None,
    ) -> npt.NDArray[np.float64]:
        """Word error rate of each seed (seed,), mean over conditions, in per cent."""
        rows = np.flatnonzero((self.corpora == corpus) if corpus else self.words >= 0)
        columns = [list(self.conditions).index(name) for name in conditions]
        errors = self.errors[system, training][:, columns][:, :, rows].sum(axis=2).mean(axis=1)
        return np.asarray(100 * errors / max(1, self.words[rows].sum()))

    def noise_reduction(
        self, system: str, base: str, training: str, *, by_speaker: bool = False
    ) -> tuple[float, Interval]:
        """Relative reduction of the base's errors at 10, 5 and 0 dB in per cent, and its interval.

        The 95 % bootstrap is over utterances and seeds, or over speakers and seeds: then it
        generalises to other people. NaN if the base makes no errors.
        """

        def reduction(own: float, other: float) -> float:
            return 100 * (1 - own / other) if other else float("nan")

        errors = self._errors_of(system, base, training, low_snr_conditions())
        return self._compared(reduction, *errors, by_speaker=by_speaker)

    def difference(
        self, system: str, base: str, training: str, conditions: Sequence[str] = (CLEAN,)
    ) -> tuple[float, Interval]:
        """Error rate minus that of the base, in points, and its 95 % interval."""
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
        """Statistic of two error rates, and its interval, drawing the same utterances for both."""

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
        """Rows of speakers drawn among those of the numbers, and among those of the digits."""
        return np.concatenate([draw_groups(rng, own) for own in self._rows_of_speakers])

    @cached_property
    def _rows_of_speakers(self) -> list[list[npt.NDArray[np.int64]]]:
        of_numbers = self.corpora == CORPORA[2]
        return [
            [np.flatnonzero(part)[rows] for rows in rows_by_group(self.speakers[part])]
            for part in (of_numbers, ~of_numbers)
        ]


def _comparison(result: AsrResult, training: str, bases: Sequence[str]) -> TextTable:
    rows = []
    for system in result.systems:
        cells = [system]
        for base in bases:
            if base == system:
                cells += [NOTHING] * (3 if base == bases[0] else 2)
                continue
            cells.append(_with_interval(*result.noise_reduction(system, base, training)))
            if base == bases[0]:
                drawn = result.noise_reduction(system, base, training, by_speaker=True)
                cells.append(brackets(drawn[1], _tenths))
            cells.append(_with_interval(*result.difference(system, base, training)))
        rows.append(tuple(cells))
    header = ["features"]
    for base in bases:
        header.append(f"fewer errors than {base} at 10–0 dB, %")
        if base == bases[0]:
            header.append("speakers drawn")
        header.append(f"clean against {base}, points")
    return TextTable(f"Compared, {_TITLES[training]}", tuple(header), tuple(rows))


def _rates(result: AsrResult, training: str) -> TextTable:
    columns = {
        CLEAN: [CLEAN],
        "10–0 dB": low_snr_conditions(),
        ROOM: [ROOM],
        _TELEPHONE: [_TELEPHONE],
        MICROPHONE: [MICROPHONE],
    }
    rows = tuple(
        (system, *(_with_spread(result, system, training, own) for own in columns.values()))
        for system in result.systems
    )
    return TextTable(f"Word error rates, {_TITLES[training]}", ("features", *columns), rows)


def _by_noise(result: AsrResult, training: str) -> TextTable:
    names = [f"{noise} {snr:g} dB" for noise in NOISES for snr in SNRS_DB]
    header = [f"{noise} {snr:g}" for noise in NOISES for snr in SNRS_DB]
    rows = tuple(
        (system, *(format_number(_mean(result, system, training, [n]), 0) for n in names))
        for system in result.systems
    )
    return TextTable(f"By noise and dB, {_TITLES[training]}", ("features", *header), rows)


def _by_corpus(result: AsrResult, training: str) -> TextTable:
    header, cells = ["features"], {system: [system] for system in result.systems}
    for corpus in CORPORA:
        for title, conditions in ((CLEAN, [CLEAN]), ("10–0 dB", low_snr_conditions())):
            header.append(f"{corpus}, {title}")
            for system in result.systems:
                rates = result.rates(system, training, conditions, corpus=corpus)
                cells[system].append(_tenths(float(rates.mean())))
    rows = tuple(tuple(row) for row in cells.values())
    return TextTable(f"By speech, {_TITLES[training]}", tuple(header), rows)


def _mean(result: AsrResult, system: str, training: str, conditions: list[str]) -> float:
    return float(result.rates(system, training, conditions).mean())


def _with_spread(result: AsrResult, system: str, training: str, conditions: list[str]) -> str:
    rates = result.rates(system, training, conditions)
    mean = _tenths(float(rates.mean()))
    return f"{mean} ±{_tenths(float(rates.std(ddof=1)))}" if len(rates) > 1 else mean


def _with_interval(value: float, interval: Interval) -> str:
    return f"{_tenths(value)} {brackets(interval, _tenths)}"


def _tenths(value: float) -> str:
    return format_number(value, 1)
