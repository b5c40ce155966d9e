"""How much noise a codec puts where the original is silent."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.pairs import FloatArray, check_pair

SILENT_DB: Final = -40.0
"""Level below a clip's loudest frame at which a frame counts as silent, in dB."""

_FRAME_S: Final = 0.02
_SHORTEST_S: Final = 0.1
_INAUDIBLE: Final = 1e-4  # RMS amplitude, −80 dB of full scale: less is taken for this


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
