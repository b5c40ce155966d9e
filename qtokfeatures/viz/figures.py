"""Figures without pyplot, and their files."""

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
# No time of day, so that equal figures are equal files.
_METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
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
        """Render as PNG, drawing once where ``savefig`` draws twice."""
        buffer = io.BytesIO()
        self._agg.print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return figure_png(self)


def figure_png(figure: Figure) -> bytes:
    """Render a figure as PNG at 160 dots per inch."""
    return _rendered(figure, ".png")


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure as PNG, SVG or PDF, atomically.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.
    path : path
        Its suffix chooses the format: ``.png`` (160 dots per inch), ``.svg`` or ``.pdf``. ``~`` is
        expanded, and missing folders are created.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        If the suffix is not one of the three.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from qtokfeatures.viz import save_figure, token_figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_figure(token_figure([[1, 2, 3]]), pathlib.Path(folder, "tokens.svg"))
    ...     path.read_text().startswith("<?xml")
    True
    """
    target = Path(path).expanduser()
    suffix = target.suffix.lower()
    if suffix not in _METADATA:
        raise InputError(
            f"{target}: a figure is written as {', '.join(_METADATA)}, got the suffix "
            f"{target.suffix!r}"
        )
    write_whole(target, _rendered(figure, suffix))
    return target


def _rendered(figure: Figure, suffix: str) -> bytes:
    use_fonts_for_any_script(figure)
    with unknown_scripts_allowed():
        if suffix == ".png" and isinstance(figure, Picture):
            return figure.png()
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], dpi=DPI, metadata=_METADATA[suffix])
        return buffer.getvalue()


def write_whole(target: Path, content: bytes) -> None:
    """Write a file atomically, so that no reader sees part of it."""
    with atomic_write(target) as fresh:
        fresh.write_bytes(content)


@contextlib.contextmanager
def unknown_scripts_allowed() -> Iterator[None]:
    """Silence the warnings for characters that no installed font has."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def use_fonts_for_any_script(figure: Figure) -> None:
    """Set fonts that include Chinese, Hindi or Arabic, where installed."""
    for text in figure.findobj(Text):
        text.set_fontfamily(_installed_fonts())


def plain(text: Text) -> Text:
    """Turn off mathematics in a text, so that dollar signs and underscores are literal."""
    text.set_parse_math(False)
    text.set_fontfamily(_installed_fonts())
    return text


def shortened(name: str, longest: int = 60) -> str:
    """Replace the middle of a long name by an ellipsis."""
    clean = " ".join(name.split())
    if len(clean) <= longest:
        return clean
    half = (longest - 1) // 2
    return f"{clean[:half]}…{clean[-half:]}"


def tidy(ax: Axes) -> None:
    """Hide the top and right spines."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=9)


@functools.lru_cache(maxsize=1)
def _installed_fonts() -> list[str]:
    installed = {font.name for font in fontManager.ttflist}
    return [name for name in _FONTS if name in installed] or ["sans-serif"]
