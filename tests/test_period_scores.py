"""Music of four periods: whose scores may be used, and how they are cut."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.period_scores import (
    NO_NOTICE,
    PERIODS,
    cut_excerpts,
    render_periods,
    score_licence,
)
from qtokfeatures.exceptions import MissingExtraError
from qtokfeatures.rendering import missing_tools

notes = st.lists(
    st.tuples(
        st.integers(0, 40).map(lambda n: n / 2), st.integers(1, 8).map(lambda n: n / 2),
        st.integers(30, 90),
    ),
    min_size=1, max_size=60,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("<rights>Copyright 2022: released as CC0/Public Domain</rights>", "CC0"),
        ("<rights>Released to Public Domain in 1998</rights>", "public domain"),
        ("<rights>freely distributed under a CC-BY-SA 3.0 license</rights>", "CC BY-SA"),
        ("<rights>most uses allowed for free (CC-SA-BY).</rights>", "CC BY-SA"),
        ("<rights>© 2014, Creative Commons License (CC-BY)</rights>", "CC BY"),
        ("% under the terms of the GNU General Public License as published", "GPL"),
        ("<note/>", NO_NOTICE),
        ("<rights>Creative Commons CC-BY-NC</rights>", None),
        ("<rights>Copyright © </rights>", None),
        ("<rights>All Rights Reserved</rights>", None),
        ("!!!YEC: Copyright 1994, Somebody", None),
        ('<credit-words font-size="8">PDF © 2004 Somebody</credit-words>', None),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_a_file_says_decides(tmp_path: Path, text: str, licence, packed: bool) -> None:
    path = tmp_path / "score.mxl"
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("META-INF/container.xml", "<rights>CC0</rights>")
            archive.writestr("score.xml", f"<score>\n{text}\n</score>")
    else:
        path.write_text(f"<score>\n{text}\n</score>", encoding="utf-8")
    assert score_licence(path) == licence


@given(notes, st.integers(1, 5), st.integers(1, 6))
def test_excerpts_have_the_same_number_of_onsets_and_do_not_overlap(score, most, n_onsets) -> None:
    parts = cut_excerpts(score, n_excerpts=most, n_onsets=n_onsets)
    assert len(parts) <= most
    assert bool(parts) == (len({onset for onset, _, _ in score}) >= n_onsets)
    for part in parts:
        onsets = sorted({onset for onset, _, _ in part})
        assert len(onsets) == n_onsets
        assert onsets[0] == 0
        assert onsets[-1] < 1
        assert all(length > 0 and onset + length <= 1 + 1e-9 for onset, length, _ in part)
    assert sum(map(len, parts)) <= len(score)


def test_composers_are_in_one_period_each() -> None:
    named = [composer for composers in PERIODS.values() for composer in composers]
    assert len(named) == len(set(named))
    assert min(len(composers) for composers in PERIODS.values()) >= 3


def test_every_score_may_be_used() -> None:
    music21 = pytest.importorskip("music21")
    corpus = Path(music21.__file__).parent / "corpus"
    works = [w for composers in PERIODS.values() for each in composers.values() for w in each]
    assert [work for work in works if score_licence(corpus / work) is None] == []


@pytest.mark.skipif(bool(missing_tools()), reason=f"not installed: {missing_tools()}")
def test_scores_are_rendered_and_reserved_ones_left_out() -> None:
    pytest.importorskip("music21")
    chosen = {
        "a": {"Corelli": ("corelli/opus3no1/1grave.xml",)},
        "b": {"Schubert": ("schubert/Lindenbaum.xml",)},
    }
    with pytest.warns(UserWarning, match=r"Lindenbaum\.xml: its file reserves rights"):
        clips = render_periods(excerpts=2, excerpt_s=2.0, periods=chosen)
    assert [(clip.period, clip.composer, clip.licence) for clip in clips] == [
        ("a", "Corelli", "CC BY")
    ] * 2
    for clip in clips:
        assert clip.y.dtype == np.float32
        assert len(clip.y) == pytest.approx(2.3 * clip.sr, abs=2)
        assert np.abs(clip.y).max() > 0.01


def test_music21_is_named_when_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "music21", None)
    with pytest.raises(MissingExtraError, match=r"qtokfeatures\[scores\]"):
        render_periods()
