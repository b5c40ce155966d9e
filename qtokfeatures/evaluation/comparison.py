"""Comparison of estimates with their references by labelled metrics."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal, NamedTuple, cast

import numpy as np
import xarray as xr

from qtokfeatures.audio import AudioClip, load_many, log_mel_distance, log_stft_distance, resample
from qtokfeatures.audio import si_sdr as compute_si_sdr
from qtokfeatures.audio.batches import item_list
from qtokfeatures.audio.waveforms import is_array
from qtokfeatures.evaluation.alignment import align as aligned
from qtokfeatures.evaluation.alignment import find_common_lag
from qtokfeatures.evaluation.lag import Lag, find_envelope_lag
from qtokfeatures.evaluation.scores import noise_floor_rise
from qtokfeatures.evaluation.signals import FloatArray, UndefinedError
from qtokfeatures.evaluation.speech_metrics import defined_pesq, defined_stoi
from qtokfeatures.exceptions import (
    AudioError,
    InputError,
    MissingExtraError,
    SkippedClipWarning,
    require,
)
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.labels import clip_ids_from_sources
from qtokfeatures.parameters import flag, number, one_of

METRIC: Final = "metric"

Result = tuple[float, str]  # value, and the reason where it is NaN


def evaluate(
    reference: Any,
    estimate: Any,
    *,
    sr: int | None = None,
    metrics: Iterable[str] | None = None,
    align: bool = False,
    max_lag_s: float = 0.1,
    ids: Sequence[str] | None = None,
    on_error: Literal["nan", "raise"] = "nan",
) -> xr.Dataset:
    """Compare estimates with their references by objective metrics of audio.

    Each estimate, such as the decoded codes of a recording, is compared with its reference at the
    reference's sampling rate. A value that is undefined is NaN, with the reason beside it.

    =============== ===== ====== ==================================================================
    metric          units better meaning
    =============== ===== ====== ==================================================================
    ``si_sdr``      dB    higher scale-invariant signal-to-distortion ratio of the waveforms
    ``log_mel``     Np    lower  multi-resolution log-mel distance
    ``log_stft``    Np    lower  multi-resolution log-STFT distance
    ``pesq_wb``     1     higher wide-band PESQ of speech, from 1 to 4.64
    ``pesq_nb``     1     higher narrow-band PESQ of speech, from 1 to 4.55
    ``stoi``        1     higher short-time objective intelligibility of speech
    ``estoi``       1     higher extended short-time objective intelligibility of speech
    ``lag``         s     zero   delay of the estimate, from its envelopes; negative if early
    ``lag_error``   s     lower  standard error of ``lag``
    ``noise_floor`` dB    zero   level above the reference's in its silent segments
    =============== ===== ====== ==================================================================

    PESQ, STOI and ESTOI are meaningful for speech only and need the extra ``eval``.

    Parameters
    ----------
    reference : audio, or list of audio
        References, each as :func:`~qtokfeatures.load_audio` takes it: a path, ``(y, sr)``, an
        array with `sr`, … Channels are averaged. A list, a Series or a 2-D array of rows is
        several clips.
    estimate : audio, or list of audio
        As many estimates, in the same order. One at another rate is resampled to the reference's.
    sr : int, optional
        Sampling rate of bare arrays, in Hz.
    metrics : iterable of str, optional
        Names of the metrics to compute, in this order. By default all; those whose package is not
        installed are then NaN.
    align : bool, default=False
        Remove the delay of each estimate, found by cross-correlation, and cut or pad it to the
        length of its reference before all metrics except ``lag`` and ``lag_error``. By default the
        lengths must be equal.
    max_lag_s : float, default=0.1
        Largest delay or advance searched, in seconds.
    ids : sequence of str, optional
        Clip ids; by default from the references' paths.
    on_error : {"nan", "raise"}, default="nan"
        What to do with a pair that cannot be compared: a row of NaN with the reason and a warning,
        or the error.

    Returns
    -------
    xarray.Dataset
        ``score`` (clip, metric), float64, and ``reason`` (clip, metric), str, empty where the score
        is defined. Coordinates per metric: ``units``, ``better`` ("higher", "lower" or "zero") and
        ``definition``. Coordinates per clip: ``clip``, ``reference``, ``estimate`` (paths),
        ``sample_rate`` (Hz) and ``duration`` (s) of the reference; 0 and NaN if it cannot be read.

    Raises
    ------
    InputError
        If the numbers of references, estimates and ids differ, there is none, an array comes
        without `sr`, or a parameter has a wrong value; with ``on_error="raise"`` also if two
        lengths differ.
    AudioError
        If audio cannot be read and ``on_error="raise"``.
    MissingExtraError
        If a metric that `metrics` names needs a package that is not installed.

    Warns
    -----
    SkippedClipWarning
        For each pair that cannot be compared, with ``on_error="nan"``.

    See Also
    --------
    verify : Check that a codec's codes do not depend on how it is run.

    Notes
    -----
    ``si_sdr`` of a codec that resynthesises phase is low whatever its quality. It is infinite for
    an estimate that is a multiple of its reference. Levels below −80 dB of full scale count as
    −80 dB in ``noise_floor``.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> y = np.random.default_rng(0).normal(0, 0.1, 24_000)
    >>> noisy = y + np.random.default_rng(1).normal(0, 0.01, 24_000)
    >>> found = qt.evaluate(y, noisy, sr=24_000, metrics=["si_sdr", "log_mel"])
    >>> round(float(found.score.sel(metric="si_sdr").item()))
    20
    >>> found.units.values.tolist()
    ['dB', 'Np']
    """
    align = flag("align", align)
    max_lag_s = number("max_lag_s", max_lag_s, above=0, unit="seconds")
    one_of("on_error", on_error, ("nan", "raise"))
    names = _checked_metrics(metrics)
    references, estimates = item_list(reference), item_list(estimate)
    _check_pairs(references, estimates, ids)
    if sr is None and any(is_array(item) for item in [*references, *estimates]):
        raise InputError("an array has no sampling rate: pass sr=, or (y, sr) for each clip")
    given: Literal["raise", "skip"] = "raise" if on_error == "raise" else "skip"
    rows = []
    with np.errstate(under="ignore"):  # NumPy's default; very quiet audio underflows
        for (_, left), (_, right) in zip(
            load_many(references, sr=sr, on_error=given),
            load_many(estimates, sr=sr, on_error=given),
            strict=True,
        ):
            results, problem = _scores(names, left, right, align=align, max_lag_s=max_lag_s)
            unread = isinstance(left, AudioError) or isinstance(right, AudioError)
            named = problem if unread else f"{left.source}: {problem}"  # AudioErrors name the clip
            if problem and on_error == "raise":
                raise InputError(named)
            if problem:
                warnings.warn(f"not evaluated: {named}", SkippedClipWarning, stacklevel=2)
            known = (0, math.nan) if isinstance(left, AudioError) else (left.sr, left.duration_s)
            rows.append(_Row(left.source, right.source, *known, results))
    return _as_dataset(names, rows, ids)


class _Pair:
    """A reference and its estimate at one rate."""

    def __init__(self, reference: AudioClip, estimate: AudioClip, max_lag_s: float) -> None:
        self.y, self.sr, self.max_lag_s = reference.y, reference.sr, max_lag_s
        self.original: FloatArray = resample(
            estimate.y, orig_sr=estimate.sr, target_sr=reference.sr
        )
        self.y_hat = self.original

    def align(self) -> None:
        """Remove the delay and set the length to the reference's."""
        lag = find_common_lag([(self.y, self.original)], sr=self.sr, max_lag_s=self.max_lag_s)
        self.y_hat = aligned(self.original, lag, len(self.y))

    def difference_of_lengths(self) -> str:
        """What is wrong with the lengths; empty if they are equal."""
        if len(self.y) == len(self.y_hat):
            return ""
        return (
            f"the reference has {len(self.y)} samples and the estimate {len(self.y_hat)} at "
            f"{self.sr} Hz: cut one of them, or pass align=True"
        )

    @cached_property
    def lag(self) -> Lag:
        """Delay of the estimate as given, in samples."""
        same_length = aligned(self.original, 0, len(self.y))
        found = find_envelope_lag(self.y, same_length, self.sr, max_lag_s=self.max_lag_s)
        if math.isinf(found.error):
            raise UndefinedError("the reference or the estimate has no modulation to measure")
        return found


