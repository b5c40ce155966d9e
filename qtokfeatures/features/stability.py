"""How often tokens change when the sound hardly does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError


def change_probability(
    codes: npt.ArrayLike, changed: Sequence[npt.ArrayLike]
) -> npt.NDArray[np.float32]:
    """Return the share of versions of a clip in which each token is another.

    Parameters
    ----------
    codes : array_like of int, shape (codebook, frame)
        Codes of the clip as it is.
    changed : sequence of array_like of int, shape (codebook, frame)
        Codes of the clip with a small change, at least one.

    Returns
    -------
    ndarray of float32, shape (codebook, frame)
        0 where a token never changes, 1 where it always does.

    Raises
    ------
    InputError
        If there is no version, or one has another shape.

    Examples
    --------
    >>> change_probability([[1, 2], [3, 4]], [[[1, 2], [3, 5]], [[1, 2], [7, 5]]]).tolist()
    [[0.0, 0.0], [0.5, 1.0]]
    """
    codes = np.asarray(codes)
    versions = [np.asarray(each) for each in changed]
    if not versions or any(each.shape != codes.shape for each in versions):
        raise InputError(
            f"expected codes of versions of one clip, each of shape {codes.shape}; got "
            f"{[each.shape for each in versions]}"
        )
    shares = np.mean([each != codes for each in versions], axis=0, dtype=np.float64)
    return np.asarray(shares, dtype=np.float32)
