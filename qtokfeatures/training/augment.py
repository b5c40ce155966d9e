"""Changes that make a batch more varied: polarity, equalisation, mixing, level."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_EQ_POINTS = 8


def augment(batch: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A changed copy of `batch`, float32 (clip, sample)."""
    changed: npt.NDArray[np.float64] = batch * rng.choice([-1.0, 1.0], size=(len(batch), 1))
    changed = _equalised(changed, rng)
    changed = _mixed(changed, rng)
    peak = np.abs(changed).max(axis=1, keepdims=True)
    target = 0.5 * 10 ** (rng.uniform(-9.0, 3.0, size=(len(batch), 1)) / 20)
    scaled: npt.NDArray[np.float64] = changed * (target / np.maximum(peak, 1e-3))
    return scaled.astype(np.float32)


def _equalised(batch: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A third of the clips through a random smooth curve of ±8 dB."""
    chosen = np.flatnonzero(rng.random(len(batch)) < 1 / 3)
    if not len(chosen):
        return batch
    spectra = np.fft.rfft(batch[chosen], axis=1)
    points = rng.uniform(-8.0, 8.0, size=(len(chosen), _EQ_POINTS))
    octaves = np.log2(np.linspace(1, 256, spectra.shape[1]))
    curves = [np.interp(octaves, np.linspace(0, 8, _EQ_POINTS), row) for row in points]
    spectra *= 10 ** (np.array(curves) / 20)
    out = batch.copy()
    out[chosen] = np.fft.irfft(spectra, n=batch.shape[1], axis=1)
    return out


def _mixed(batch: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A sixth of the clips with their neighbour added, 5 to 25 dB below."""
    chosen = rng.random((len(batch), 1)) < 1 / 6
    gain = 10 ** (rng.uniform(-25.0, -5.0, size=(len(batch), 1)) / 20)
    mixed: npt.NDArray[np.float64] = batch + chosen * gain * np.roll(batch, 1, axis=0)
    return mixed
