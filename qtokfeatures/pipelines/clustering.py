"""Pipelines from audio to clusters, and ranked clusterings."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_score
from sklearn.utils.validation import check_array, check_is_fitted

from qtokfeatures.estimators import Pipeline, QTokenizer
from qtokfeatures.estimators.inputs import clip_count
from qtokfeatures.exceptions import InputError, MissingExtraError
from qtokfeatures.parameters import one_of, optional, whole

if TYPE_CHECKING:
    from typing_extensions import Self

METHODS: Final = ("kmeans", "hdbscan")
REDUCTIONS: Final = ("svd", "umap")
NOISE: Final = -1  # HDBSCAN's label of clips outside all clusters

_COMPONENTS: Final = {"svd": 20, "umap": 5}


@dataclass(frozen=True, eq=False)
class Clustering:
    """Clusters of clips, numbered by size.

    Parameters
    ----------
    labels : ndarray of int, shape (clip,)
        Cluster of each clip. Cluster 0 is the largest; −1 means no cluster.
    distances : ndarray, shape (clip,)
        Distance of each clip to the centre of its cluster; NaN without a cluster.
    space : ndarray, shape (clip, dimension)
        Coordinates of the clips: features, after the reduction if the pipeline has one.
    fitted_labels : tuple of int
        Labels that the fitted estimator uses for clusters 0, 1, ….

    Examples
    --------
    >>> import numpy as np
    >>> found = Clustering(np.array([0, 0, 1]), np.array([1.0, 0.5, 0.0]), np.eye(3), (4, 2))
    >>> found.n_clusters, found.nearest(0), found.most_typical()
    (2, [1, 0], [1, 2])
    """

    labels: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]
    space: npt.NDArray[np.float64]
    fitted_labels: tuple[int, ...]

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return len(self.fitted_labels)

    def most_typical(self) -> list[int]:
        """Return the clip nearest to the centre of each cluster.

        Returns
        -------
        list of int
            One row number per cluster.
        """
        return [self.nearest(cluster)[0] for cluster in range(self.n_clusters)]

    def nearest(self, cluster: int) -> list[int]:
        """Return the clips of a cluster by distance to its centre.

        Parameters
        ----------
        cluster : int
            Number of the cluster.

        Returns
        -------
        list of int
            Row numbers, the nearest clip first.
        """
        by_distance = self.distances.argsort(kind="stable")
        return [int(row) for row in by_distance if self.labels[row] == cluster]


def make_clustering_pipeline(
    codec: Any = "mini",
    *,
    n_clusters: int | None = None,
    method: str = "kmeans",
    reduce: str | None = None,
    n_components: int | None = None,
    min_cluster_size: int = 5,
    features: Any = "histogram",
    cache: Any = "memory",
    device: str = "auto",
    seed: int = 0,
) -> Pipeline:
    """Make a pipeline that clusters audio.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        Codec, as in :class:`~qtokfeatures.QTokenizer`.
    n_clusters : int, default=None
        Number of clusters of k-means. None selects the number from 2 to 12 with the best silhouette
        (:class:`~qtokfeatures.pipelines.SilhouetteKMeans`). HDBSCAN determines its own number.
    method : {"kmeans", "hdbscan"}, default="kmeans"
        k-means assigns every clip to a cluster. HDBSCAN finds dense clusters of any shape and
        labels the remaining clips −1.
    reduce : {"svd", "umap"}, default=None
        Dimension reduction before clustering: TruncatedSVD, or UMAP (extra ``viz``), which suits
        HDBSCAN. None clusters the features themselves.
    n_components : int, default=None
        Number of dimensions after the reduction. None selects 20 for SVD and 5 for UMAP.
    min_cluster_size : int, default=5
        Smallest number of clips in a cluster of HDBSCAN.
    features : {"histogram", "embedding", "both"} or transformer, default="histogram"
        Features, as in QTokenizer.
    cache : "memory", path or None, default="memory"
        Where codes are cached, as in QTokenizer.
    device : str, default="auto"
        Device that encodes, as in QTokenizer.
    seed : int, default=0
        Seed of k-means, SVD and UMAP.

    Returns
    -------
    Pipeline
        Unfitted pipeline; ``fit_predict(files)`` returns the cluster of each file.

    Raises
    ------
    InputError
        If a parameter is invalid, or `n_clusters` is given to HDBSCAN.
    MissingExtraError
        If `reduce` is "umap" and UMAP is not installed.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> pipe = qt.make_clustering_pipeline(n_clusters=3, reduce="svd", n_components=4)
    >>> [name for name, _ in pipe.steps]
    ['qtokenizer', 'truncatedsvd', 'kmeans']
    >>> len(pipe.fit_predict(qt.example_files()[:12]))
    12
    """
    steps = [QTokenizer(codec, features=features, cache=cache, device=device)]
    if reduce is not None:
        steps.append(_reduction(reduce, n_components, seed))
    return Pipeline([*steps, _clusterer(method, n_clusters, min_cluster_size, seed)])


def find_clusters(pipe: Pipeline, X: Any) -> Clustering:
    """Fit a clustering pipeline and number its clusters by size.

    Parameters
    ----------
    pipe : Pipeline
        Result of :func:`make_clustering_pipeline`. It is fitted in place.
    X : list of audio or codes
        Clips, as the first step of `pipe` takes them.

    Returns
    -------
    Clustering
        Has fewer clusters than requested when fewer clips differ.

    Raises
    ------
    InputError
        If there are too few clips for the clusters or dimensions of the pipeline. Too few clips for
        the clusters are refused before the first clip is encoded, if `X` has a length.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> pipe = qt.make_clustering_pipeline(n_clusters=2)
    >>> found = find_clusters(pipe, qt.example_files()[:6])
    >>> found.n_clusters, sorted(set(found.labels.tolist()))
    (2, [0, 1])
    """
    _check_count(pipe[-1], clip_count(X))
    features = pipe[0].fit_transform(X)
    try:
        space = pipe[1:-1].fit_transform(features) if len(pipe) > 2 else features
        space = space.toarray() if scipy.sparse.issparse(space) else space
        table = np.asarray(space, dtype=np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # too few distinct clips
            fitted = np.asarray(pipe[-1].fit_predict(table))
    except (ValueError, TypeError) as error:  # UMAP's solvers raise either
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{features.shape[0]} clips with {features.shape[1]} features cannot be clustered with "
            f"these parameters: {error}; give more clips, or reduce n_clusters, n_components or "
            "min_cluster_size"
        ) from error
    return rank_clusters(fitted, table)


def rank_clusters(fitted: npt.ArrayLike, space: npt.ArrayLike) -> Clustering:
    """Number clusters by size and measure the distance of each clip to its centre."""
    given, table = np.asarray(fitted), np.asarray(space, dtype=np.float64)
    names, sizes = np.unique(given[given >= 0], return_counts=True)
    ranked = names[np.argsort(-sizes, kind="stable")]
    labels = np.full(len(given), NOISE, dtype=np.int64)
    distances = np.full(len(given), np.nan)
    for rank, name in enumerate(ranked):
        members = given == name
        labels[members] = rank
        middle = table[members].mean(axis=0)
        distances[members] = np.linalg.norm(table[members] - middle, axis=1)
    return Clustering(labels, distances, table, tuple(int(name) for name in ranked))


def _check_count(clusterer: Any, n_clips: int | None) -> None:
    for name in ("n_clusters", "min_cluster_size"):
        needed = getattr(clusterer, name, None)
        if n_clips is not None and isinstance(needed, int) and needed > n_clips:
            raise InputError(
                f"{name}={needed} needs at least {needed} clips, got {n_clips}; give more clips, "
                f"or reduce {name}"
            )


def _clusterer(method: str, n_clusters: int | None, min_cluster_size: int, seed: int) -> Any:
    one_of("method", method, METHODS)
    optional(whole, "n_clusters", n_clusters, at_least=1)
    whole("min_cluster_size", min_cluster_size, at_least=2)
    if method == "hdbscan":
        if n_clusters is not None:
            raise InputError(
                f"HDBSCAN determines the number of clusters itself, got n_clusters={n_clusters}; "
                "use method='kmeans', or min_cluster_size"
            )
        return HDBSCAN(min_cluster_size=min_cluster_size, copy=True)
    if n_clusters is None:
        return SilhouetteKMeans(random_state=seed)
    return KMeans(n_clusters, n_init=10, random_state=seed)


def _reduction(reduce: str, n_components: int | None, seed: int) -> Any:
    one_of("reduce", reduce, (None, *REDUCTIONS))
    chosen = optional(whole, "n_components", n_components, at_least=1)
    components = _COMPONENTS[reduce] if chosen is None else chosen
    if reduce == "svd":
        return TruncatedSVD(components, random_state=seed)
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingExtraError("umap-learn", extra="viz", purpose="UMAP") from error
    return UMAP(n_components=components, init="pca", random_state=seed, n_jobs=1)


class SilhouetteKMeans(ClusterMixin, BaseEstimator):
    """k-means with the number of clusters of the highest mean silhouette (Rousseeuw 1987).

    Parameters
    ----------
    most : int, default=12
        Largest number of clusters to try. The smallest is 2.
    random_state : int, default=0
        Seed of k-means.

    Attributes
    ----------
    n_clusters_ : int
        Selected number of clusters; 1 for fewer than three distinct clips.
    labels_ : ndarray of int, shape (clip,)
        Cluster of each clip.
    cluster_centers_ : ndarray, shape (cluster, feature)
        Centres of the clusters.

    Examples
    --------
    >>> import numpy as np
    >>> SilhouetteKMeans().fit(np.repeat([[0.0], [5.0], [9.0]], 3, axis=0) + 0.1 * np.eye(9, 1)
    ... ).n_clusters_
    3
    """

    def __init__(self, most: int = 12, *, random_state: int = 0) -> None:
        self.most = most
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit k-means for each number of clusters and keep the best model.

        Parameters
        ----------
        X : array_like or sparse, shape (clip, feature)
            Finite features.
        y : object, default=None
            Ignored.

        Returns
        -------
        self
        """
        table = _table(X)
        n_different = len(np.unique(table, axis=0))
        numbers = range(2, min(self.most, n_different - 1) + 1) or [1]
        tried = [
            KMeans(number, n_init=10, random_state=self.random_state).fit(table)
            for number in numbers
        ]
        self.kmeans_ = max(tried, key=lambda model: _silhouette(table, model.labels_))
        self.n_clusters_ = int(self.kmeans_.n_clusters)
        self.labels_ = self.kmeans_.labels_
        self.cluster_centers_ = self.kmeans_.cluster_centers_
        self.n_features_in_ = table.shape[1]
        return self

    def predict(self, X: Any) -> npt.NDArray[np.int32]:
        """Return the nearest cluster of each clip.

        Parameters
        ----------
        X : array_like or sparse, shape (clip, feature)
            Finite features.

        Returns
        -------
        ndarray of int, shape (clip,)
            Cluster of each clip.
        """
        check_is_fitted(self)
        return np.asarray(self.kmeans_.predict(_table(X)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _table(X: Any) -> npt.NDArray[np.float64]:
    """Check X and make it dense, as all distances between clips are needed."""
    checked = check_array(X, dtype=np.float64, accept_sparse="csr")
    return np.asarray(checked.toarray() if scipy.sparse.issparse(checked) else checked)


def _silhouette(table: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> float:
    return float(silhouette_score(table, labels)) if len(np.unique(labels)) > 1 else -1.0
