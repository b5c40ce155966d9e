"""Result of the codec bench, with its summaries, tables and notes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import numpy as np

from qtokfeatures.benches.measured import SHOWN, Measured, plain
from qtokfeatures.evaluation.bootstrap import Interval, bootstrap_interval, ratio_of_means
from qtokfeatures.evaluation.code_use import CodeUse
from qtokfeatures.evaluation.lag import summarise_lags
from qtokfeatures.evaluation.scores import (
    FLOOR,
    LAG,
    LAG_ERROR,
    LOG_MEL,
    LOG_STFT,
    METRICS,
    PESQ_WB,
    SI_SDR,
    STOI,
    ClipScore,
    Metric,
    summarise,
)
from qtokfeatures.evaluation.tables import NOTHING, TextTable, format_interval, format_number
from qtokfeatures.exceptions import InputError

FEW: Final = 4  # codebooks whose distances are divided by those of all
LAG_LIMIT_S: Final = 0.001  # largest acceptable delay

_INTERVALS: Final = (
    "±: half the width of the 95 % bootstrap interval over clips. All systems were measured on the "
    "same clips, so two of them can differ for sure by less than that."
)
_DISTANCES: Final = (
    "Distances, lower is better: mean absolute difference of natural-log magnitudes, mean over "
    "windows of 2048, 1024, 512 and 256 samples with hops of a quarter; log-mel in 128, 80, 64 and "
    "32 bands with a floor of 1e-4, log-STFT in bins with 3e-5. STOI and PESQ-WB (at 16 kHz): "
    "higher is better. All are means over clips but SI-SDR, a median; it compares waveforms, so "
    "what resynthesises phase scores below zero however it sounds."
)
_LAG: Final = (
    "Lag: by envelopes in 40 mel bands, every millisecond, each modulation frequency weighted by "
    "its coherence; positive is late. The error is known clip by clip and is large for steady "
    "sounds; surely beyond: by more than three times the error. A smeared onset counts as a lag, "
    "too."
)


@dataclass(frozen=True)
class SystemScores:
    """Scores of every clip for a codec at one number of codebooks, or for a peer."""

    name: str
    scores: tuple[ClipScore, ...]
    kbit_s: float | None = None  # None where nothing is quantised
    lag: int = 0  # samples of delay that were removed before measuring
    note: str = ""  # version and parameters of a peer
    n_codebooks: int | None = None  # None for a peer and for refined codes

    def values(self, metric: Metric, kind: str | None = None) -> list[float]:
        """A metric over the clips of a kind, or of all kinds; NaN where it is not defined."""
        chosen = (score for score in self.scores if kind is None or score.kind == kind)
        return [score.values.get(metric.key, math.nan) for score in chosen]

    def summary(self, metric: Metric, kind: str | None = None) -> float:
        """Mean or median of a metric over the clips of a kind; NaN where it is not defined."""
        return summarise(self.values(metric, kind), statistic=metric.statistic)

    def interval(self, metric: Metric, kind: str | None = None) -> Interval:
        """95 % bootstrap interval of :meth:`summary` over clips."""
        return bootstrap_interval(self.values(metric, kind), statistic=metric.statistic)


@dataclass(frozen=True)
class Speed:
    """Processing time as a fraction of the audio's duration: 0.01 is a hundred times faster."""

    name: str
    encode: float
    decode: float


@dataclass(frozen=True, eq=False, kw_only=True)
class BenchResult(Measured):
    """Result of :func:`~qtokfeatures.benches.codec.bench.bench_codec`."""

    bench: ClassVar[str] = "codec"

    kinds: Mapping[str, int]  # number of clips, in the order of tables
    duration_s: float
    sr: int
    systems: tuple[SystemScores, ...]  # most codebooks first, then fewer, refined, peers
    quiet: SystemScores  # most codebooks, input scaled by quiet_db, output scaled back
    quiet_db: float
    code_use: CodeUse
    speech_code_use: CodeUse | None
    speeds: tuple[Speed, ...]
    speed_duration_s: float
    skipped: Mapping[str, str]  # peers that were left out, with the reason
    intervals: bool = field(default=False, metadata=SHOWN)

    def system(self, name: str) -> SystemScores:
        """The system of that name."""
        for system in self.systems:
            if system.name == name:
                return system
        known = ", ".join(repr(system.name) for system in self.systems)
        raise InputError(f"no system {name!r} was measured; there are {known}")

    def quiet_ratio(self, metric: Metric, kind: str | None = None) -> float:
        """Distance of the quiet input over the distance of the same clips as they are."""
        loud = self.systems[0].summary(metric, kind)
        return self.quiet.summary(metric, kind) / loud if loud else math.nan

    def prefix_ratio(
        self, n_codebooks: int, metric: Metric, kind: str | None = None
    ) -> tuple[float, Interval]:
        """Mean distance with few codebooks over that with most, and its 95 % interval."""
        few = [system for system in self.systems if system.n_codebooks == n_codebooks]
        if not few:
            return math.nan, (math.nan, math.nan)
        pairs = (few[0].values(metric, kind), self.systems[0].values(metric, kind))
        return ratio_of_means(*pairs)

    def to_dict(self) -> dict[str, Any]:
        """Return summaries with intervals and each clip's scores as JSON types."""
        values: dict[str, Any] = plain(
            {
                "codec": self.codec,
                "clips": {"kinds": self.kinds, "duration_s": self.duration_s, "sr": self.sr},
                "systems": [self._system_dict(system) for system in self.systems],
                "quiet": {"level_db": self.quiet_db, **self._system_dict(self.quiet)},
                "code_use": self.code_use,
                "speech_code_use": self.speech_code_use,
                "speed": {
                    "duration_s": self.speed_duration_s,
                    "fraction_of_real_time": self.speeds,
                },
                "skipped": self.skipped,
                "versions": self.versions,
            }
        )
        return values

    def _system_dict(self, system: SystemScores) -> dict[str, Any]:
        return {
            "name": system.name,
            "kbit_s": system.kbit_s,
            "lag": system.lag,
            "note": system.note,
            "summary": {kind: _summaries(system, kind) for kind in self.kinds},
            "clips": [{"clip": s.clip, "kind": s.kind, **s.values} for s in system.scores],
        }

    def published(self) -> BenchResult:
        """Return the result with intervals."""
        return replace(self, intervals=True)

    def tables(self) -> tuple[TextTable, ...]:
        """Distances, fewer codebooks, delay and noise, SI-SDR, quiet input, codes used, speed."""
        tables = (
            _distance_table(self),
            _kinds_table(self, LOG_STFT, "Distance of log spectra"),
            _prefix_table(self),
            _timing_table(self),
            _kinds_table(self, SI_SDR, "SI-SDR, for information"),
            _quiet_table(self),
            _code_use_table(self),
            _speed_table(self),
        )
        return tuple(table for table in tables if table.rows)

    def findings(self) -> Iterable[str]:
        """Clips, meaning of every number, peers, speed."""
        peers = [system for system in self.systems if system.note]
        after = " Peers: after their delay was taken out." if peers else ""
        yield f"{self.clips} {_clips_note(self)}".strip()
        yield _DISTANCES
        yield _INTERVALS if self.intervals else ""
        yield _LAG + after
        yield _floor_note(self)
        yield from (_peer_note(system, self.sr) for system in peers)
        yield from (f"{name} was left out: {reason}." for name, reason in self.skipped.items())
        yield (
            f"Speed: median of five turns on {self.speed_duration_s:g} s of these clips, codec and "
            "peers in turns; threads are those of torch. Command line tools include the start of "
            "their process."
        )
        yield self.identity()