@dataclass(frozen=True)
class _Definition:
    """Units, direction and origin of a metric, and the function that computes it."""

    units: str
    better: Literal["higher", "lower", "zero"]
    origin: str
    compute: Callable[[_Pair], float]
    package: str = ""

    def score(self, pair: _Pair) -> Result:
        """The value, or NaN and the reason."""
        try:
            return self.compute(pair), ""
        except (UndefinedError, MissingExtraError, InputError) as error:
            return math.nan, str(error)

    def describe(self) -> str:
        """Origin, and the package with its version if it is installed."""
        if not self.package:
            return self.origin
        try:
            return f"{self.origin}, {self.package} {version(self.package)}"
        except PackageNotFoundError:
            return self.origin


def _defined(value: float, reason: str) -> float:
    if math.isnan(value):
        raise UndefinedError(reason)
    return value


def _si_sdr(pair: _Pair) -> float:
    return _defined(compute_si_sdr(pair.y, pair.y_hat), "the reference is silent or constant")


def _noise_floor(pair: _Pair) -> float:
    rise = noise_floor_rise(pair.y, pair.y_hat, pair.sr)
    return _defined(rise, "the reference has no silent segment of 0.1 s")


def _pesq(pair: _Pair, *, mode: Literal["wb", "nb"]) -> float:
    return defined_pesq(pair.y, pair.y_hat, pair.sr, mode=mode)


def _stoi(pair: _Pair, *, extended: bool) -> float:
    return defined_stoi(pair.y, pair.y_hat, pair.sr, extended=extended)


_DISTANCE: Final = "mean of |ln(M + c) − ln(M̂ + c)| over FFT sizes 2048, 1024, 512, 256"
_ENVELOPES: Final = "generalised cross-correlation of mel envelopes (Knapp, Carter 1976)"

