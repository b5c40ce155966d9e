"""Result of the tasks bench, with its tables and notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from qtokfeatures.benches.measured import (
    Measured,
    brackets,
    percent,
)
from qtokfeatures.evaluation.bootstrap import Interval
from qtokfeatures.evaluation.tables import NOTHING, TextTable

_TITLES: Final = {"accuracy": "accuracy, %", "ari": "ARI, %", "nmi": "NMI, %"}
_METHOD: Final = (
    (
        "Every feature has the same splits and the same choice: linear discriminants with "
        "shrinkage, or an SVM with Gaussian kernel and C of 1, 10 or 100, standardised, chosen "
        "by up to three folds within the training clips. Folds share no instance where every "
        "class has several. Clusters are those of k-means on standardised features, as many as "
        "there are families, mean of five seeds."
    ),
    (
        "Differences are in points, with 95 % bootstrap intervals over instances (an "
        "instrument of a soundfont, a recorded instrument, a source of ESC-10), paired. In "
        "training: accuracy of the learners chosen, within the training clips."
    ),
    (
        "MFCC: librosa, 20 coefficients and their differences, mean and standard deviation; "
        "log-mel: 128 bands in dB, likewise."
    ),
)
_POOLED: Final = (
    "MFCC, log-mel and embeddings are pooled in the same ways: by mean and std, these and delta, "
    "these and by loudness (each frame weighted by its amplitude, and the loudest frame), and by "
    "every pooling (minimum, maximum and median, too). Of each the pooling to judge by is the one "
    "with the best mean accuracy within the training clips of all tasks."
)
_CONDITIONS: Final = (
    "Learners are trained on clean clips and tested on the same clips changed: silence of 20, 46 "
    "or 92 ms before them; white or pink noise at 20 or 10 dB; MP3 at 32 kbit/s (constant, 24 kHz) "
    "without and with its delay of 46 ms; a small room (0.3 s, direct sound 3 dB above the "
    "reverberation); spectra tilted by 6 dB from 1 kHz to 8 kHz and the reverse to 125 Hz."
)


@dataclass(frozen=True)
class Compared:
    """Scores of one feature at one task, and the intervals of their differences to baselines."""

    feature: str
    scores: Mapping[str, float]  # accuracy, or ari and nmi of clusters
    difference_95: Mapping[str, Mapping[str, Interval]]  # by baseline and score
    tuning: float | None = None  # accuracy within the training folds; None for clusters
    learners: tuple[str, ...] = ()  # chosen fold by fold


@dataclass(frozen=True, eq=False, kw_only=True)
class TaskResult(Measured):
    """Rows of every task, and the token feature that was best within the training folds."""

    bench: ClassVar[str] = "tasks"

    tasks: Mapping[str, tuple[Compared, ...]]
    about: Mapping[str, str]  # the sounds of each task
    chosen: str
    skipped: Mapping[str, str]  # baselines and conditions that were left out, with the reason
    # Accuracies in each condition, clean ones first, of every feature at every task.
    perturbed: Mapping[str, tuple[Compared, ...]] = field(default_factory=dict)

    def chosen_rows(self) -> dict[str, Compared]:
        """The row of the chosen feature at each task."""
        return {
            task: row
            for task, rows in self.tasks.items()
            for row in rows
            if row.feature == self.chosen
        }

    def tables(self) -> tuple[TextTable, ...]:
        """The chosen feature at every task, then every feature, a table for each task."""
        verdict = TextTable(
            f"Tokens beside others: {self.chosen}",
            ("task", "beside", "its score", "tokens", "difference", "verdict"),
            tuple(
                _verdict_row(task, key, base, self.chosen_rows()[task])
                for task, rows in self.tasks.items()
                for key in rows[0].scores
                for base in _bases(rows)
            ),
            n_text=2,
        )
        return (
            verdict,
            *(_table(name, rows) for name, rows in self.tasks.items()),
            *(_condition_table(name, rows) for name, rows in self.perturbed.items()),
            *(_difference_table(name, rows, self.chosen) for name, rows in self.perturbed.items()),
        )

    def findings(self) -> Iterable[str]:
        """Sounds of every task, choice, method, baselines left out."""
        yield from (f"{task}: {about}." for task, about in self.about.items())
        yield (
            f"The token feature to judge by, {self.chosen}, had the best mean accuracy within the "
            "training clips of all tasks."
        )
        yield from _METHOD
        features = {row.feature for rows in self.tasks.values() for row in rows}
        yield _POOLED if "MFCC, every pooling" in features else ""
        yield _CONDITIONS if self.perturbed else ""
        yield from (f"{name} was left out: {reason}" for name, reason in self.skipped.items())
        yield self.identity()


def _table(name: str, rows: tuple[Compared, ...]) -> TextTable:
    keys, bases = tuple(rows[0].scores), [base.feature for base in _bases(rows)]
    header = ["feature"]
    for key in keys:
        header += [_TITLES[key], *(f"difference to {base}" for base in bases)]
    cells = tuple(_row(row, keys, bases) for row in rows)
    return TextTable(name, (*header, "in training"), cells)


def _row(row: Compared, keys: tuple[str, ...], bases: list[str]) -> tuple[str, ...]:
    cells = [row.feature]
    for key in keys:
        cells += [_tenths(row.scores[key]), *(_interval(row, base, key) for base in bases)]
    return (*cells, NOTHING if row.tuning is None else _tenths(row.tuning))


def _condition_table(task: str, rows: tuple[Compared, ...]) -> TextTable:
    cells = tuple((row.feature, *map(_tenths, row.scores.values())) for row in rows)
    title = f"{task}, accuracy in %, trained on clean clips"
    return TextTable(title, ("feature", *rows[0].scores), cells)


def _difference_table(task: str, rows: tuple[Compared, ...], chosen: str) -> TextTable:
    """Differences of the chosen token feature to the chosen baselines in every condition."""
    (own,) = (row for row in rows if row.feature == chosen)
    cells = tuple(
        (
            f"to {base.feature}",
            *(
                f"{_tenths(own.scores[key] - base.scores[key])} {_interval(own, base.feature, key)}"
                for key in own.scores
            ),
        )
        for base in _bases(rows)
    )
    return TextTable(f"{task}, difference of {chosen}", ("points", *own.scores), cells)


def _verdict_row(task: str, key: str, base: Compared, own: Compared) -> tuple[str, ...]:
    low, high = own.difference_95[base.feature][key]
    verdict = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
    return (
        f"{task}, {_TITLES[key]}",
        base.feature,
        _tenths(base.scores[key]),
        _tenths(own.scores[key]),
        f"{_tenths(own.scores[key] - base.scores[key])} {_interval(own, base.feature, key)}",
        verdict,
    )


def _bases(rows: tuple[Compared, ...]) -> list[Compared]:
    """Rows of the baselines, which others are compared with."""
    names = {base for row in rows for base in row.difference_95}
    return [row for row in rows if row.feature in names]


def _interval(row: Compared, base: str, key: str) -> str:
    if base not in row.difference_95:
        return NOTHING
    return brackets(row.difference_95[base][key], _tenths)


def _tenths(share: float) -> str:
    return percent(share, 1)
