"""Maps of clips: one mark per clip, similar clips near each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtokfeatures.exceptions import InputError
from qtokfeatures.viz.figures import Picture, plain, shortened, tidy, unknown_scripts_allowed
from qtokfeatures.viz.label_placement import Box, place_labels
from qtokfeatures.viz.palette import FAINT, INK, category_styles
from qtokfeatures.viz.projection import Projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_GROUPS = 24
_MOST_NAMES = 120
_FEW_CLIPS = 60  # with more clips, only names that need no line to their mark are written
_NEAR_PX = 8.0
_FAR_PX = 44.0
_LONGEST_NAME = 26
_OTHER = "other"
_LEADER = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3}


def map_figure(
    projection: Projection,
    *,
    names: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    group_title: str = "",
    title: str = "",
) -> Picture:
    """Draw clips as marks in the plane.

    Parameters
    ----------
    projection : Projection
        From :func:`project`.
    names : sequence of str, optional
        One name per clip, written beside its mark where the space allows.
    groups : sequence of str, optional
        Group of each clip (an instrument, a cluster), shown by colour and shape of its mark.
    group_title : str
        Heading of the legend.
    title : str
        Heading of the map, to which the projection method is added.

    Returns
    -------
    Picture
        The figure, 8.6 x 6.4 inches.

    Raises
    ------
    InputError
        If `projection` is something else, or `names` or `groups` are not one per clip.

    Examples
    --------
    >>> from qtokfeatures.viz import map_figure, project
    >>> points = project([[0.0, 1.0], [2.0, 1.0], [2.0, 4.0]], method="pca")
    >>> map_figure(points, groups=["oboe", "oboe", "flute"]).axes[0].get_title("left")
    'Clips by PCA'
    """
    if not isinstance(projection, Projection):
        raise InputError(
            f"expected a Projection, as project(features) returns it, got "
            f"{type(projection).__name__}"
        )
    figure = Picture(8.6, 6.4)
    ax = figure.add_subplot()
    draw_map(ax, projection.xy, groups=groups, group_title=group_title)
    heading = f"{title} ({projection.method})" if title else f"Clips by {projection.method}"
    plain(ax.set_title(shortened(heading), fontsize=12, color=INK, loc="left"))
    ax.set_xlabel(projection.axis_labels[0], fontsize=10)
    ax.set_ylabel(projection.axis_labels[1], fontsize=10)
    if names is not None:
        with unknown_scripts_allowed():
            figure.draw_without_rendering()
            write_names(ax, projection.xy, names)
    return figure


def draw_map(
    ax: Axes, xy: ArrayLike, *, groups: Sequence[str] | None = None, group_title: str = ""
) -> None:
    """Draw one mark per clip into an Axes, with a legend when there are groups.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    xy : array (clip, 2)
        Coordinates.
    groups : sequence of str, optional
        Group of each clip. Beyond 24 groups the smallest ones are drawn as ``"other"``.
    group_title : str
        Heading of the legend.

    Raises
    ------
    InputError
        If there is not one group per clip.
    """
    points = np.asarray(xy, dtype=np.float64)
    each = [""] * len(points) if groups is None else groups
    marks = _main_groups(_one_each("groups", each, len(points)))
    shown = _in_order(marks)
    area = float(np.clip(9000 / max(1, len(points)), 14, 60))
    for group, style in zip(shown, category_styles(len(shown)), strict=True):
        here = points[[mark == group for mark in marks]]
        ax.scatter(
            here[:, 0],
            here[:, 1],
            s=area * style.area,
            c=style.color,
            marker=style.marker,
            edgecolors="white",
            linewidths=0.6,
            zorder=3,
        )
    tidy(ax)
    ax.margins(0.08)
    ax.grid(visible=True, color="#E8E8E8", linewidth=0.6, zorder=0)
    if groups is not None:
        _write_legend(ax, shown, group_title)


def write_names(ax: Axes, xy: ArrayLike, names: Sequence[str]) -> int:
    """Write names beside their marks where nothing is covered; return how many found no room."""
    points = np.asarray(xy, dtype=np.float64)
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), _MOST_NAMES)).astype(int))
    texts = [shortened(name, _LONGEST_NAME) for name in _one_each("names", names, len(points))]
    pixels = ax.transData.transform(points)
    sizes = [_text_size(ax, texts[index]) for index in chosen]
    frame = Box(*ax.get_window_extent().extents)
    scale = ax.figure.dpi / 96
    farthest = _FAR_PX if len(points) <= _FEW_CLIPS else _NEAR_PX
    places = place_labels(
        pixels[chosen], sizes, frame, obstacles=pixels, scale=scale, farthest=farthest
    )
    for index, place in zip(chosen, places, strict=True):
        if place is not None:
            _write_name(ax, points[index], texts[index], place)
    return len(points) - sum(place is not None for place in places)


def mark_positions(figure: Picture, xy: ArrayLike) -> NDArray[np.float64]:
    """Return the marks' distances from left and top (clip, 2), as shares of width and height."""
    with unknown_scripts_allowed():
        figure.draw_without_rendering()
    pixels = figure.axes[0].transData.transform(np.asarray(xy, dtype=np.float64))
    shares = pixels / np.array([figure.bbox.width, figure.bbox.height])
    return np.column_stack([shares[:, 0], 1.0 - shares[:, 1]])