METRICS: Final[dict[str, _Definition]] = {
    "si_sdr": _Definition("dB", "higher", "Le Roux et al. 2019, arXiv:1811.02508", _si_sdr),
    "log_mel": _Definition(
        "Np", "lower", f"{_DISTANCE}; mel bands", lambda p: log_mel_distance(p.y, p.y_hat, p.sr)
    ),
    "log_stft": _Definition(
        "Np", "lower", f"{_DISTANCE}; bins", lambda p: log_stft_distance(p.y, p.y_hat, p.sr)
    ),
    "pesq_wb": _Definition("1", "higher", "ITU-T P.862.2", partial(_pesq, mode="wb"), "pesq"),
    "pesq_nb": _Definition("1", "higher", "ITU-T P.862.1", partial(_pesq, mode="nb"), "pesq"),
    "stoi": _Definition(
        "1", "higher", "Taal et al. 2011", partial(_stoi, extended=False), "pystoi"
    ),
    "estoi": _Definition(
        "1", "higher", "Jensen, Taal 2016", partial(_stoi, extended=True), "pystoi"
    ),
    "lag": _Definition("s", "zero", _ENVELOPES, lambda p: p.lag.samples / p.sr + 0.0),
    "lag_error": _Definition("s", "lower", "Cramér–Rao bound", lambda p: p.lag.error / p.sr),
    "noise_floor": _Definition("dB", "zero", "median over silent frames of 20 ms", _noise_floor),
}
_OF_ANY_LENGTH: Final = ("lag", "lag_error")


def _scores(
    names: Sequence[str],
    reference: AudioClip | AudioError,
    estimate: AudioClip | AudioError,
    *,
    align: bool,
    max_lag_s: float,
) -> tuple[list[Result], str]:
    """Scores of a pair, and what prevents its comparison."""
    for clip in (reference, estimate):
        if isinstance(clip, AudioError):
            return [(math.nan, str(clip))] * len(names), str(clip)
    pair = _Pair(cast(AudioClip, reference), cast(AudioClip, estimate), max_lag_s)
    if align:
        pair.align()
    needs_length = any(name not in _OF_ANY_LENGTH for name in names)
    problem = pair.difference_of_lengths() if needs_length else ""
    results = [
        (math.nan, problem) if problem and name not in _OF_ANY_LENGTH else METRICS[name].score(pair)
        for name in names
    ]
    return results, problem


class _Row(NamedTuple):
    """Scores of one pair, without its samples."""

    reference: str
    estimate: str
    sample_rate: int
    duration_s: float
    results: list[Result]


def _as_dataset(
    names: Sequence[str], rows: Sequence[_Row], ids: Sequence[str] | None
) -> xr.Dataset:
    sources = [row.reference for row in rows]
    values = [[value for value, _ in row.results] for row in rows]
    reasons = [[reason for _, reason in row.results] for row in rows]
    chosen = [METRICS[name] for name in names]
    dims = (schema.CLIP, METRIC)
    return xr.Dataset(
        {
            "score": (dims, np.array(values, np.float64), {"long_name": "score"}),
            "reason": (dims, np.array(reasons, str), {"long_name": "why the score is undefined"}),
        },
        coords={
            schema.CLIP: list(ids) if ids is not None else clip_ids_from_sources(sources),
            METRIC: list(names),
            "units": (METRIC, [each.units for each in chosen]),
            "better": (METRIC, [each.better for each in chosen]),
            "definition": (METRIC, [each.describe() for each in chosen]),
            "reference": (schema.CLIP, sources),
            "estimate": (schema.CLIP, [row.estimate for row in rows]),
            schema.SAMPLE_RATE: (schema.CLIP, [row.sample_rate for row in rows], {"units": "Hz"}),
            schema.DURATION: (schema.CLIP, [row.duration_s for row in rows], {"units": "s"}),
        },
    )


def _checked_metrics(metrics: Iterable[str] | None) -> list[str]:
    if metrics is None:
        return list(METRICS)
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    for name in names:
        package = METRICS[one_of("metrics", name, METRICS)].package
        if package:
            require(package, purpose=name)
    if not names or len(set(names)) < len(names):
        raise InputError(f"metrics must be different names, at least one, got {names}")
    return names


def _check_pairs(
    references: Sequence[Any], estimates: Sequence[Any], ids: Sequence[str] | None
) -> None:
    n_ids = len(references) if ids is None else len(ids)
    if not len(references) == len(estimates) == n_ids:
        raise InputError(
            f"expected as many references as estimates and ids, got {len(references)} references, "
            f"{len(estimates)} estimates" + (f" and {n_ids} ids" if ids is not None else "")
        )
    if not references:
        raise InputError("reference holds no clip; at least one is needed")
    if isinstance(ids, str) or not all(isinstance(name, str) for name in ids or []):
        raise InputError(f"ids must be a list of strings, got {ids!r:.100}")
    if ids is not None and len(set(ids)) < len(ids):
        repeated = next(name for name in ids if list(ids).count(name) > 1)
        raise InputError(f"ids must be different, got {repeated!r} more than once")
