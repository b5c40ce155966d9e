"""The tables, notes and curves of the ASR bench."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from qtokfeatures.benches.asr.conditions import (
    CLEAN,
    MICROPHONE,
    NOISES,
    ROOM,
    low_snr_conditions,
)
from qtokfeatures.benches.asr.result import TRAININGS, AsrResult
from qtokfeatures.benches.asr.utterances import CORPORA
from qtokfeatures.benches.provenance import identity_note
from qtokfeatures.evaluation.bootstrap import Interval
from qtokfeatures.evaluation.perturbations import SNRS_DB
from qtokfeatures.evaluation.tables import NOTHING, TextTable, format_number

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


def asr_tables(result: AsrResult) -> tuple[TextTable, ...]:
    """Lay out what the ASR bench measured.

    Parameters
    ----------
    result : AsrResult
        What was measured.

    Returns
    -------
    tuple of TextTable
        Two tables of comparisons with the first and second system, then error rates, and those
        by corpus.
    """
    bases = result.systems[:2]
    return (
        *(_comparison(result, training, bases) for training in TRAININGS),
        *(_rates(result, training) for training in TRAININGS),
        *(_by_noise(result, training) for training in TRAININGS),
        *(_by_corpus(result, training) for training in TRAININGS),
    )


def asr_notes(result: AsrResult, *, command: str = "") -> tuple[str, ...]:
    """Say what the tables mean and how they were made.

    Parameters
    ----------
    result : AsrResult
        What was measured.
    command : str, default ""
        The command that made the tables.

    Returns
    -------
    tuple of str
    """
    counts = ", ".join(
        f"{int((result.corpora == corpus).sum())} utterances of {corpus} "
        f"({int(result.words[result.corpora == corpus].sum())} words)"
        for corpus in CORPORA
    )
    n_seeds = len(next(iter(result.errors.values())))
    chosen = "; ".join(
        f"{name}: {', '.join(f'{key} {value:g}' for key, value in own.items())}"
        for name, own in result.settings.items()
    )
    notes = [
        f"Made by `{command}`." if command else "",
        (
            f"{counts}. Digits: FSDD, alone or joined to two to six with pauses. Numbers: ten "
            f"digits read out, of the alphanumeric audio dataset, which knows what was to be "
            f"read, not how (a nought may be an oh). Seeds: {n_seeds}."
        ),
        *_METHOD,
        f"Settings chosen: {chosen}.",
        identity_note(result.codec, result.versions),
    ]
    return tuple(note for note in notes if note)


def error_curves(result: AsrResult) -> dict[str, dict[str, dict[str, list[tuple[float, float]]]]]:
    """Return error rates over signal-to-noise ratios, for a picture.

    Parameters
    ----------
    result : AsrResult
        What was measured.

    Returns
    -------
    dict
        Training, noise, system → list of (ratio in dB, error rate in per cent); infinity is clean.
    """

    def curve(system: str, training: str, noise: str) -> list[tuple[float, float]]:
        points = [(np.inf, CLEAN), *((snr, f"{noise} {snr:g} dB") for snr in SNRS_DB)]
        return [(snr, _mean(result, system, training, [name])) for snr, name in points]

    return {
        _TITLES[training]: {
            noise: {system: curve(system, training, noise) for system in result.systems}
            for noise in NOISES
        }
        for training in TRAININGS
    }


def _comparison(result: AsrResult, training: str, bases: Any) -> TextTable:
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
                cells.append(_interval(drawn[1]))
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
                cells[system].append(format_number(float(rates.mean()), 1))
    rows = tuple(tuple(row) for row in cells.values())
    return TextTable(f"By speech, {_TITLES[training]}", tuple(header), rows)


def _mean(result: AsrResult, system: str, training: str, conditions: list[str]) -> float:
    return float(result.rates(system, training, conditions).mean())


def _with_spread(result: AsrResult, system: str, training: str, conditions: list[str]) -> str:
    rates = result.rates(system, training, conditions)
    mean = format_number(float(rates.mean()), 1)
    return f"{mean} ±{format_number(float(rates.std(ddof=1)), 1)}" if len(rates) > 1 else mean


def _with_interval(value: float, interval: Interval) -> str:
    return f"{format_number(value, 1)} {_interval(interval)}"


def _interval(interval: Interval) -> str:
    low, high = (format_number(edge, 1) for edge in interval)
    return f"[{low}, {high}]"
