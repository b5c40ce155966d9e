"""One vector a clip from the vectors of its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

FloatArray = npt.NDArray[np.float32]


def _mean(frames: FloatArray) -> FloatArray:
    return np.asarray(frames.mean(axis=0, dtype=np.float64))


def _std(frames: FloatArray) -> FloatArray:
    return np.asarray(frames.std(axis=0, dtype=np.float64))


def _min(frames: FloatArray) -> FloatArray:
    return np.asarray(frames.min(axis=0))


def _max(frames: FloatArray) -> FloatArray:
    return np.asarray(frames.max(axis=0))


def _median(frames: FloatArray) -> FloatArray:
    return np.asarray(np.median(frames, axis=0))


def _delta(frames: FloatArray) -> FloatArray:
    """Mean absolute step from frame to frame: how fast the sound changes."""
    if len(frames) == 1:
        return np.zeros(frames.shape[1], dtype=frames.dtype)
    return np.asarray(np.abs(np.diff(frames, axis=0)).mean(axis=0, dtype=np.float64))


_STATISTICS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "mean": _mean,
    "std": _std,
    "min": _min,
    "max": _max,
    "median": _median,
    "delta": _delta,
}

#: Names that :func:`pool_frames` takes.
POOLINGS = tuple(_STATISTICS)


def check_pooling(pooling: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names in `pooling` as a tuple, after checking them.

    Parameters
    ----------
    pooling : str or sequence of str
        One or several of :data:`POOLINGS`.

    Returns
    -------
    tuple of str

    Raises
    ------
    InputError
        If there is none, an unknown or a repeated one.

    Examples
    --------
    >>> check_pooling("mean")
    ('mean',)
    """
    names = (pooling,) if isinstance(pooling, str) else tuple(pooling)
    unknown = [name for name in names if name not in POOLINGS]
    if unknown or not names or len(set(names)) < len(names):
        raise InputError(
            f"pooling must be one or several different names of {', '.join(POOLINGS)}; "
            f"got {pooling!r}"
        )
    return names


def pool_frames(
    frames: npt.ArrayLike, pooling: str | Sequence[str] = ("mean", "std")
) -> FloatArray:
    """Summarise the frames of one clip.

    Parameters
    ----------
    frames : array_like of float, shape (frame, dim)
        At least one frame.
    pooling : str or sequence of str, default=("mean", "std")
        Statistics over the frames: ``"mean"``, ``"std"`` (population, 0 for one frame), ``"min"``,
        ``"max"``, ``"median"``, ``"delta"`` (mean absolute step from frame to frame).

    Returns
    -------
    ndarray of float32, shape (statistic * dim,)
        All dimensions of the first statistic, then all of the second, and so on.

    Raises
    ------
    InputError
        If there are no frames, or a statistic is unknown.

    Examples
    --------
    >>> pool_frames([[0.0, 1.0], [2.0, 1.0]], ("mean", "std")).tolist()
    [1.0, 1.0, 1.0, 0.0]
    """
    frames = np.asarray(frames)
    if frames.ndim != 2 or len(frames) == 0:
        raise InputError(f"frames must be (frame, dim) with a frame at least, got {frames.shape}")
    pooled = [_STATISTICS[name](frames) for name in check_pooling(pooling)]
    return np.concatenate(pooled).astype(np.float32)
