"""Figures without pyplot: made here, written whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from qtokfeatures.exceptions import InputError, MissingExtraError
from qtokfeatures.files import atomic_write

try:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager
    from matplotlib.text import Text
except ImportError as error:
    raise MissingExtraError("matplotlib", extra="viz", purpose="Drawing figures") from error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 160
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Droid Sans Fallback",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans Devanagari",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Thai",
)


class Picture(Figure):
    """A matplotlib figure on the Agg canvas that also shows itself in a notebook.

    Parameters
    ----------
    width_in, height_in : float
        Size in inches; a page shows 96 pixels to the inch.
    """

    def __init__(self, width_in: float, height_in: float) -> None:
        super().__init__(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
        self._agg = FigureCanvasAgg(self)

    def png(self) -> bytes:
        """Render it, drawing once where ``savefig`` draws twice."""
        buffer = io.BytesIO()
        self._agg.print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return figure_png(self)


def figure_png(figure: Figure) -> bytes:
    """Render a figure as PNG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.

    Returns
    -------
    bytes
        The PNG file's content, at 160 dots per inch.
    """
    use_fonts_for_any_script(figure)
    with unknown_scripts_allowed():
        if isinstance(figure, Picture):
            return figure.png()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
        return buffer.getvalue()


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure as PNG; the file appears whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.
    path : path
        Ends in ``.png``; missing folders are made.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    InputError
        If the suffix is another one.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise InputError(f"a figure is written as .png, not as {target.suffix!r}: {target}")
    write_whole(target, figure_png(figure))
    return target


def write_whole(target: Path, content: bytes) -> None:
    """Write a file by way of a neighbour, so that no reader sees half of it."""
    with atomic_write(target) as fresh:
        fresh.write_bytes(content)


@contextlib.contextmanager
def unknown_scripts_allowed() -> Iterator[None]:
    """Draw a box, without a warning, for each character that no installed font has."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def use_fonts_for_any_script(figure: Figure) -> None:
    """Let names in Chinese, Hindi or Arabic find a font where the machine has one."""
    for text in figure.findobj(Text):
        text.set_fontfamily(_installed_fonts())


def plain(text: Text) -> Text:
    """Show a name as it is: dollar signs and underscores are not mathematics."""
    text.set_parse_math(False)
    text.set_fontfamily(_installed_fonts())
    return text


def shortened(name: str, longest: int = 60) -> str:
    """Take the middle out of a name that is too long for its place.

    Examples
    --------
    >>> shortened("a name that is rather long", 11)
    'a nam… long'
    """
    clean = " ".join(name.split())
    if len(clean) <= longest:
        return clean
    half = (longest - 1) // 2
    return f"{clean[:half]}…{clean[-half:]}"


def tidy(ax: Axes) -> None:
    """Take away the lines that carry no information."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=9)


@functools.lru_cache(maxsize=1)
def _installed_fonts() -> list[str]:
    installed = {font.name for font in fontManager.ttflist}
    return [name for name in _FONTS if name in installed] or ["sans-serif"]
