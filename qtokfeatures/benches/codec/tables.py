"""The tables and notes of a codec bench, for the terminal and for a page of documentation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from qtokfeatures.benches.codec.result import BenchResult, SystemScores
from qtokfeatures.benches.provenance import identity_note
from qtokfeatures.evaluation.lag import summarise_lags
from qtokfeatures.evaluation.scores import (
    FLOOR,
    LAG,
    LAG_ERROR,
    LOG_MEL,
    LOG_STFT,
    PESQ_WB,
    SI_SDR,
    STOI,
    Metric,
)
from qtokfeatures.evaluation.tables import (
    NOTHING,
    TextTable,
    format_interval,
    format_number,
    print_tables,
    to_markdown,
)

if TYPE_CHECKING:
    import rich.console

_INTERVALS = (
    "±: half the width of the 95 % bootstrap interval over clips. All systems were measured on the "
    "same clips, so two of them can differ for sure by less than that."
)
_DISTANCES = (
    "Distances, lower is better: mean absolute difference of natural-log magnitudes, mean over "
    "windows of 2048, 1024, 512 and 256 samples with hops of a quarter; log-mel in 128, 80, 64 and "
    "32 bands with a floor of 1e-4, log-STFT in bins with 3e-5. STOI and PESQ-WB (at 16 kHz): "
    "higher is better. All are means over clips but SI-SDR, a median; it compares waveforms, so "
    "what resynthesises phase scores below zero however it sounds."
)

FEW: Final = 4

LAG_LIMIT_S: Final = 0.001


def bench_tables(result: BenchResult, *, intervals: bool = False) -> tuple[TextTable, ...]:
    """Lay out what a bench measured.

    Parameters
    ----------
    result : BenchResult
        What was measured.
    intervals : bool, default False
        Whether to add 95 % bootstrap intervals over clips.

    Returns
    -------
    tuple of TextTable
        Distances with STOI and PESQ-WB, fewer codebooks, lag and noise floor, SI-SDR, quiet input,
        use of codebooks, speed.
    """
    tables = (
        _distance_table(result, intervals=intervals),
        _kinds_table(result, LOG_STFT, "Distance of log spectra", intervals=intervals),
        prefix_table(result, intervals=intervals),
        timing_table(result),
        _kinds_table(result, SI_SDR, "SI-SDR, for information", intervals=intervals),
        _quiet_table(result),
        _code_use_table(result),
        _speed_table(result),
    )
    return tuple(table for table in tables if table.rows)


def bench_notes(
    result: BenchResult, *, clips: str = "", command: str = "", intervals: bool = False
) -> tuple[str, ...]:
    """Say what the tables of a bench mean and how they were made.

    Parameters
    ----------
    result : BenchResult
        What was measured.
    clips : str, default ""
        How the clips were chosen; see ``ClipSelection.describe``.
    command : str, default ""
        The command that made the tables.
    intervals : bool, default False
        Whether the tables have intervals.

    Returns
    -------
    tuple of str
    """
    peers = (system for system in result.systems if system.note)
    notes = [
        f"Made by `{command}`." if command else "",
        f"{clips} {_clips_note(result)}".strip(),
        _DISTANCES,
        _INTERVALS if intervals else "",
        *timing_notes(result),
        *(_peer_note(system, result.sr) for system in peers),
        *(f"{name} was left out: {reason}." for name, reason in result.skipped.items()),
        _speed_note(result),
        identity_note(result.codec, result.versions),
    ]
    return tuple(note for note in notes if note)


def bench_markdown(
    result: BenchResult, *, clips: str = "", command: str = "", intervals: bool = False
) -> str:
    """Write the tables and notes of a bench as Markdown.

    Parameters
    ----------
    result : BenchResult
        What was measured.
    clips : str, default ""
        How the clips were chosen.
    command : str, default ""
        The command that made the tables.
    intervals : bool, default False
        Whether to add 95 % bootstrap intervals over clips.

    Returns
    -------
    str

    See Also
    --------
    qtokfeatures.benches.update_card : Put it into a model card.
    """
    tables = bench_tables(result, intervals=intervals)
    return to_markdown(
        tables, bench_notes(result, clips=clips, command=command, intervals=intervals)
    )


def print_bench(
    result: BenchResult, console: rich.console.Console, *, clips: str = "", intervals: bool = False
) -> None:
    """Print the tables and notes of a bench.

    Parameters
    ----------
    result : BenchResult
        What was measured.
    console : rich.console.Console
        Where to print.
    clips : str, default ""
        How the clips were chosen.
    intervals : bool, default False
        Whether to add 95 % bootstrap intervals over clips.
    """
    notes = bench_notes(result, clips=clips, intervals=intervals)
    print_tables(bench_tables(result, intervals=intervals), notes, console)


def _distance_table(result: BenchResult, *, intervals: bool) -> TextTable:
    speech = [STOI, PESQ_WB] if "speech" in result.kinds else []
    header = ("log-mel", "kbit/s", *result.kinds, *(metric.label for metric in speech))
    rows = tuple(
        (
            system.name,
            NOTHING if system.kbit_s is None else f"{system.kbit_s:.2f}",
            *(_cell(system, LOG_MEL, kind, intervals) for kind in result.kinds),
            *(_cell(system, metric, "speech", intervals) for metric in speech),
        )
        for system in result.systems
    )
    title = "Distance of log-mel spectra" + ("; STOI and PESQ-WB of speech" if speech else "")
    return TextTable(title, header, rows)


def _kinds_table(result: BenchResult, metric: Metric, title: str, *, intervals: bool) -> TextTable:
    rows = tuple(
        (system.name, *(_cell(system, metric, kind, intervals) for kind in result.kinds))
        for system in result.systems
    )
    return TextTable(title, (metric.label, *result.kinds), rows)


def _quiet_table(result: BenchResult) -> TextTable:
    rows = tuple(
        (
            metric.label,
            *(format_number(result.quiet_ratio(metric, kind), 3) for kind in result.kinds),
        )
        for metric in (LOG_MEL, LOG_STFT)
    )
    title = (
        f"Input at {_signed(result.quiet_db)} dB, output scaled back: distance as a multiple of "
        "that of the input as it is"
    )
    return TextTable(title, ("distance", *result.kinds), rows)


def _code_use_table(result: BenchResult) -> TextTable:
    use, speech = result.code_use, result.speech_code_use
    columns = [range(len(use.codes_used)), use.codes_used, _whole(use.perplexity)]
    header = ["codebook", "codes used", "perplexity"]
    title = f"Use of the {use.codebook_size} codes of each codebook, over {use.n_frames} frames"
    if speech is not None:
        columns.append(_whole(speech.perplexity))
        header.append("perplexity on speech")
        title += f", {speech.n_frames} of them speech"
    rows = tuple(tuple(str(cell) for cell in row) for row in zip(*columns, strict=True))
    return TextTable(title, tuple(header), rows)


def _whole(values: Sequence[float]) -> list[str]:
    return [f"{value:.0f}" for value in values]


def _speed_table(result: BenchResult) -> TextTable:
    rows = tuple(
        (speed.name, f"{speed.encode:.4f}", f"{speed.decode:.4f}") for speed in result.speeds
    )
    return TextTable("Speed, as a fraction of real time", ("", "encode", "decode"), rows)


def _cell(system: SystemScores, metric: Metric, kind: str | None, interval: bool) -> str:
    value = system.summary(metric, kind)
    if not interval:
        return format_number(value, metric.digits)
    return format_interval(value, system.interval(metric, kind), metric.digits)


def _signed(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _clips_note(result: BenchResult) -> str:
    counted = ", ".join(f"{n} {kind}" for kind, n in result.kinds.items())
    return f"{sum(result.kinds.values())} clips ({counted}), {result.duration_s:.0f} s together."


def _speed_note(result: BenchResult) -> str:
    return (
        f"Speed: median of five turns on {result.speed_duration_s:g} s of these clips, codec and "
        "peers in turns; threads are those of torch. Command line tools include the start of their "
        "process."
    )


def _peer_note(system: SystemScores, sr: int) -> str:
    delay = f"{1000 * system.lag / sr:.2f} ms of delay taken out before measuring"
    return f"{system.name}: {system.note}; {delay if system.lag else 'no delay'}."


"""Codebooks whose distances are set against those of all."""
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
