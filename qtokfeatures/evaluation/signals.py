"""Mono signals, and pairs of an original and its reconstruction, checked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

FloatArray = npt.NDArray[np.float32]


class UndefinedError(Exception):
    """A metric has no value for a pair; the message is the reason."""


def check_pair(y: npt.ArrayLike, y_hat: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return two mono signals of equal length as float32, (sample,) each."""
    y, y_hat = check_mono(y, "the original"), check_mono(y_hat, "the reconstruction")
    if len(y) != len(y_hat):
        raise InputError(
            f"the original has {len(y)} samples and its reconstruction {len(y_hat)}: "
            "cut or align them first (qtokfeatures.evaluation.align)"
        )
    return y, y_hat


def check_mono(y: npt.ArrayLike, name: str) -> FloatArray:
    """Return a mono signal of at least one finite sample as float32, (sample,)."""
    array = np.asarray(y, dtype=np.float32)
    if array.ndim != 1 or not array.size:
        raise InputError(f"{name} must be mono, of shape (sample,), got shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite samples")
    return array
