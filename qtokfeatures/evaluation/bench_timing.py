"""Tables of what fewer codebooks cost, of delay and of noise in silence."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from qtokfeatures.evaluation.bench_result import BenchResult, SystemScores
from qtokfeatures.evaluation.lag import summarise_lags
from qtokfeatures.evaluation.scores import FLOOR, LAG, LAG_ERROR, LOG_MEL, LOG_STFT
from qtokfeatures.evaluation.tables import NOTHING, TextTable, format_interval, format_number

FEW: Final = 4
"""Codebooks whose distances are set against those of all."""

LAG_LIMIT_S: Final = 0.001
"""Largest delay that is wanted, in seconds."""


def prefix_table(result: BenchResult, *, intervals: bool = False) -> TextTable:
    """Say by how much four codebooks are worse than all.

    Parameters
    ----------
    result : BenchResult
        What was measured.
    intervals : bool, default False
        Whether to add 95 % bootstrap intervals over clips.

    Returns
    -------
    TextTable
        Without rows where they were not measured.
    """
    most = result.systems[0].n_codebooks
    known = any(system.n_codebooks == FEW for system in result.systems) and most != FEW
    rows = []
    for metric in (LOG_MEL, LOG_STFT) if known else ():
        ratios = [result.prefix_ratio(FEW, metric, kind) for kind in result.kinds]
        cells = (
            format_interval(ratio, ends, 2) if intervals else format_number(ratio, 2)
            for ratio, ends in ratios
        )
        rows.append((metric.label, *cells))
    title = f"Distance with {FEW} codebooks as a multiple of that with {most}"
    return TextTable(title, ("distance", *result.kinds), tuple(rows))


def timing_table(result: BenchResult) -> TextTable:
    """Show delays, and the noise floor in silent stretches.

    Parameters
    ----------
    result : BenchResult
        What was measured.

    Returns
    -------
    TextTable
    """
    limit = LAG_LIMIT_S * result.sr
    measured = [system for system in result.systems if not np.isnan(system.values(LAG)).all()]
    header = (
        "lag in samples; noise floor in dB",
        "median lag",
        f"largest where known to ±{limit / 2:.0f}",
        "clips known so well",
        f"clips surely beyond {limit:.0f}",
        "noise floor, median",
        "largest",
    )
    rows = tuple((system.name, *_timing_cells(system, limit)) for system in measured)
    return TextTable("Delay, and noise in silent stretches", header, rows)


def timing_notes(result: BenchResult) -> tuple[str, ...]:
    """Say how delay and noise floor were measured.

    Parameters
    ----------
    result : BenchResult
        What was measured.

    Returns
    -------
    tuple of str
    """
    silent = sum(math.isfinite(value) for value in result.systems[0].values(FLOOR))
    lag = (
        "Lag: by envelopes in 40 mel bands, every millisecond, each modulation frequency weighted "
        "by its coherence; positive is late. The error is known clip by clip and is large for "
        "steady sounds; surely beyond: by more than three times the error. A smeared onset counts "
        "as a lag, too."
    )
    if any(system.note for system in result.systems):
        lag += " Peers: after their delay was taken out."
    floor = (
        "Noise floor: level of the reconstruction above the original's in stretches of 0.1 s or "
        "more, 40 dB or more below the clip's loudest 20 ms; the median of a clip. A level below "
        f"−80 dB of full scale counts as that. {silent} clips have such stretches."
    )
    return lag, floor


def _timing_cells(system: SystemScores, limit: float) -> tuple[str, ...]:
    lags = summarise_lags(system.values(LAG), system.values(LAG_ERROR), limit=limit)
    floors = [value for value in system.values(FLOOR) if math.isfinite(value)]
    return (
        format_interval(system.summary(LAG), system.interval(LAG), 0),
        format_number(lags.largest, 0),
        str(lags.n_known),
        str(lags.n_beyond),
        format_interval(system.summary(FLOOR), system.interval(FLOOR), 1),
        format_number(max(floors), 1) if floors else NOTHING,
    )
