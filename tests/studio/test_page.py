"""Pages: self-contained, escaped, playable."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import soundfile as sf

from qtokfeatures.exceptions import InputError
from qtokfeatures.studio.listening import compact_uri, lossless_uri
from qtokfeatures.studio.page import cards, page, picture, player, section, spots, table

TONE = (0.4 * np.sin(2 * np.pi * 440 * np.arange(24000) / 24000)).astype(np.float32)


def _audio(uri: str) -> tuple[np.ndarray, int]:
    return sf.read(io.BytesIO(base64.b64decode(uri.partition(",")[2])), dtype="float32")


def test_a_page_names_its_title_and_language_and_fits_a_phone() -> None:
    html = page("A & B", [section("C < D", "text")], lead="what it is")
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "<title>A &amp; B</title>" in html
    assert "<h2>C &lt; D</h2>" in html
    assert 'name="viewport" content="width=device-width' in html


def test_a_page_fetches_nothing() -> None:
    blocks = [
        picture(b"png", alt="a"),
        cards([player("tone", lossless_uri(TONE, 24000))]),
        table(("a",), [("b",)]),
    ]
    html = page("t", blocks)
    assert re.findall(r"https?://", html) == []
    assert all(found.startswith("data:") for found in re.findall(r'src="([^"]*)"', html))
    assert "<link" not in html
    assert "@import" not in html


def test_lossless_audio_comes_back_within_half_a_step() -> None:
    y, sr = _audio(lossless_uri(TONE, 24000))
    assert sr == 24000
    np.testing.assert_allclose(y, TONE, atol=2**-15)


def test_long_audio_is_cut_and_faded() -> None:
    y, sr = _audio(lossless_uri(np.ones(48000, np.float32) / 2, 24000, longest_s=1.0))
    assert len(y) == sr
    assert abs(y[-1]) < 1e-3


@pytest.mark.parametrize(("sr", "playable"), [(4000, 8000), (44100, 44100), (192_000, 48000)])
def test_rates_that_browsers_may_refuse_are_changed(sr: int, playable: int) -> None:
    _, rate = _audio(lossless_uri(np.zeros(sr, np.float32), sr))
    assert rate == playable


def test_compact_audio_is_much_smaller_and_as_long() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48000).astype(np.float32)
    small, large = compact_uri(noise, 24000), lossless_uri(noise, 24000)
    assert len(small) < len(large) / 2
    y, sr = _audio(small)
    assert len(y) / sr == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("sr", [8000, 44100, 96000])
def test_compact_audio_of_any_rate(sr: int) -> None:
    y, rate = _audio(compact_uri(np.zeros(sr, np.float32), sr))
    assert len(y) / rate == pytest.approx(1.0, abs=0.15)


def test_audio_beyond_full_scale_is_clipped_not_wrapped() -> None:
    y, _ = _audio(lossless_uri(np.full(2400, 1.7, np.float32), 24000))
    assert y.min() > 0.99


def test_no_samples_are_refused() -> None:
    with pytest.raises(InputError, match="with samples"):
        lossless_uri(np.zeros(0, np.float32), 24000)


def test_spots_lie_where_the_marks_are_and_skip_what_cannot_be_heard() -> None:
    made = spots(np.array([[0.25, 0.5], [0.1, 0.1]]), ["a <b>", "c"], ["clip-0", None])
    assert len(made) == 1
    assert 'style="left:25.00%;top:50.00%"' in made[0]
    assert "play a &lt;b&gt;" in made[0]


def test_numbers_in_tables_are_flush_right() -> None:
    html = table(("n", "x", "s"), [(1200, 0.12345, "a<b")])
    assert '<td class="number">1,200</td>' in html
    assert '<td class="number">0.123</td>' in html
    assert "<td>a&lt;b</td>" in html


def test_a_table_knows_how_many_cells_stand_side_by_side_on_a_phone() -> None:
    assert 'style="--columns:2"' in table(("a", "b", "c"), [])
    assert 'style="--columns:1"' in table(("a",), [])
