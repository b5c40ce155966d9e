"""Figures: what they show, and that nobody else's matplotlib is touched."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.text import Text

from qtokfeatures import viz
from qtokfeatures.exceptions import CodesError, InputError
from qtokfeatures.viz.clip_map import mark_positions
from qtokfeatures.viz.figures import figure_png
from qtokfeatures.viz.palette import category_styles
from qtokfeatures.viz.spectrogram import mel_spaced_magnitudes

SR = 24000
TIME = np.arange(SR) / SR
TONE = (0.5 * np.sin(2 * np.pi * 1000 * TIME)).astype(np.float32)
AWKWARD_NAMES = ["$x_1$", "_hidden", "a\nb", "小提琴", "<b>&", "", "x" * 300, "100%"]


def _projection(n_clips: int) -> viz.Projection:
    return viz.project(np.random.default_rng(1).normal(size=(n_clips, 6)), method="pca")


def _texts(figure: viz.Picture) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def test_pyplot_is_never_imported() -> None:
    code = (
        "import sys, numpy as np, qtokfeatures.viz as v;"
        "v.figures.figure_png(v.waveform_figure(np.ones(9, 'f4'), np.ones(9, 'f4'), 24000));"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    code = code.replace("v.figures", "__import__('qtokfeatures.viz.figures').viz.figures")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_figures_leave_matplotlibs_settings_alone() -> None:
    before = dict(mpl.rcParams)
    figure_png(viz.map_figure(_projection(5), names=list("abcde"), groups=list("aabbc")))
    assert dict(mpl.rcParams) == before


def test_a_figure_shows_itself_in_a_notebook() -> None:
    assert viz.Picture(2, 1)._repr_png_().startswith(b"\x89PNG")


def test_pictures_are_the_same_every_time() -> None:
    one, again = (figure_png(viz.waveform_figure(TONE, TONE, SR)) for _ in range(2))
    assert one == again


def test_saving_makes_the_folder_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = viz.save_figure(viz.Picture(2, 1), tmp_path / "new" / "a.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [found.name for found in path.parent.iterdir()] == ["a.png"]


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.gif: a figure is written as \.png, \.svg"):
        viz.save_figure(viz.Picture(2, 1), tmp_path / "a.gif")


# ------------------------------------------------------------------------------- the map


@pytest.mark.parametrize(
    ("suffix", "start", "end"), [(".svg", b"<?xml", b"</svg>\n"), (".PDF", b"%PDF-", b"%%EOF\n")]
)
def test_vector_formats_are_complete_and_repeatable(suffix, start, end, tmp_path):
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        viz.save_figure(viz.token_figure([[1, 2, 3]], title="小提琴 $x$"), path)
    first, second = (path.read_bytes() for path in paths)
    assert first.startswith(start)
    assert first.endswith(end)
    if suffix == ".PDF":  # SVG holds random ids
        assert first == second


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert viz.save_figure(viz.Picture(2, 1), "~/a.png") == tmp_path / "a.png"


def test_map_of_something_else_is_refused():
    with pytest.raises(InputError, match="expected a Projection, as project"):
        viz.map_figure(np.zeros((3, 2)))


@pytest.mark.parametrize("make", [np.array, pd.Series, xr.DataArray, tuple])
def test_groups_and_names_as_any_array(make):
    figure = viz.map_figure(_projection(4), names=make(list("abcd")), groups=make(list("xxyy")))
    assert {"a", "b", "c", "d", "x", "y"} <= set(_texts(figure))


def test_awkward_names_are_drawn_as_they_are_without_warnings() -> None:
    n_clips = len(AWKWARD_NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = viz.map_figure(_projection(n_clips), names=AWKWARD_NAMES, groups=AWKWARD_NAMES)
        figure_png(figure)
    texts = _texts(figure)
    assert "$x_1$" in texts
    assert "_hidden" in texts
    assert "a b" in texts
    assert "(none)" in texts
    assert any(text.startswith("xxx") and "…" in text for text in texts)


def test_the_title_states_the_method() -> None:
    assert "40 sounds (PCA)" in _texts(viz.map_figure(_projection(3), title="40 sounds"))


def test_labels_of_forty_clips_do_not_overlap() -> None:
    names = [f"instrument {index}" for index in range(40)]
    figure = viz.map_figure(_projection(40), names=names)
    figure.draw_without_rendering()
    boxes = [
        Text.get_window_extent(text).extents  # without the line that leads to the mark
        for text in figure.axes[0].texts
        if text.get_text() in names
    ]
    assert len(boxes) > 25
    for index, (left, bottom, right, top) in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart = left >= other[2] or right <= other[0] or bottom >= other[3] or top <= other[1]
            assert apart


def test_many_groups_end_in_other() -> None:
    groups = [f"g{index}" for index in range(40)]
    texts = _texts(viz.map_figure(_projection(40), groups=groups))
    assert "other" in texts
    assert len([text for text in texts if text.startswith("g")]) == 23


def test_groups_are_listed_in_natural_order() -> None:
    groups = [f"cluster {index}" for index in (10, 2, 0, 1)]
    texts = [t for t in _texts(viz.map_figure(_projection(4), groups=groups)) if "cluster" in t]
    assert texts == ["cluster 0", "cluster 1", "cluster 2", "cluster 10"]


def test_one_clip() -> None:
    figure = viz.map_figure(_projection(1), names=["only"], groups=["kind"])
    assert figure_png(figure).startswith(b"\x89PNG")
    assert "only" in _texts(figure)


def test_a_thousand_clips() -> None:
    figure = viz.map_figure(_projection(1000), names=[f"clip {i}" for i in range(1000)])
    assert figure_png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("argument", ["names", "groups"])
def test_one_name_and_one_group_per_clip(argument: str) -> None:
    with pytest.raises(InputError, match=f"{argument} has 2 entries for 3 clips"):
        viz.map_figure(_projection(3), **{argument: ["a", "b"]})


def test_mark_positions_are_where_the_pixels_are() -> None:
    import io

    from PIL import Image

    projection = _projection(3)
    figure = viz.map_figure(projection)
    image = np.asarray(Image.open(io.BytesIO(figure_png(figure))).convert("RGB"))
    height, width = image.shape[:2]
    for left, top in mark_positions(figure, projection.xy):
        pixel = image[round(top * height), round(left * width)]
        assert pixel.tolist() == [0x00, 0x72, 0xB2]


def test_styles_differ_in_colour_and_shape() -> None:
    first = category_styles(8)
    assert len({style.color for style in first}) == 8
    assert len({style.marker for style in first}) == 8


# --------------------------------------------------------------------------- waveforms


def test_long_waveforms_are_drawn_as_bands() -> None:
    y = np.random.default_rng(0).normal(0, 0.1, 20 * SR).astype(np.float32)
    y[12_345] = 0.9
    figure = viz.waveform_figure(y, y, SR)
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert len(band) < 10_000
    assert band[:, 1].max() == pytest.approx(0.9)


def test_the_close_up_is_where_it_is_loudest() -> None:
    y = np.zeros(SR, np.float32)
    y[18_000] = 1.0
    figure = viz.waveform_figure(y, y, SR)
    low, high = figure.axes[1].get_xlim()
    assert low < 0.75 < high
    assert high - low == pytest.approx(0.03)


@pytest.mark.parametrize("n_samples", [1, 2, 50])
def test_very_short_waveforms(n_samples: int) -> None:
    y = np.ones(n_samples, np.float32)
    assert figure_png(viz.waveform_figure(y, y, SR)).startswith(b"\x89PNG")
    assert figure_png(viz.spectrogram_figure(y, y, SR)).startswith(b"\x89PNG")


def test_waveforms_have_one_channel() -> None:
    with pytest.raises(InputError, match="one channel"):
        viz.waveform_figure(np.zeros((2, 9), np.float32), TONE, SR)


# ------------------------------------------------------------------------- spectrograms


def test_a_full_scale_sine_counts_one_at_its_frequency() -> None:
    magnitudes = mel_spaced_magnitudes(2 * TONE, SR)
    assert magnitudes.shape[0] == 192
    assert magnitudes.max() == pytest.approx(1.0, abs=0.1)
    mel_of = 2595 * np.log10(1 + np.array([1000, SR / 2]) / 700)
    row = magnitudes[:, 100].argmax()
    assert row == pytest.approx(192 * mel_of[0] / mel_of[1], abs=2)


def test_an_hour_takes_no_more_columns_than_ten_minutes() -> None:
    y = np.zeros(3600 * 100, np.float32)
    assert mel_spaced_magnitudes(y, 100).shape[1] <= 1000


def test_silence_is_drawn() -> None:
    silence = np.zeros(SR, np.float32)
    assert figure_png(viz.spectrogram_figure(silence, silence, SR)).startswith(b"\x89PNG")


def test_both_panels_share_the_scale_and_have_units() -> None:
    figure = viz.spectrogram_figure(TONE, 0.1 * TONE, SR, title="tone")
    upper, lower = (axes.images[0] for axes in figure.axes[:2])
    assert upper.get_clim() == lower.get_clim() == (-80, 0)
    assert upper.get_array().max() - lower.get_array().max() == pytest.approx(20, abs=0.1)
    texts = _texts(figure)
    assert {"time (s)", "frequency (Hz)", "original: tone", "decoded: tone"} <= set(texts)


# ------------------------------------------------------------------------------ tokens


def test_tokens_are_drawn_with_the_coarsest_on_top() -> None:
    codes = np.arange(16)[:, None] * np.ones(5, int)
    figure = viz.token_figure(codes)
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), codes)


def test_padding_stays_blank() -> None:
    codes = np.array([[1, 2, -1], [3, 4, -1]])
    shown = viz.token_figure(codes).axes[0].images[0].get_array()
    assert shown.mask.tolist() == [[False, False, True]] * 2


@pytest.mark.parametrize("codes", [np.zeros((2, 0), int), np.zeros(3, int), np.zeros((2, 3))])
def test_what_are_no_codes(codes: np.ndarray) -> None:
    with pytest.raises(CodesError, match="codebook, frame"):
        viz.token_figure(codes)
