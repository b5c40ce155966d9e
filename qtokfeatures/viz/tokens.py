"""Token rasters: one row per codebook, one column per frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtokfeatures.exceptions import CodesError
from qtokfeatures.viz.figures import Picture, plain, shortened, tidy
from qtokfeatures.viz.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage


def token_figure(
    codes: ArrayLike, *, frame_rate: float = 12.5, codebook_size: int = 2048, title: str = ""
) -> Picture:
    """Draw codes as a raster.

    Parameters
    ----------
    codes : array (codebook, frame)
        Integers; −1 (padding) stays blank.
    frame_rate : float
        Frames per second.
    codebook_size : int
        Number of codes in a codebook.
    title : str
        Heading, usually the clip's name.

    Returns
    -------
    Picture
        The figure, 8.6 x 3.2 inches. The colour is the token's index: neighbouring colours are
        not neighbouring sounds, but equal colours in a row are equal tokens.

    Raises
    ------
    CodesError
        If `codes` is not a table of integers with frames.

    Examples
    --------
    >>> from qtokfeatures.viz import token_figure
    >>> token_figure([[5, 5, 9], [1, 2, -1]], title="a.wav").axes[0].get_title("left")
    'Tokens: a.wav'
    """
    figure = Picture(8.6, 3.2)
    ax = figure.add_subplot()
    image = draw_tokens(ax, codes, frame_rate=frame_rate, codebook_size=codebook_size)
    heading = f"Tokens: {shortened(title)}" if title else "Tokens"
    plain(ax.set_title(heading, fontsize=11, loc="left"))
    bar = figure.colorbar(image, ax=ax, pad=0.015)
    bar.set_label("token", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return figure


def draw_tokens(
    ax: Axes, codes: ArrayLike, *, frame_rate: float = 12.5, codebook_size: int = 2048
) -> AxesImage:
    """Draw codes into an Axes, codebook 0 (the coarsest) on top.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    codes : array (codebook, frame)
        Integers; −1 (padding) stays blank.
    frame_rate : float
        Frames per second.
    codebook_size : int
        Number of codes in a codebook.

    Returns
    -------
    matplotlib.image.AxesImage
        The image, for a colour bar.

    Raises
    ------
    CodesError
        If `codes` is not a table of integers with frames.
    """
    table = _code_table(codes)
    n_codebooks, n_frames = table.shape
    image = ax.imshow(
        np.ma.masked_less(table, 0),
        aspect="auto",
        cmap="viridis",
        vmin=0,
        vmax=codebook_size - 1,
        interpolation="nearest",
        extent=(0.0, n_frames / frame_rate, n_codebooks - 0.5, -0.5),
    )
    step = max(1, -(-n_codebooks // 8))
    ax.set_yticks(range(0, n_codebooks, step))
    ax.set_xlabel("time (s)", fontsize=10, color=INK)
    ax.set_ylabel("codebook (0 = coarsest)", fontsize=9, color=INK)
    tidy(ax)
    return image


def _code_table(codes: ArrayLike) -> NDArray[np.integer]:
    table = np.asarray(codes)
    if table.ndim != 2 or 0 in table.shape or not np.issubdtype(table.dtype, np.integer):
        raise CodesError(
            f"expected codes as integers (codebook, frame) with at least one frame, got "
            f"{table.dtype} of shape {table.shape}"
        )
    return table
