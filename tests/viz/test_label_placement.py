"""Names that cover neither points nor each other."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qtokfeatures.viz.label_placement import Box, place_labels

FRAME = Box(0, 0, 400, 300)


def _overlap(one: Box, other: Box) -> bool:
    return (
        one.left < other.right
        and other.left < one.right
        and one.bottom < other.top
        and other.bottom < one.top
    )


@given(
    st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300)), min_size=1, max_size=40),
    st.floats(5, 120),
)
def test_placed_labels_are_inside_and_apart(
    points: list[tuple[float, float]], width: float
) -> None:
    positions = np.array(points)
    places = place_labels(positions, [(width, 12.0)] * len(points), FRAME)
    placed = [place for place in places if place is not None]
    assert len(places) == len(points)
    for place in placed:
        assert place.left >= 0
        assert place.right <= 400
        assert place.bottom >= 0
        assert place.top <= 300
        inside = (positions > [place.left, place.bottom]) & (positions < [place.right, place.top])
        assert not inside.all(axis=1).any()
    assert not any(_overlap(a, b) for a, b in itertools.combinations(placed, 2))


def test_a_single_label_lies_beside_its_point() -> None:
    (place,) = place_labels(np.array([[100.0, 100.0]]), [(40.0, 12.0)], FRAME)
    assert place is not None
    assert 0 < place.left - 100 < 15


def test_a_label_larger_than_the_frame_is_left_out() -> None:
    assert place_labels(np.array([[100.0, 100.0]]), [(900.0, 12.0)], FRAME) == [None]


def test_points_without_labels_are_not_covered() -> None:
    near = np.array([[100.0, 100.0], [115.0, 100.0]])
    (place,) = place_labels(near[:1], [(40.0, 12.0)], FRAME, obstacles=near)
    assert place is not None
    assert not (place.left < 115 < place.right and place.bottom < 100 < place.top)


def test_no_labels() -> None:
    assert place_labels(np.zeros((0, 2)), [], FRAME) == []
