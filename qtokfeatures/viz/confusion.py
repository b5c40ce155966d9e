"""Confusion matrices as coloured tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtokfeatures.exceptions import InputError
from qtokfeatures.viz.figures import Picture, plain, shortened
from qtokfeatures.viz.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NUMBERS = 30
_LONGEST_NAME = 22


def confusion_figure(counts: ArrayLike, classes: Sequence[object], *, title: str = "") -> Picture:
    """Draw a confusion matrix.

    Parameters
    ----------
    counts : array (class, class)
        Clips by true class (rows) and predicted class (columns).
    classes : sequence (class,)
        Names of the classes.
    title : str
        Heading of the figure.

    Returns
    -------
    Picture
        The figure. Colours are shares of each row, numbers are clips.

    Raises
    ------
    InputError
        If `counts` is not a square with one row for each class.

    Examples
    --------
    >>> confusion_figure([[3, 1], [0, 4]], ["flute", "oboe"]).axes[0].get_xlabel()
    'predicted'
    """
    side = min(9.0, 2.8 + 0.42 * len(classes))
    figure = Picture(side + 0.8, side)
    ax = figure.add_subplot()
    draw_confusion(ax, counts, classes)
    if title:
        plain(ax.set_title(shortened(title), fontsize=11, color=INK, loc="left"))
    return figure


def draw_confusion(ax: Axes, counts: ArrayLike, classes: Sequence[object]) -> None:
    """Draw a confusion matrix into an Axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    counts : array (class, class)
        Clips by true class (rows) and predicted class (columns).
    classes : sequence (class,)
        Names of the classes.

    Raises
    ------
    InputError
        If `counts` is not a square with one row for each class.
    """
    table = np.asarray(counts)
    if table.shape != (len(classes), len(classes)):
        raise InputError(f"counts has shape {table.shape} for {len(classes)} classes")
    shares = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    ax.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, aspect="equal")
    names = [shortened(str(name), _LONGEST_NAME) for name in classes]
    places = np.arange(len(names))
    for axis, rotation in ((ax.xaxis, 45), (ax.yaxis, 0)):
        axis.set_ticks(places, names, fontsize=8, rotation=rotation)
        for text in axis.get_ticklabels():
            plain(text)
    for text in ax.get_xticklabels():
        text.set_horizontalalignment("right")
        text.set_rotation_mode("anchor")
    ax.set_xlabel("predicted", fontsize=9)
    ax.set_ylabel("true", fontsize=9)
    if len(names) <= _MOST_NUMBERS:
        _write_numbers(ax, table, shares)


def _write_numbers(ax: Axes, table: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for row, column in zip(*np.nonzero(table), strict=True):
        color = "white" if shares[row, column] > 0.55 else INK
        ax.text(
            column,
            row,
            f"{table[row, column]:g}",
            ha="center",
            va="center",
            fontsize=8,
            color=color,
        )
