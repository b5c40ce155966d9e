"""Clustering pipelines, the number of clusters, and what stands for one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from qtokfeatures.estimators import TokenHistogram
from qtokfeatures.exceptions import InputError, MissingExtraError
from qtokfeatures.pipelines import (
    SilhouetteKMeans,
    find_clusters,
    make_clustering_pipeline,
    sonify_medoid,
)
from qtokfeatures.pipelines.clustering import rank_clusters

BLOBS = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], [5, 4, 3], axis=0)
BLOBS += np.random.default_rng(0).normal(0, 0.3, BLOBS.shape)
TRUE = np.repeat([0, 1, 2], [5, 4, 3])


def test_the_number_of_groups_is_found() -> None:
    model = SilhouetteKMeans().fit(BLOBS)
    assert model.n_clusters_ == 3
    assert adjusted_rand_score(model.labels_, TRUE) == 1
    assert (model.predict(BLOBS) == model.labels_).all()


@pytest.mark.parametrize(("n_clips", "n_clusters"), [(1, 1), (2, 1), (3, 2)])
def test_few_clips(n_clips: int, n_clusters: int) -> None:
    assert SilhouetteKMeans().fit(BLOBS[-n_clips:]).n_clusters_ == n_clusters


def test_clips_that_are_all_alike_are_one_cluster() -> None:
    assert SilhouetteKMeans().fit(np.ones((6, 2))).n_clusters_ == 1


def test_clusters_are_named_by_size() -> None:
    found = rank_clusters([7, 7, 2, 5, 5, 5, -1], np.arange(7.0)[:, None])
    assert found.labels.tolist() == [1, 1, 2, 0, 0, 0, -1]
    assert found.fitted_labels == (5, 7, 2)
    assert found.n_clusters == 3
    assert found.nearest(0) == [4, 3, 5]
    assert found.most_typical() == [4, 0, 2]
    assert np.isnan(found.distances[6])


@pytest.mark.parametrize("reduce", [None, "svd"])
def test_planted_classes_are_found_again(paper, codes, labels, reduce) -> None:
    from qtokfeatures.estimators import TokenHistogram

    pipe = make_clustering_pipeline(
        paper, n_clusters=3, reduce=reduce, n_components=3,
        features=TokenHistogram(codebooks=1, bins=None, weighting="relative"),
    )  # fmt: skip
    found = find_clusters(pipe, codes)
    assert adjusted_rand_score(found.labels, labels) > 0.9
    own = np.array([found.fitted_labels[label] for label in found.labels])
    assert (own == pipe[-1].labels_).all()


def test_fewer_different_clips_than_clusters(paper, codes) -> None:
    same = codes[[0, 0, 0, 0, 1]]
    assert find_clusters(make_clustering_pipeline(paper, n_clusters=4), same).n_clusters == 2


def test_hdbscan_calls_what_is_alone_noise(paper, codes) -> None:
    pipe = make_clustering_pipeline(paper, method="hdbscan", min_cluster_size=30)
    found = find_clusters(pipe, codes)
    assert set(found.labels.tolist()) <= {-1, 0}
    assert (found.labels == -1).sum() == (pipe[-1].labels_ == -1).sum()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "gmm"}, "'kmeans' or 'hdbscan', got 'gmm'"),
        ({"reduce": "tsne"}, "'svd' or 'umap', got 'tsne'"),
        ({"n_clusters": 0}, "n_clusters must be None or a whole number of at least 1, got 0"),
        ({"n_clusters": 2.5}, "n_clusters must be None or a whole number"),
        ({"min_cluster_size": 1}, "min_cluster_size must be a whole number of at least 2"),
        ({"reduce": "svd", "n_components": 0}, "n_components must be None or a whole number"),
        ({"method": "hdbscan", "n_clusters": 3}, "determines the number of clusters itself"),
    ],
)
def test_unknown_ways_are_refused(options, match) -> None:
    with pytest.raises(InputError, match=match):
        make_clustering_pipeline(**options)


def test_umap_is_named_when_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "umap", None)
    with pytest.raises(MissingExtraError, match=r"qtokfeatures\[viz\]"):
        make_clustering_pipeline(reduce="umap")


@pytest.mark.slow
def test_umap_stands_between(paper, codes, labels) -> None:
    pipe = make_clustering_pipeline(paper, n_clusters=3, reduce="umap", n_components=2)
    found = find_clusters(pipe, codes)
    assert found.space.shape == (36, 2)
    assert found.n_clusters == 3


# -------------------------------------------------------------------------- prototypes


def test_the_prototype_is_the_clip_in_the_middle(paper, codes) -> None:
    space = np.arange(36.0)[:, None]
    members = (space[:, 0] >= 10) & (space[:, 0] <= 20)
    heard = sonify_medoid(paper, codes, space, members)
    assert (heard.row, heard.clip, heard.sr) == (15, "clip15.wav", 24000)
    np.testing.assert_array_equal(heard.y, paper.decode(codes[15])[0])


def test_an_empty_group_has_no_prototype(paper, codes) -> None:
    with pytest.raises(InputError, match="a group of at least one clip"):
        sonify_medoid(paper, codes, np.zeros((36, 1)), np.zeros(36, dtype=bool))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "hdbscan"}, "min_cluster_size=5 needs at least 5 clips, got 4"),
        ({"n_clusters": 9}, "n_clusters=9 needs at least 9 clips, got 4"),
        (
            {"reduce": "svd", "n_components": 9000},
            "4 clips with 256 features cannot be clustered with",
        ),
    ],
)
def test_too_few_clips_for_what_is_asked(paper, codes, options: dict, match: str) -> None:
    pipe = make_clustering_pipeline(paper, **options)
    with pytest.raises(InputError, match=match):
        find_clusters(pipe, codes[:4])


def test_more_clusters_than_clips_are_refused_unread(paper) -> None:
    with pytest.raises(InputError, match="n_clusters=40 needs at least 40 clips, got 3"):
        find_clusters(make_clustering_pipeline(paper, n_clusters=40), ["no such file.wav"] * 3)


def test_sparse_histograms_are_clustered(paper, codes, labels) -> None:
    found = [
        find_clusters(
            make_clustering_pipeline(paper, features=TokenHistogram(sparse_output=sparse)), codes
        ).labels
        for sparse in (True, False)
    ]
    np.testing.assert_array_equal(*found)
