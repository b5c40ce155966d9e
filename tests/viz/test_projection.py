"""Two coordinates from many features."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from qtokfeatures.exceptions import InputError, MissingExtraError
from qtokfeatures.viz.projection import project

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(12, 30))


def test_pca_agrees_with_scikit_learn() -> None:
    from sklearn.decomposition import PCA

    ours = project(TABLE, method="pca").xy
    theirs = PCA(2).fit_transform(TABLE)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-9)


def test_pca_does_not_flip_with_the_order_of_features() -> None:
    one = project(TABLE, method="pca").xy
    other = project(TABLE[:, ::-1], method="pca").xy
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_the_caption_states_method_and_variance() -> None:
    shown = project(TABLE, method="pca")
    assert shown.method == "PCA"
    assert shown.caption.startswith("PCA of 30 features. The two axes hold ")
    assert "%" in shown.axis_labels[0]


@pytest.mark.parametrize("n_clips", [1, 2, 3])
def test_few_clips(n_clips: int) -> None:
    shown = project(TABLE[:n_clips])
    assert shown.xy.shape == (n_clips, 2)
    assert np.isfinite(shown.xy).all()
    assert shown.method == "PCA"


def test_one_feature() -> None:
    xy = project(TABLE[:, :1]).xy
    assert xy.shape == (12, 2)
    assert np.ptp(xy[:, 0]) > 0


@pytest.mark.parametrize("shape", [(2, 30), (12, 2)])
def test_too_little_for_umap(shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="use method='pca'"):
        project(RNG.normal(size=shape), method="umap")


def test_clips_that_are_all_the_same() -> None:
    assert not project(np.ones((12, 4)), method="pca").xy.any()


def test_a_row_that_is_not_finite_is_named() -> None:
    table = TABLE.copy()
    table[3, 2] = np.nan
    with pytest.raises(InputError, match="row 3"):
        project(table)


def test_no_clips() -> None:
    with pytest.raises(InputError, match="with rows"):
        project(np.zeros((0, 4)))


def test_an_unknown_method() -> None:
    with pytest.raises(InputError, match="auto, umap, pca"):
        project(TABLE, method="tsne")


def test_without_umap_auto_takes_pca_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "umap" else found(name)
    )
    shown = project(TABLE)
    assert shown.method == "PCA"
    assert "PCA" in shown.caption


def test_without_umap_asking_for_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtraError, match=r"qtokfeatures\[viz\]"):
        project(TABLE, method="umap")


@pytest.mark.slow
def test_umap_is_the_same_every_time_and_keeps_groups_apart() -> None:
    pytest.importorskip("umap")
    table = np.concatenate([TABLE, TABLE + 30])
    one, again = project(table), project(table)
    assert one.method == "UMAP"
    np.testing.assert_array_equal(one.xy, again.xy)
    within = np.ptp(one.xy[:12], axis=0).max()
    between = np.linalg.norm(one.xy[:12].mean(axis=0) - one.xy[12:].mean(axis=0))
    assert between > within


def test_equal_clips_are_too_few_for_umap() -> None:
    shown = project(np.repeat(TABLE[:3], 10, axis=0))
    assert shown.method == "PCA"
    assert np.isfinite(shown.xy).all()


@pytest.mark.slow
def test_umap_says_when_it_finds_no_layout() -> None:
    pytest.importorskip("umap")
    with pytest.raises(InputError, match="use method='pca'"):
        project(np.ones((12, 5)), method="umap")
