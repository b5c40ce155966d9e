"""The confusion matrix."""

from __future__ import annotations

import numpy as np
import pytest

from qtokfeatures.exceptions import InputError
from qtokfeatures.viz import confusion_figure
from qtokfeatures.viz.figures import figure_png

COUNTS = np.array([[3, 1, 0], [0, 4, 0], [2, 0, 0]])


def test_numbers_are_clips_and_colours_are_shares_of_rows() -> None:
    ax = confusion_figure(COUNTS, ["flute", "oboe", "$x_1$"]).axes[0]
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "3", (1, 0): "1", (1, 1): "4", (0, 2): "2"}
    shares = np.asarray(ax.images[0].get_array())
    np.testing.assert_allclose(shares[0], [0.75, 0.25, 0])
    np.testing.assert_allclose(shares[2], [1, 0, 0])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["flute", "oboe", "$x_1$"]


def test_a_class_without_clips_is_no_division_by_zero() -> None:
    shares = np.asarray(confusion_figure([[0, 0], [1, 1]], "ab").axes[0].images[0].get_array())
    assert np.isfinite(shares).all()


def test_many_classes_are_drawn_without_numbers() -> None:
    figure = confusion_figure(np.eye(40, dtype=int), [str(i) for i in range(40)])
    assert len(figure.axes[0].texts) == 0
    assert figure_png(figure).startswith(b"\x89PNG")


def test_what_is_no_square_is_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(3, 3\) for 2 classes"):
        confusion_figure(COUNTS, ["a", "b"])
