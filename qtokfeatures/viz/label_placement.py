"""Placement of names beside points without overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_DISTANCES_PX = (8.0, 16.0, 28.0, 44.0, 62.0)
_POINT_RADIUS_PX = 5.0


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float


def place_labels(
    points: NDArray[np.float64],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    *,
    obstacles: NDArray[np.float64] | None = None,
    scale: float = 1.0,
    farthest: float = 62.0,
) -> list[Box | None]:
    """Return the nearest free box of each label, in pixels; None where nothing is free."""
    # Labels of the most crowded points choose first: theirs are the fewest free places.
    radius = _POINT_RADIUS_PX * scale
    marks = points if obstacles is None else obstacles
    taken = [Box(x - radius, y - radius, x + radius, y + radius) for x, y in marks]
    places: list[Box | None] = [None] * len(points)
    for index in _crowded_first(points):
        candidates = _candidates(points[index], sizes[index], scale, farthest)
        place = _first_free(candidates, frame, taken)
        places[index] = place
        if place is not None:
            taken.append(place)
    return places


def _crowded_first(points: NDArray[np.float64]) -> NDArray[np.intp]:
    if len(points) < 2:
        return np.arange(len(points))
    distances = np.linalg.norm(points[:, None] - points[None, :], axis=-1)
    nearest = np.sort(distances, axis=1)[:, 1 : min(5, len(points))].mean(axis=1)
    return np.argsort(nearest, kind="stable")


def _first_free(candidates: Iterator[Box], frame: Box, taken: Sequence[Box]) -> Box | None:
    obstacles = np.array(taken)
    for candidate in candidates:
        if _inside(candidate, frame) and not _overlaps_any(candidate, obstacles):
            return candidate
    return None


def _candidates(
    point: NDArray[np.float64], size: tuple[float, float], scale: float, farthest: float
) -> Iterator[Box]:
    width, height = size
    for distance in (near for near in _DISTANCES_PX if near <= farthest):
        for horizontal, vertical in _DIRECTIONS:
            gap = distance * scale * (0.8 if horizontal and vertical else 1.0)
            centre_x = point[0] + horizontal * (gap + width / 2)
            centre_y = point[1] + vertical * (gap + height / 2)
            yield Box(
                float(centre_x - width / 2),
                float(centre_y - height / 2),
                float(centre_x + width / 2),
                float(centre_y + height / 2),
            )


def _inside(box: Box, frame: Box) -> bool:
    return (
        box.left >= frame.left
        and box.right <= frame.right
        and box.bottom >= frame.bottom
        and box.top <= frame.top
    )


def _overlaps_any(box: Box, obstacles: NDArray[np.float64]) -> bool:
    apart = (
        (obstacles[:, 0] >= box.right)
        | (obstacles[:, 2] <= box.left)
        | (obstacles[:, 1] >= box.top)
        | (obstacles[:, 3] <= box.bottom)
    )
    return not bool(apart.all())
