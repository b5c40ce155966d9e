"""Sheets of spectrograms, each original above its reconstruction."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qtokfeatures.exceptions import InputError
from qtokfeatures.viz.figures import Picture, figure_png, plain, shortened, write_whole
from qtokfeatures.viz.palette import INK
from qtokfeatures.viz.spectrogram import draw_spectrogram, mel_spaced_magnitudes
from qtokfeatures.viz.waveform import Signal, check_signal

if TYPE_CHECKING:
    from matplotlib.gridspec import SubplotSpec

_COLUMNS = 5
_CELL_IN = (2.3, 2.2)
_DPI = 96
_COLORS = 28
_NAME_CHARACTERS = 34


class SheetPair(NamedTuple):
    """A clip and its reconstruction, for a sheet.

    Parameters
    ----------
    title : str
        Heading of its panels.
    y, y_hat : ndarray (sample,)
        Original and reconstruction.
    sr : int
        Rate of both in Hz.
    """

    title: str
    y: Signal
    y_hat: Signal
    sr: int


def contact_sheet(pairs: Sequence[SheetPair], *, title: str = "") -> Picture:
    """Draw the spectrograms of several clips, each original above its reconstruction.

    Parameters
    ----------
    pairs : sequence of SheetPair
        The clips, drawn row by row, five in each.
    title : str
        Heading of the sheet.

    Returns
    -------
    Picture
        The two panels of a clip share the colour scale: 80 dB below the original's loudest point.

    Raises
    ------
    InputError
        If there is no clip, or a signal cannot be drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.viz import SheetPair, contact_sheet
    >>> y = np.sin(np.arange(2400))
    >>> len(contact_sheet([SheetPair("a sine", y, y, 24_000)]).axes)
    2
    """
    if not pairs:
        raise InputError("a contact sheet needs at least one clip, got none")
    columns = min(_COLUMNS, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = Picture(_CELL_IN[0] * columns, _CELL_IN[1] * rows + 0.4 * bool(title))
    figure.set_dpi(_DPI)
    if title:
        plain(figure.suptitle(title, fontsize=12, color=INK))
    grid = figure.add_gridspec(rows, columns)
    for place, pair in enumerate(pairs):
        _draw_pair(figure, grid[divmod(place, columns)], pair)
    return figure


def save_sheet(figure: Picture, path: str | os.PathLike[str]) -> Path:
    """Write a sheet as a small PNG of 28 colours, atomically.

    Parameters
    ----------
    figure : Picture
        Sheet from :func:`contact_sheet`.
    path : path
        Ends in ``.png``.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        If the suffix is not ``.png``.
    """
    from PIL import Image

    target = Path(path)
    if target.suffix.lower() != ".png":
        raise InputError(f"a sheet is written as .png, not as {target.suffix!r}: {target}")
    picture = Image.open(io.BytesIO(figure_png(figure))).convert("RGB")
    small = io.BytesIO()
    few = picture.quantize(_COLORS, dither=Image.Dither.NONE)
    few.save(small, format="PNG", optimize=True)
    write_whole(target, small.getvalue())
    return target


def _draw_pair(figure: Picture, place: SubplotSpec, pair: SheetPair) -> None:
    check_signal("y", pair.y, pair.sr)
    loudest = float(mel_spaced_magnitudes(pair.y, pair.sr).max())
    inner = place.subgridspec(2, 1, hspace=0.04)
    for row, signal in enumerate((pair.y, pair.y_hat)):
        ax = figure.add_subplot(inner[row])
        draw_spectrogram(ax, signal, pair.sr, reference=loudest)
        ax.set_xlabel("")
        ax.set_ylabel("")
        ax.set_yticks([])
        ends = [0.0, len(pair.y) / pair.sr] if row else []
        ax.set_xticks(ends, [f"{end:.1f} s" for end in ends])
        ax.tick_params(labelsize=7)
        if row == 0:
            name = shortened(pair.title, _NAME_CHARACTERS)
            plain(ax.set_title(name, fontsize=7, color=INK, loc="left", pad=2))
