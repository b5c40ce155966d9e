"""The tables and notes of the bench of tasks."""

from __future__ import annotations

from typing import Final

from qtokfeatures.benches.provenance import identity_note
from qtokfeatures.benches.tasks.result import Compared, TaskResult
from qtokfeatures.evaluation.tables import NOTHING, TextTable, format_number

_TITLES: Final = {"accuracy": "accuracy, %", "ari": "ARI, %", "nmi": "NMI, %"}
_PERCENT: Final = 100
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


def task_tables(result: TaskResult) -> tuple[TextTable, ...]:
    """Lay out what the bench of tasks measured.

    Parameters
    ----------
    result : TaskResult
        What was measured.

    Returns
    -------
    tuple of TextTable
        The chosen feature at every task, then every feature, a table a task.
    """
    verdict = TextTable(
        f"Tokens beside others: {result.chosen}",
        ("task", "beside", "its score", "tokens", "difference", "verdict"),
        tuple(
            _verdict_row(task, key, base, result.chosen_rows()[task])
            for task, rows in result.tasks.items()
            for key in rows[0].scores
            for base in _bases(rows)
        ),
        n_text=2,
    )
    return (verdict, *(_table(name, rows) for name, rows in result.tasks.items()))


def task_notes(result: TaskResult, *, command: str = "") -> tuple[str, ...]:
    """Say what the tables of the bench of tasks mean and how they were made.

    Parameters
    ----------
    result : TaskResult
        What was measured.
    command : str, default ""
        The command that made the tables.

    Returns
    -------
    tuple of str
    """
    notes = [
        f"Made by `{command}`." if command else "",
        *(f"{task}: {about}." for task, about in result.about.items()),
        (
            f"The token feature to judge by, {result.chosen}, had the best mean accuracy within "
            "the training clips of all tasks."
        ),
        *_METHOD,
        *(f"{name} was left out: {reason}" for name, reason in result.skipped.items()),
        identity_note(result.codec, result.versions),
    ]
    return tuple(note for note in notes if note)


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
        cells += [_points(row.scores[key]), *(_interval(row, base, key) for base in bases)]
    return (*cells, NOTHING if row.tuning is None else _points(row.tuning))


def _verdict_row(task: str, key: str, base: Compared, own: Compared) -> tuple[str, ...]:
    low, high = own.differences[base.feature][key]
    verdict = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
    return (
        f"{task}, {_TITLES[key]}",
        base.feature,
        _points(base.scores[key]),
        _points(own.scores[key]),
        f"{_points(own.scores[key] - base.scores[key])} {_interval(own, base.feature, key)}",
        verdict,
    )


def _bases(rows: tuple[Compared, ...]) -> list[Compared]:
    """The baselines: what others are compared with."""
    names = {base for row in rows for base in row.differences}
    return [row for row in rows if row.feature in names]


def _interval(row: Compared, base: str, key: str) -> str:
    if base not in row.differences:
        return NOTHING
    low, high = row.differences[base][key]
    return f"[{_points(low)}, {_points(high)}]"


def _points(share: float) -> str:
    return format_number(_PERCENT * share, 1)
