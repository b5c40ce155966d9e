"""A checked piece of mono audio with its origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]  # mono audio, shape (sample,)


@dataclass(frozen=True, eq=False)
class AudioClip:
    """Mono, finite, float32 audio at a known rate.

    Returned by :func:`~qtokfeatures.audio.load_audio`, which checks the samples.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        The samples. Full scale is ±1; values beyond it are kept. The array may share memory
        with the one that was loaded; copy it before writing into it.
    sr : int
        Rate of `y` in Hz.
    source : str
        Path or URL, or a description: ``"<array>"``, ``"<bytes>"``, ``"<base64>"``, …
    n_samples : int
        Length of the original, per channel, before any resampling.
    sample_rate : int
        Rate of the original in Hz.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.audio import load_audio
    >>> clip = load_audio(np.zeros(48_000), sr=48_000, target_sr=24_000)
    >>> clip.y.shape, clip.sr, clip.n_samples, clip.sample_rate, clip.duration_s
    ((24000,), 24000, 48000, 48000, 1.0)
    """

    y: Samples
    sr: int
    source: str
    n_samples: int
    sample_rate: int

    @property
    def duration_s(self) -> float:
        """Length of the original in seconds."""
        return self.n_samples / self.sample_rate

    def __len__(self) -> int:
        """Return the number of samples in `y`."""
        return len(self.y)

    def __repr__(self) -> str:
        """Name the source, not the samples."""
        return (
            f"AudioClip({self.source!r}, {self.duration_s:.3f} s, "
            f"{self.sample_rate} Hz, y: {len(self.y)} samples at {self.sr} Hz)"
        )
