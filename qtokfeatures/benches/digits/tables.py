"""The tables and notes of the digit bench."""

from __future__ import annotations

from qtokfeatures.benches.digits.result import CLEAN, DigitResult, Recognised
from qtokfeatures.benches.provenance import identity_note
from qtokfeatures.evaluation.tables import TextTable

_PERCENT = 100
_METHOD = (
    (
        "One linear SVM for every feature, leaving one speaker out; C, and whether features are "
        "standardised, are chosen by leaving out each of the training speakers in turn. White "
        "noise and babble (six other people) are added at 8 kHz, at the ratio of energies over "
        "the whole recording."
    ),
    (
        "3 segments: the means of beginning, middle and end, and the standard deviation of the "
        "whole. MFCC: librosa, 20 coefficients and their differences, every 10 ms from 40 mel "
        "bands; log-mel: these bands in dB."
    ),
    (
        "Trained on noisy speech: on each recording clean, in white noise and in babble of other "
        "people than in the tests, at 20, 10, 5 or 0 dB."
    ),
    "After decoding: the recogniser takes MFCC of 3 segments, so it has nothing of the codec.",
)


def digit_tables(result: DigitResult) -> tuple[TextTable, ...]:
    """Lay out what the digit bench measured.

    Parameters
    ----------
    result : DigitResult
        What was measured.

    Returns
    -------
    tuple of TextTable
        Features under every condition, and recognition after decoding.
    """
    features = TextTable(
        "Digits recognised, %: classifier trained on clean speech of other people",
        ("feature", *result.conditions),
        tuple(_feature_row(row, result.conditions) for row in result.features),
    )
    original = result.decoded[0].accuracy()
    decoded = TextTable(
        "Digits recognised after decoding, %: recogniser trained on original speech",
        ("recordings", "recognised", "of what originals give"),
        tuple(
            (row.name, _with_interval(row, CLEAN), _whole(row.accuracy() / original))
            for row in result.decoded
        ),
    )
    return features, decoded


def digit_notes(result: DigitResult, *, command: str = "") -> tuple[str, ...]:
    """Say what the tables of the digit bench mean and how they were made.

    Parameters
    ----------
    result : DigitResult
        What was measured.
    command : str, default ""
        The command that made the tables.

    Returns
    -------
    tuple of str
    """
    notes = [
        f"Made by `{command}`." if command else "",
        _recordings_note(result),
        *_METHOD,
        *(f"{name} was left out: {reason}." for name, reason in result.skipped.items()),
        identity_note(result.codec, result.versions),
    ]
    return tuple(note for note in notes if note)


def _recordings_note(result: DigitResult) -> str:
    people = len(set(result.speakers.tolist()))
    return (
        f"{len(result.speakers)} recordings of the Free Spoken Digit Dataset (8 kHz, {people} "
        "speakers, equally many of each digit by each), never trained on; each scaled to a peak of "
        "0.5. Chance is 10 %. In brackets: 95 % bootstrap intervals over recordings, for these "
        "speakers."
    )


def _feature_row(row: Recognised, conditions: tuple[str, ...]) -> tuple[str, ...]:
    cells = (
        _with_interval(row, each) if each == CLEAN else _whole(row.accuracy(each))
        for each in conditions
    )
    return (row.name, *cells)


def _with_interval(row: Recognised, condition: str) -> str:
    low, high = row.interval(condition)
    return f"{_whole(row.accuracy(condition))} [{_whole(low)}, {_whole(high)}]"


def _whole(share: float) -> str:
    return f"{_PERCENT * share:.0f}"