def _summaries(system: SystemScores, kind: str) -> dict[str, Any]:
    return {
        metric.key: {
            metric.statistic.__name__: system.summary(metric, kind),
            "interval_95": system.interval(metric, kind),
        }
        for metric in METRICS
        if kind == "speech" or not metric.speech_only
    }


def _distance_table(result: BenchResult) -> TextTable:
    speech = [STOI, PESQ_WB] if "speech" in result.kinds else []
    header = ("log-mel", "kbit/s", *result.kinds, *(metric.label for metric in speech))
    rows = tuple(
        (
            system.name,
            NOTHING if system.kbit_s is None else f"{system.kbit_s:.2f}",
            *(_cell(result, system, LOG_MEL, kind) for kind in result.kinds),
            *(_cell(result, system, metric, "speech") for metric in speech),
        )
        for system in result.systems
    )
    title = "Distance of log-mel spectra" + ("; STOI and PESQ-WB of speech" if speech else "")
    return TextTable(title, header, rows)


def _kinds_table(result: BenchResult, metric: Metric, title: str) -> TextTable:
    rows = tuple(
        (system.name, *(_cell(result, system, metric, kind) for kind in result.kinds))
        for system in result.systems
    )
    return TextTable(title, (metric.label, *result.kinds), rows)


def _cell(result: BenchResult, system: SystemScores, metric: Metric, kind: str) -> str:
    value = system.summary(metric, kind)
    if not result.intervals:
        return format_number(value, metric.digits)
    return format_interval(value, system.interval(metric, kind), metric.digits)


def _prefix_table(result: BenchResult) -> TextTable:
    """Distances of four codebooks over those of all; no rows where they were not measured."""
    most = result.systems[0].n_codebooks
    known = any(system.n_codebooks == FEW for system in result.systems) and most != FEW
    rows = []
    for metric in (LOG_MEL, LOG_STFT) if known else ():
        ratios = [result.prefix_ratio(FEW, metric, kind) for kind in result.kinds]
        cells = (
            format_interval(ratio, ends, 2) if result.intervals else format_number(ratio, 2)
            for ratio, ends in ratios
        )
        rows.append((metric.label, *cells))
    title = f"Distance with {FEW} codebooks as a multiple of that with {most}"
    return TextTable(title, ("distance", *result.kinds), tuple(rows))


def _timing_table(result: BenchResult) -> TextTable:
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


def _quiet_table(result: BenchResult) -> TextTable:
    rows = tuple(
        (
            metric.label,
            *(format_number(result.quiet_ratio(metric, kind), 3) for kind in result.kinds),
        )
        for metric in (LOG_MEL, LOG_STFT)
    )
    level = f"{result.quiet_db:g}".replace("-", "−")
    title = (
        f"Input at {level} dB, output scaled back: distance as a multiple of that of the input as "
        "it is"
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


def _clips_note(result: BenchResult) -> str:
    counted = ", ".join(f"{n} {kind}" for kind, n in result.kinds.items())
    return f"{sum(result.kinds.values())} clips ({counted}), {result.duration_s:.0f} s together."


def _floor_note(result: BenchResult) -> str:
    silent = sum(math.isfinite(value) for value in result.systems[0].values(FLOOR))
    return (
        "Noise floor: level of the reconstruction above the original's in stretches of 0.1 s or "
        "more, 40 dB or more below the clip's loudest 20 ms; the median of a clip. A level below "
        f"−80 dB of full scale counts as that. {silent} clips have such stretches."
    )


def _peer_note(system: SystemScores, sr: int) -> str:
    delay = f"{1000 * system.lag / sr:.2f} ms of delay taken out before measuring"
    return f"{system.name}: {system.note}; {delay if system.lag else 'no delay'}."
