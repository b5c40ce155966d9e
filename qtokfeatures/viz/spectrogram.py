"""Spectrograms of a clip and its reconstruction on one scale."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qtokfeatures.viz.figures import Picture, plain, shortened, tidy
from qtokfeatures.viz.palette import INK
from qtokfeatures.viz.waveform import Signal, check_signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_WINDOW_S = 0.043
_COLUMNS = 1000
_ROWS = 192
_RANGE_DB = 80.0
_TICKS_HZ = (0, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000)


def spectrogram_figure(y: Signal, y_hat: Signal, sr: int, *, title: str = "") -> Picture:
    """Draw the spectrograms of a clip and its reconstruction, one above the other.

    Parameters
    ----------
    y, y_hat : ndarray (sample,)
        Original and reconstruction at the same rate.
    sr : int
        Sample rate, Hz.
    title : str
        Heading, usually the clip's name.

    Returns
    -------
    Picture
        The figure, 8.6 x 5.6 inches. Both panels share the colour scale: decibels below the
        original's loudest point. The frequency axis is mel-spaced.

    Raises
    ------
    InputError
        If a signal is not one-dimensional or has no samples, or `sr` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.viz import spectrogram_figure
    >>> y = np.sin(np.arange(2400))
    >>> spectrogram_figure(y, y / 2, 24_000).axes[0].get_title("left")
    'original'
    """
    figure = Picture(8.6, 5.6)
    panels = figure.subplots(2, 1, sharex=True)
    check_signal("y", y, sr)
    loudest = _loudest(y, sr)
    for ax, signal, name in zip(panels, (y, y_hat), ("original", "decoded"), strict=True):
        image = draw_spectrogram(ax, signal, sr, reference=loudest)
        heading = f"{name}: {shortened(title)}" if title else name
        plain(ax.set_title(heading, fontsize=11, color=INK, loc="left"))
    panels[0].set_xlabel("")
    bar = figure.colorbar(image, ax=list(panels), pad=0.015, aspect=35)
    bar.set_label("level (dB, 0 = loudest of the original)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return figure


def draw_spectrogram(ax: Axes, y: Signal, sr: int, *, reference: float | None = None) -> AxesImage:
    """Draw a spectrogram with a mel-spaced frequency axis, 80 dB deep.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    y : ndarray (sample,)
        One channel.
    sr : int
        Sample rate, Hz; the axis ends at half of it.
    reference : float, optional
        Magnitude drawn as 0 dB; the loudest of `y` by default.

    Returns
    -------
    matplotlib.image.AxesImage
        The image, for a colour bar.

    Raises
    ------
    InputError
        If `y` is not one-dimensional or has no samples, or `sr` is not positive.
    """
    check_signal("y", y, sr)
    magnitudes = mel_spaced_magnitudes(y, sr)
    peak = max(reference if reference is not None else float(magnitudes.max()), 1e-9)
    levels = 20 * np.log10(np.maximum(magnitudes / peak, 10 ** (-_RANGE_DB / 20)))
    top = _hz_to_mel(sr / 2)
    image = ax.imshow(
        levels,
        origin="lower",
        aspect="auto",
        extent=(0.0, len(y) / sr, 0.0, top),
        cmap="magma",
        vmin=-_RANGE_DB,
        vmax=0.0,
        interpolation="nearest",
    )
    ticks = [hz for hz in _TICKS_HZ if hz <= sr / 2]
    ax.set_yticks([_hz_to_mel(hz) for hz in ticks], [f"{hz:,}" for hz in ticks])
    ax.set_xlabel("time (s)", fontsize=10)
    ax.set_ylabel("frequency (Hz)", fontsize=9)
    tidy(ax)
    return image


def mel_spaced_magnitudes(y: Signal, sr: int) -> NDArray[np.float64]:
    """Return STFT magnitudes (row, column), mel-spaced; a full-scale sine counts 1."""
    spectra = _spectra(np.asarray(y, dtype=np.float64), sr)
    bin_hz = sr / 2 / (spectra.shape[0] - 1)
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(sr / 2), _ROWS + 1)) / bin_hz
    return np.stack([_row(spectra, low, high) for low, high in pairwise(edges)])


def _row(spectra: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    inside = spectra[int(np.ceil(low)) : int(np.ceil(high))]
    if len(inside):
        return np.asarray(inside.max(axis=0))
    below = min(int(low), len(spectra) - 2)
    share = (low + high) / 2 - below
    return np.asarray((1 - share) * spectra[below] + share * spectra[below + 1])


def _spectra(y: NDArray[np.float64], sr: int) -> NDArray[np.float64]:
    size = 2 ** max(4, round(np.log2(_WINDOW_S * sr)))
    hop = max(size // 8, -(-len(y) // _COLUMNS))
    window = np.hanning(size + 1)[:-1]
    padded = np.pad(y, size // 2)
    starts = np.arange(0, len(y), hop)
    frames = padded[starts[:, None] + np.arange(size)] * window
    return np.asarray(np.abs(np.fft.rfft(frames, axis=1)).T * (2 / window.sum()))


def _loudest(y: Signal, sr: int) -> float:
    return float(mel_spaced_magnitudes(y, sr).max())


def _hz_to_mel(hz: float) -> float:
    return float(2595.0 * np.log10(1.0 + hz / 700.0))


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
