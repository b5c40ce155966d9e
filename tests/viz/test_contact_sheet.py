from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from qtokfeatures import viz
from qtokfeatures.exceptions import InputError

SR = 24000


def pairs(count: int) -> list[viz.SheetPair]:
    rng = np.random.default_rng(0)
    return [
        viz.SheetPair(f"0.{n} $clip_{n}$", *rng.normal(0, 0.1, size=(2, 9000)), SR)
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [1, 5, 7])
def test_every_clip_has_two_panels_and_its_title(count: int) -> None:
    figure = viz.contact_sheet(pairs(count), title="the best")
    assert len(figure.axes) == 2 * count
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert "the best" in texts
    for n in range(count):
        assert f"0.{n} $clip_{n}$" in texts
    assert "0.4 s" in texts


def test_a_clip_and_its_reconstruction_share_the_scale() -> None:
    (pair,) = pairs(1)
    quiet = pair._replace(y_hat=1e-3 * pair.y)
    figure = viz.contact_sheet([quiet])
    loud, soft = (ax.images[0].get_array() for ax in figure.axes)
    np.testing.assert_allclose(loud.max(), 0, atol=1e-6)
    np.testing.assert_allclose(soft.max(), -60, atol=1e-6)


def test_a_sheet_of_ten_noises_is_a_small_file_of_few_colours(tmp_path) -> None:
    path = viz.save_sheet(viz.contact_sheet(pairs(10)), tmp_path / "new" / "sheet.png")
    content = path.read_bytes()
    assert len(content) < 150_000
    picture = Image.open(io.BytesIO(content))
    assert picture.mode == "P"
    assert len(picture.getcolors()) <= 28


def test_nothing_to_draw_and_other_formats_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="at least one clip"):
        viz.contact_sheet([])
    with pytest.raises(InputError, match=r"written as \.png, not as '\.jpg'"):
        viz.save_sheet(viz.contact_sheet(pairs(1)), tmp_path / "sheet.jpg")
