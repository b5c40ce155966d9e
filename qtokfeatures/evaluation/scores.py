"""Metrics of a reconstruction against its original, and summaries over clips."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import log_mel_distance, log_stft_distance, si_sdr
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.evaluation.bootstrap import without_nan
from qtokfeatures.evaluation.lag import find_envelope_lag
from qtokfeatures.evaluation.signals import FloatArray, check_pair
from qtokfeatures.evaluation.speech_metrics import pesq_wb, stoi

Statistic = Callable[..., Any]

SILENT_DB: Final = -40.0  # level of a silent frame, below the loudest frame of its clip

_FRAME_S: Final = 0.02
_SHORTEST_S: Final = 0.1  # shorter pauses still hold the decay of what precedes them
_INAUDIBLE: Final = 1e-4  # RMS amplitude, −80 dB of full scale; lower levels count as this


@dataclass(frozen=True)
class Metric:
    """A metric with its key in JSON, label in tables, direction and summary over clips."""

    key: str
    label: str
    speech_only: bool = False
    higher_is_better: bool = False
    statistic: Statistic = np.mean
    digits: int = 3


LOG_MEL: Final = Metric("log_mel", "log-mel")
LOG_STFT: Final = Metric("log_stft", "log-STFT")
STOI: Final = Metric("stoi", "STOI", speech_only=True, higher_is_better=True)
PESQ_WB: Final = Metric("pesq_wb", "PESQ-WB", speech_only=True, higher_is_better=True, digits=2)
SI_SDR: Final = Metric("si_sdr", "SI-SDR, dB", higher_is_better=True, statistic=np.median, digits=1)

FLOOR: Final = Metric("noise_floor_db", "noise floor, dB", statistic=np.median, digits=1)
LAG: Final = Metric("lag", "lag, samples", statistic=np.median, digits=0)
LAG_ERROR: Final = Metric("lag_error", "error of lag, samples", statistic=np.median, digits=0)

# In the order of the tables' columns.
METRICS: Final = (LOG_MEL, LOG_STFT, STOI, PESQ_WB, SI_SDR, FLOOR, LAG, LAG_ERROR)


@dataclass(frozen=True)
class ClipScore:
    """Scores of one clip by metric key; NaN where a metric is undefined."""

    clip: str
    kind: str
    values: Mapping[str, float]


def score_reconstruction(
    y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int, *, speech: bool = False, lag: bool = False
) -> dict[str, float]:
    """Values of the metrics by key, for an aligned reconstruction of equal length.

    A lag that cannot be estimated is left out.
    """
    y, y_hat = check_pair(y, y_hat)
    values = {
        LOG_MEL.key: log_mel_distance(y, y_hat, sr),
        LOG_STFT.key: log_stft_distance(y, y_hat, sr),
        SI_SDR.key: si_sdr(y, y_hat),
        FLOOR.key: noise_floor_rise(y, y_hat, sr),
    }
    if lag:
        found = find_envelope_lag(y, y_hat, sr)
        if math.isfinite(found.error):
            values |= {LAG.key: found.samples, LAG_ERROR.key: found.error}
    if speech:
        values |= {STOI.key: stoi(y, y_hat, sr), PESQ_WB.key: pesq_wb(y, y_hat, sr)}
    return values


def summarise(values: Sequence[float], *, statistic: Statistic = np.mean) -> float:
    """Mean or median over the clips for which a metric is defined; NaN if there are none."""
    defined = without_nan(values)
    return float(statistic(defined)) if defined.size else float("nan")


def noise_floor_rise(y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int) -> float:
    """Measure the level of a reconstruction above the original's where that is silent.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, aligned and of the same length.
    sr : int
        Sampling rate of both, in Hz.

    Returns
    -------
    float
        Median level difference in dB over the silent frames of 20 ms: at least 40 dB below the
        loudest frame of the original, in segments of 0.1 s or more. Levels below −80 dB of full
        scale count as −80 dB. NaN if there is no such segment.

    Raises
    ------
    InputError
        If a signal is empty, not mono or not finite, or the lengths differ.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.evaluation import noise_floor_rise
    >>> y = np.concatenate([np.ones(24_000), np.full(24_000, 1e-3)]) * np.sin(np.arange(48_000))
    >>> round(noise_floor_rise(y, y + 1e-3 * np.cos(np.arange(48_000)), 24_000), 1)
    3.0
    """
    y, y_hat, sr = *check_pair(y, y_hat), checked_rate(sr)
    level, level_hat = _levels_db(y, sr), _levels_db(y_hat, sr)
    silent = _long_segments(level <= level.max(initial=-np.inf) + SILENT_DB)
    if not silent.any():
        return float("nan")
    return float(np.median(level_hat[silent] - level[silent]))


def _levels_db(y: FloatArray, sr: int) -> npt.NDArray[np.float64]:
    size = round(_FRAME_S * sr)
    frames = y[: len(y) // size * size].reshape(-1, size).astype(np.float64)
    rms = np.sqrt(np.mean(np.square(frames), axis=1))
    levels: npt.NDArray[np.float64] = 20 * np.log10(np.maximum(rms, _INAUDIBLE))
    return levels


def _long_segments(silent: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Silent frames that belong to segments of at least 0.1 s."""
    shortest = round(_SHORTEST_S / _FRAME_S)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    kept = np.zeros_like(silent)
    for start, stop in edges.reshape(-1, 2):
        kept[start:stop] = stop - start >= shortest
    return kept
