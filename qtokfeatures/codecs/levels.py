"""How loud each frame of codes is, for codecs whose codes do not say so themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SILENCE_LN_LEVEL = float(np.log(1e-6))
"""Level that quieter frames get, −120 dB relative to full scale."""


def frame_levels(y: npt.ArrayLike, hop_length: int) -> npt.NDArray[np.float32]:
    """Natural logarithm of the RMS amplitude of each frame.

    Parameters
    ----------
    y : array of float, shape (sample,)
        Audio of whole frames.
    hop_length : int
        Samples a frame.

    Returns
    -------
    ndarray of float32, shape (frame,)
        At least ``ln(1e-6)``, −120 dB relative to full scale.

    Examples
    --------
    >>> np.exp(frame_levels([0.5, -0.5, 0.1, 0.1], 2)).round(3).tolist()
    [0.5, 0.10000000149011612]
    """
    frames = np.asarray(y, dtype=np.float64).reshape(-1, hop_length)
    ln_rms = 0.5 * np.log(np.maximum(np.square(frames).mean(axis=1), 1e-300))
    levels: npt.NDArray[np.float32] = np.maximum(ln_rms, SILENCE_LN_LEVEL).astype(np.float32)
    return levels
