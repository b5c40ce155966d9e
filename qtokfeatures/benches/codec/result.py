"""What a codec bench measured: plain values, with their summary and their JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from qtokfeatures.evaluation.bootstrap import bootstrap_interval, ratio_of_means
from qtokfeatures.evaluation.code_use import CodeUse
from qtokfeatures.evaluation.scores import (
    METRICS,
    ClipScore,
    Metric,
    summarise,
)
from qtokfeatures.exceptions import InputError


@dataclass(frozen=True)
class SystemScores:
    """A codec, at one number of codebooks, or a peer, and what every clip scored.

    Parameters
    ----------
    name : str
        What to call it in tables.
    scores : tuple of ClipScore
        One a clip.
    kbit_s : float, optional
        Bit rate over all clips; None where nothing is quantised.
    lag : int, default 0
        Samples of delay that were taken out before measuring.
    note : str, default ""
        Version and parameters.
    n_codebooks : int, optional
        Codebooks that plain codes were decoded from; None for a peer and for refined codes.
    """

    name: str
    scores: tuple[ClipScore, ...]
    kbit_s: float | None = None
    lag: int = 0
    note: str = ""
    n_codebooks: int | None = None

    def values(self, metric: Metric, kind: str | None = None) -> list[float]:
        """List a metric over the clips of a kind, or of all kinds.

        Parameters
        ----------
        metric : Metric
            Which metric.
        kind : str, optional
            Which kind.

        Returns
        -------
        list of float
            NaN where the metric was not measured or is not defined.
        """
        chosen = (score for score in self.scores if kind is None or score.kind == kind)
        return [score.values.get(metric.key, math.nan) for score in chosen]

    def summary(self, metric: Metric, kind: str | None = None) -> float:
        """Sum up a metric over the clips of a kind, or of all kinds; NaN where undefined."""
        return summarise(self.values(metric, kind), statistic=metric.statistic)

    def interval(self, metric: Metric, kind: str | None = None) -> tuple[float, float]:
        """Bound :meth:`summary` by a 95 % bootstrap interval over clips."""
        return bootstrap_interval(self.values(metric, kind), statistic=metric.statistic)


@dataclass(frozen=True)
class Speed:
    """Time taken as a fraction of the duration of the audio: 0.01 is a hundred times faster.

    Parameters
    ----------
    name : str
        Codec or peer.
    encode : float
        Fraction of real time.
    decode : float
        Fraction of real time.
    """

    name: str
    encode: float
    decode: float


@dataclass(frozen=True)
class BenchResult:
    """Everything that :func:`~qtokfeatures.benches.bench_codec` measured.

    Parameters
    ----------
    codec : mapping of str to str
        Name, revision and fingerprint of the codec.
    kinds : mapping of str to int
        Number of clips of each kind, in the order of tables.
    duration_s : float
        Length of all clips together, in seconds.
    sr : int
        Rate at which all was measured, in Hz.
    systems : tuple of SystemScores
        The codec with most codebooks first, then with fewer, then refined, then the peers.
    quiet : SystemScores
        The codec with most codebooks on an input scaled down by `quiet_db`, its output scaled back.
    quiet_db : float
        The level of `quiet`'s input relative to the others', in dB.
    code_use : CodeUse
        Use of the codebooks over all clips.
    speech_code_use : CodeUse or None
        The same over speech; None where there is none.
    speeds : tuple of Speed
        The codec and the peers, timed in turns.
    speed_duration_s : float
        Length of the audio that was timed, in seconds.
    skipped : mapping of str to str
        Peers that were left out, and why.
    versions : mapping of str to str
        Versions of the packages that measured.
    """

    codec: Mapping[str, str]
    kinds: Mapping[str, int]
    duration_s: float
    sr: int
    systems: tuple[SystemScores, ...]
    quiet: SystemScores
    quiet_db: float
    code_use: CodeUse
    speech_code_use: CodeUse | None
    speeds: tuple[Speed, ...]
    speed_duration_s: float
    skipped: Mapping[str, str]
    versions: Mapping[str, str]

    def system(self, name: str) -> SystemScores:
        """Find a system by its name.

        Parameters
        ----------
        name : str
            As in :attr:`systems`.

        Returns
        -------
        SystemScores

        Raises
        ------
        InputError
            If there is none of that name.
        """
        for system in self.systems:
            if system.name == name:
                return system
        known = ", ".join(repr(system.name) for system in self.systems)
        raise InputError(f"no system {name!r} was measured; there are {known}")

    def quiet_ratio(self, metric: Metric, kind: str | None = None) -> float:
        """Divide the distance of the quiet input by the distance of the same clips as they are."""
        loud = self.systems[0].summary(metric, kind)
        return self.quiet.summary(metric, kind) / loud if loud else math.nan

    def prefix_ratio(
        self, n_codebooks: int, metric: Metric, kind: str | None = None
    ) -> tuple[float, tuple[float, float]]:
        """Divide a distance with few codebooks by that of the same clips with most.

        Parameters
        ----------
        n_codebooks : int
            How many are few.
        metric : Metric
            Which distance.
        kind : str, optional
            Which kind of clips, by default all.

        Returns
        -------
        ratio : float
            Of the means over clips; NaN where the codec was not measured with so many.
        interval : (float, float)
            Its 95 % bootstrap interval over clips.
        """
        few = [system for system in self.systems if system.n_codebooks == n_codebooks]
        if not few:
            return math.nan, (math.nan, math.nan)
        pairs = (few[0].values(metric, kind), self.systems[0].values(metric, kind))
        return ratio_of_means(*pairs)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types: summaries with intervals, and each clip's scores.

        Returns
        -------
        dict
            NaN and infinities are None.
        """
        plain = {
            "codec": dict(self.codec),
            "clips": {"kinds": dict(self.kinds), "duration_s": self.duration_s, "sr": self.sr},
            "systems": [self._system_dict(system) for system in self.systems],
            "quiet": {"level_db": self.quiet_db, **self._system_dict(self.quiet)},
            "code_use": asdict(self.code_use),
            "speech_code_use": None
            if self.speech_code_use is None
            else asdict(self.speech_code_use),
            "speed": {
                "duration_s": self.speed_duration_s,
                "fraction_of_real_time": [asdict(speed) for speed in self.speeds],
            },
            "skipped": dict(self.skipped),
            "versions": dict(self.versions),
        }
        return {key: _without_nan(value) for key, value in plain.items()}

    def _system_dict(self, system: SystemScores) -> dict[str, Any]:
        return {
            "name": system.name,
            "kbit_s": system.kbit_s,
            "lag": system.lag,
            "note": system.note,
            "summary": {kind: _summaries(system, kind) for kind in self.kinds},
            "clips": [{"clip": s.clip, "kind": s.kind, **s.values} for s in system.scores],
        }


def _summaries(system: SystemScores, kind: str) -> dict[str, Any]:
    return {
        metric.key: {
            metric.statistic.__name__: system.summary(metric, kind),
            "interval_95": list(system.interval(metric, kind)),
        }
        for metric in METRICS
        if kind == "speech" or not metric.speech_only
    }


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
