"""k-means that finds the number of clusters itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.utils.validation import check_array, check_is_fitted

if TYPE_CHECKING:
    from typing_extensions import Self


class SilhouetteKMeans(ClusterMixin, BaseEstimator):
    """k-means with the number of clusters whose members lie closest to their own.

    The number is the one with the highest mean silhouette (Rousseeuw 1987).

    Parameters
    ----------
    most : int, default=12
        Largest number tried; the smallest is 2.
    random_state : int, default=0
        Seed of k-means.

    Attributes
    ----------
    n_clusters_ : int
        The number found; 1 where there are fewer than three different clips.
    labels_ : ndarray of int, shape (clip,)
        The cluster of each clip.
    cluster_centers_ : ndarray, shape (cluster, feature)
        The centres.

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
        """Try every number of clusters and keep the best.

        Parameters
        ----------
        X : array_like or sparse, shape (clip, feature)
            Finite numbers.
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
            Finite numbers.

        Returns
        -------
        ndarray of int, shape (clip,)
        """
        check_is_fitted(self)
        return np.asarray(self.kmeans_.predict(_table(X)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _table(X: Any) -> npt.NDArray[np.float64]:
    """Check X, and make it dense: all distances between clips are needed."""
    checked = check_array(X, dtype=np.float64, accept_sparse="csr")
    return np.asarray(checked.toarray() if scipy.sparse.issparse(checked) else checked)


def _silhouette(table: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> float:
    return float(silhouette_score(table, labels)) if len(np.unique(labels)) > 1 else -1.0
