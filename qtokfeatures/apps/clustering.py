"""Clips into groups, and how near each lies to the middle of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_MOST_CLUSTERS = 12


@dataclass(frozen=True, eq=False)
class Clustering:
    """Groups of clips.

    Parameters
    ----------
    labels : ndarray of int (clip,)
        Cluster of each clip; cluster 0 is the largest.
    distances : ndarray (clip,)
        Distance of each clip to its cluster's centre.
    n_clusters : int
        How many there are.
    """

    labels: NDArray[np.int64]
    distances: NDArray[np.float64]
    n_clusters: int

    def most_typical(self) -> list[int]:
        """Return, cluster by cluster, the clip that is nearest to the centre."""
        return [self.nearest(cluster)[0] for cluster in range(self.n_clusters)]

    def nearest(self, cluster: int) -> list[int]:
        """Return the clips of a cluster, the one nearest to the centre first."""
        by_distance = self.distances.argsort(kind="stable")
        return [int(row) for row in by_distance if self.labels[row] == cluster]


def cluster_clips(features: ArrayLike, n_clusters: int | None, *, seed: int = 0) -> Clustering:
    """Group clips by k-means.

    Parameters
    ----------
    features : array (clip, feature)
        Finite numbers.
    n_clusters : int, optional
        How many groups; by default the number, 2 to 12, whose groups stand apart best
        (silhouette).
    seed : int
        Seed of k-means.

    Returns
    -------
    Clustering
        The groups. There are fewer of them when fewer clips differ.
    """
    import numpy as np

    table = np.asarray(features, dtype=np.float64)
    n_different = len(np.unique(table, axis=0))
    if n_clusters is not None:
        return _k_means(table, min(n_clusters, n_different), seed)
    candidates = range(2, min(_MOST_CLUSTERS, n_different - 1) + 1)
    if not candidates:
        return _k_means(table, 1, seed)
    found = [_k_means(table, k, seed) for k in candidates]
    return max(found, key=lambda clustering: _silhouette(table, clustering))


def _k_means(table: NDArray[np.float64], n_clusters: int, seed: int) -> Clustering:
    import numpy as np
    from sklearn.cluster import KMeans

    model = KMeans(n_clusters, n_init=10, random_state=seed).fit(table)
    sizes = np.bincount(model.labels_, minlength=n_clusters)
    rank_of = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    distances = np.linalg.norm(table - model.cluster_centers_[model.labels_], axis=1)
    return Clustering(rank_of[model.labels_].astype(np.int64), distances, n_clusters)


def _silhouette(table: NDArray[np.float64], found: Clustering) -> float:
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(table, found.labels))