def _one_each(what: str, values: Sequence[str], n_clips: int) -> list[str]:
    if len(values) != n_clips:
        raise InputError(f"{what} has {len(values)} entries for {n_clips} clips")
    return [str(value) for value in np.asarray(values, dtype=object).tolist()]


def _main_groups(groups: list[str]) -> list[str]:
    counts = Counter(groups)
    if len(counts) <= _MOST_GROUPS:
        return groups
    kept = {group for group, _ in counts.most_common(_MOST_GROUPS - 1)}
    return [group if group in kept else _OTHER for group in groups]


def _in_order(groups: Sequence[str]) -> list[str]:
    return sorted(set(groups), key=lambda group: (group == _OTHER, _natural(group)))


def _natural(text: str) -> tuple[str, int, str]:
    stem = text.rstrip("0123456789")
    number = text[len(stem) :]
    return stem, int(number) if number else -1, text


def _write_legend(ax: Axes, shown: Sequence[str], title: str) -> None:
    handles = list(ax.collections)
    legend = ax.legend(
        handles,
        [str(index) for index in range(len(shown))],
        title=title or None,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
        fontsize=9,
        title_fontsize=9,
        frameon=False,
    )
    for text, group in zip(legend.get_texts(), shown, strict=True):
        plain(text).set_text(shortened(group, _LONGEST_NAME) or "(none)")


def _text_size(ax: Axes, text: str) -> tuple[float, float]:
    probe = plain(ax.text(0, 0, text, fontsize=8))
    box = probe.get_window_extent()
    probe.remove()
    return box.width + 2, box.height + 2


def _write_name(ax: Axes, point: NDArray[np.float64], text: str, place: Box) -> None:
    figure = ax.figure
    centre = np.array([place.left + place.right, place.bottom + place.top]) / 2
    mark = ax.transData.transform(point)
    name = ax.annotate(
        text,
        xy=(point[0], point[1]),
        xytext=tuple(figure.transFigure.inverted().transform(centre)),
        textcoords="figure fraction",
        ha="center",
        va="center",
        fontsize=8,
        color=INK,
        arrowprops=_LEADER if _needs_leader(place, mark, figure.dpi) else None,
        zorder=4,
    )
    plain(name).set_in_layout(False)


def _needs_leader(place: Box, mark: NDArray[np.float64], dpi: float) -> bool:
    x = float(np.clip(mark[0], place.left, place.right))
    y = float(np.clip(mark[1], place.bottom, place.top))
    return bool(np.hypot(x - mark[0], y - mark[1]) > 12 * dpi / 96)
