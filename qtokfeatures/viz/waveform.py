"""Waveforms of a clip and its reconstruction in one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qtokfeatures.exceptions import InputError
from qtokfeatures.viz.figures import Picture, plain, shortened, tidy
from qtokfeatures.viz.palette import DECODED, INK, ORIGINAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 1500
_CLOSE_UP_S = 0.03

Signal = NDArray[np.float32]


def waveform_figure(y: Signal, y_hat: Signal, sr: int, *, title: str = "") -> Picture:
    """Draw a clip and its reconstruction: the whole, and 30 ms around the loudest moment.

    Parameters
    ----------
    y, y_hat : ndarray (sample,)
        Original and reconstruction at the same rate, full scale ±1.
    sr : int
        Sample rate, Hz.
    title : str
        Heading, usually the clip's name.

    Returns
    -------
    Picture
        The figure, 8.6 x 4.6 inches.

    Raises
    ------
    InputError
        If a signal is not one-dimensional or has no samples, or `sr` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.viz import waveform_figure
    >>> y = np.sin(np.arange(2400))
    >>> len(waveform_figure(y, y / 2, 24_000).axes)
    2
    """
    figure = Picture(8.6, 4.6)
    whole, close_up = figure.subplots(2, 1)
    draw_waveforms(whole, y, y_hat, sr)
    start_s, stop_s = _loudest_moment(y, sr)
    draw_waveforms(close_up, y, y_hat, sr, start_s=start_s, stop_s=stop_s)
    whole.axvspan(start_s, stop_s, color="#DDDDDD", zorder=0)
    plain(whole.set_title(shortened(title) or "Waveform", fontsize=12, color=INK, loc="left"))
    whole.legend(loc="upper right", fontsize=9, ncols=2, frameon=True, framealpha=0.85)
    close_up.set_title(
        f"the {1000 * (stop_s - start_s):.0f} ms marked grey, where it is loudest",
        fontsize=9,
        color=INK,
        loc="left",
    )
    return figure


def draw_waveforms(
    ax: Axes,
    y: Signal,
    y_hat: Signal,
    sr: int,
    *,
    start_s: float = 0.0,
    stop_s: float | None = None,
) -> None:
    """Draw a reconstruction over its original.

    Long segments are drawn as the band between the lowest and highest sample of each column.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    y, y_hat : ndarray (sample,)
        Original and reconstruction at the same rate.
    sr : int
        Sample rate, Hz.
    start_s, stop_s : float
        Segment to draw, in seconds; the whole clip by default.

    Raises
    ------
    InputError
        If a signal is not one-dimensional or has no samples, or `sr` is not positive.
    """
    for name, signal in (("y", y), ("y_hat", y_hat)):
        check_signal(name, signal, sr)
    end_s = max(len(y), len(y_hat)) / sr if stop_s is None else stop_s
    _draw_one(ax, y, sr, start_s, end_s, color=ORIGINAL, label="original", alpha=0.85)
    _draw_one(ax, y_hat, sr, start_s, end_s, color=DECODED, label="decoded", alpha=0.6)
    ax.set_xlim(start_s, end_s)
    ax.set_xlabel("time (s)", fontsize=10)
    ax.set_ylabel("amplitude (full scale = 1)", fontsize=9)
    tidy(ax)


def check_signal(name: str, signal: Signal, sr: float) -> None:
    """Raise unless this is one channel of samples at a positive rate."""
    if np.ndim(signal) != 1 or len(signal) == 0:
        raise InputError(
            f"expected {name} as one channel (sample,) with samples, got shape {np.shape(signal)}"
        )
    if not sr > 0:
        raise InputError(f"expected sr as a positive rate in Hz, got {sr!r}")


def _draw_one(
    ax: Axes,
    signal: Signal,
    sr: int,
    start_s: float,
    stop_s: float,
    *,
    color: str,
    label: str,
    alpha: float,
) -> None:
    first = int(start_s * sr)
    piece = np.asarray(signal)[first : int(np.ceil(stop_s * sr)) + 1]
    if len(piece) <= 2 * _COLUMNS:
        times = (first + np.arange(len(piece))) / sr
        ax.plot(times, piece, color=color, alpha=alpha, linewidth=1.1, label=label)
        return
    edges, low, high = _envelope(piece)
    ax.fill_between(
        (first + edges) / sr, low, high, color=color, alpha=alpha, linewidth=0.4, label=label
    )


def _envelope(piece: Signal) -> tuple[NDArray[np.int64], Signal, Signal]:
    edges = np.linspace(0, len(piece), _COLUMNS, endpoint=False).astype(np.int64)
    return edges, np.minimum.reduceat(piece, edges), np.maximum.reduceat(piece, edges)


def _loudest_moment(y: Signal, sr: int) -> tuple[float, float]:
    check_signal("y", y, sr)
    duration_s = len(y) / sr
    length_s = min(_CLOSE_UP_S, duration_s)
    centre_s = int(np.abs(y).argmax()) / sr
    start_s = float(np.clip(centre_s - length_s / 2, 0.0, duration_s - length_s))
    return start_s, start_s + length_s
