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
from qtokfeatures.evaluation.noise_floor import noise_floor_rise
from qtokfeatures.evaluation.pairs import check_pair
from qtokfeatures.evaluation.speech_metrics import pesq_wb, stoi

Statistic = Callable[..., Any]


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
