"""Colours and marker shapes that remain distinct for colour-blind readers and in grey print."""

from __future__ import annotations

from typing import NamedTuple

# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), their yellow darkened for white
# backgrounds. The first eight categories differ in colour and in shape.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D", "#B8A800")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_AREAS = {"*": 1.9, "P": 1.3, "X": 1.3, "^": 1.2, "v": 1.2}

ORIGINAL = COLORS[0]
DECODED = COLORS[1]
INK = "#222222"
FAINT = "#6B6B6B"


class CategoryStyle(NamedTuple):
    """Colour and marker shape of one category."""

    color: str
    marker: str

    @property
    def area(self) -> float:
        """Size relative to a disc that looks as large."""
        return _AREAS.get(self.marker, 1.0)


def category_styles(n_categories: int) -> list[CategoryStyle]:
    """Return one colour and shape per category; the first 64 pairs are all different."""
    n = len(COLORS)
    return [
        CategoryStyle(COLORS[index % n], MARKERS[(index + index // n) % n])
        for index in range(n_categories)
    ]
