"""An original and its reconstruction: what every comparison of two asks for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

FloatArray = npt.NDArray[np.float32]


def check_pair(y: npt.ArrayLike, y_hat: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Take two signals that can be compared sample by sample.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The original.
    y_hat : array_like, shape (sample,)
        Its reconstruction.

    Returns
    -------
    y : ndarray of float32, shape (sample,)
        The original.
    y_hat : ndarray of float32, shape (sample,)
        Its reconstruction.

    Raises
    ------
    InputError
        If one is empty, not mono or not finite, or their lengths differ.

    Examples
    --------
    >>> check_pair([0.0, 1.0], [0.5])
    Traceback (most recent call last):
    ...
    qtokfeatures.exceptions.InputError: the original has 2 samples and its reconstruction 1: ...
    """
    y, y_hat = check_mono(y, "the original"), check_mono(y_hat, "the reconstruction")
    if len(y) != len(y_hat):
        raise InputError(
            f"the original has {len(y)} samples and its reconstruction {len(y_hat)}: "
            "cut or align them first"
        )
    return y, y_hat


def check_mono(y: npt.ArrayLike, name: str) -> FloatArray:
    """Take one mono signal of at least one finite sample.

    Parameters
    ----------
    y : array_like, shape (sample,)
        The signal.
    name : str
        What to call it in an error.

    Returns
    -------
    ndarray of float32, shape (sample,)

    Raises
    ------
    InputError
        If it is empty, not mono or not finite.
    """
    array = np.asarray(y, dtype=np.float32)
    if array.ndim != 1 or not array.size:
        raise InputError(f"{name} must be mono, of shape (sample,), got shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite samples")
    return array
