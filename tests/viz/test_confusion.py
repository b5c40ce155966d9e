"""The confusion matrix and the page about a classifier."""

from __future__ import annotations

import numpy as np
import pytest

from qtokfeatures.exceptions import InputError
from qtokfeatures.studio import classifier_report
from qtokfeatures.studio.classifier_page import PlayedToken
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


def test_the_page_says_and_plays_what_tells_a_class() -> None:
    token = PlayedToken(
        codebook=1, bin=79, score=3.3, share=0.105, share_elsewhere=0.007,
        examples="a & b at 0.24 s", sounds={"a & b at 0.24 s": "data:audio/flac;base64,AA=="},
    )  # fmt: skip
    html = classifier_report(
        title="t", lead="", confusion_png=b"png", caption="c", tokens={"flute": [token], "oboe": []}
    )
    assert "Most characteristic tokens: flute" in html
    assert "10.5%" in html
    assert html.count("<audio") == 1
    assert "a &amp; b at 0.24 s" in html
