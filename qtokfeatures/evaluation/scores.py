"""What is measured on an original and its reconstruction, and how clips are summed up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import log_mel_distance, log_stft_distance, si_sdr
from qtokfeatures.evaluation.bootstrap import without_nan
from qtokfeatures.evaluation.lag import find_envelope_lag
from qtokfeatures.evaluation.signals import FloatArray, check_pair
from qtokfeatures.evaluation.speech_metrics import pesq_wb, stoi

Statistic = Callable[..., Any]

SILENT_DB: Final = -40.0

_FRAME_S: Final = 0.02
_SHORTEST_S: Final = 0.1
_INAUDIBLE: Final = 1e-4  # RMS amplitude, −80 dB of full scale: less is taken for this


@dataclass(frozen=True)
class Metric:
    """One number that compares a reconstruction with its original.

    Parameters
    ----------
    key : str
        Name in scores and JSON.
    label : str
        Name in tables.
    speech_only : bool, default False
        Whether it is defined on speech only.
    higher_is_better : bool, default False
        Its direction.
    statistic : callable, default numpy.mean
        How clips are summed up.
    digits : int, default 3
        Decimals in tables.
    """

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

METRICS: Final = (LOG_MEL, LOG_STFT, STOI, PESQ_WB, SI_SDR, FLOOR, LAG, LAG_ERROR)
"""Everything that is measured, in the order of tables."""


@dataclass(frozen=True)
class ClipScore:
    """What one clip scored.

    Parameters
    ----------
    clip : str
        Name of the clip.
    kind : str
        Its kind.
    values : mapping of str to float
        Metric's key to value; NaN where a metric is not defined for this clip.
    """

    clip: str
    kind: str
    values: Mapping[str, float]


def score_reconstruction(
    y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int, *, speech: bool = False, lag: bool = False
) -> dict[str, float]:
    """Compare a reconstruction with its original.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, aligned and of the same length.
    sr : int
        Rate of both, in Hz.
    speech : bool, default False
        Whether to measure STOI and PESQ-WB too, which need the extra ``eval``.
    lag : bool, default False
        Whether to measure the lag too, by :func:`~qtokfeatures.evaluation.find_envelope_lag`.

    Returns
    -------
    dict of str to float
        ``log_mel`` and ``log_stft`` (distances, 0 is equal), ``si_sdr`` (dB, higher is closer),
        ``noise_floor_db`` (above the original's, where that is silent), for speech ``stoi`` and
        ``pesq_wb`` (higher is better), and where asked for, and anything tells time, ``lag`` and
        ``lag_error`` (samples).

    Raises
    ------
    InputError
        If the two do not fit each other.
    MissingExtraError
        If speech is asked for without pystoi or pesq.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(size=24_000)
    >>> score_reconstruction(noise, noise, 24_000)["log_mel"]
    0.0
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
    """Sum up what clips scored, leaving out those for which the metric is not defined.

    Parameters
    ----------
    values : sequence of float
        One number a clip, NaN where undefined.
    statistic : callable, default numpy.mean
        Mean or median.

    Returns
    -------
    float
        NaN where nothing is defined.

    Examples
    --------
    >>> summarise([1.0, float("nan"), 2.0])
    1.5
    """
    defined = without_nan(values)
    return float(statistic(defined)) if defined.size else float("nan")


"""Level below a clip's loudest frame at which a frame counts as silent, in dB."""


def noise_floor_rise(y: npt.ArrayLike, y_hat: npt.ArrayLike, sr: int) -> float:
    """Level of a reconstruction above the original's where that is silent.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction, aligned and of the same length.
    sr : int
        Rate of both, in Hz.

    Returns
    -------
    float
        In dB, the median over the frames of 20 ms that are at least 40 dB below the clip's loudest
        and stand in stretches of 0.1 s or more. A level below −80 dB of full scale counts as that.
        NaN where the clip has no such stretch.

    Raises
    ------
    InputError
        If the two do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.concatenate([np.ones(24_000), np.full(24_000, 1e-3)]) * np.sin(np.arange(48_000))
    >>> round(noise_floor_rise(y, y + 1e-3 * np.cos(np.arange(48_000)), 24_000), 1)
    3.0
    """
    y, y_hat = check_pair(y, y_hat)
    level, level_hat = _levels_db(y, sr), _levels_db(y_hat, sr)
    silent = _stretches(level <= level.max(initial=-np.inf) + SILENT_DB)
    if not silent.any():
        return float("nan")
    return float(np.median(level_hat[silent] - level[silent]))


def _levels_db(y: FloatArray, sr: int) -> npt.NDArray[np.float64]:
    size = round(_FRAME_S * sr)
    frames = y[: len(y) // size * size].reshape(-1, size).astype(np.float64)
    rms = np.sqrt(np.mean(np.square(frames), axis=1))
    levels: npt.NDArray[np.float64] = 20 * np.log10(np.maximum(rms, _INAUDIBLE))
    return levels


def _stretches(silent: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Those of the silent frames that stand in stretches that are long enough."""
    shortest = round(_SHORTEST_S / _FRAME_S)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    kept = np.zeros_like(silent)
    for start, stop in edges.reshape(-1, 2):
        kept[start:stop] = stop - start >= shortest
    return kept
