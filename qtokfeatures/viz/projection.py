"""Projections of features onto two coordinates, by UMAP or PCA."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qtokfeatures.exceptions import InputError, MissingExtraError

METHODS = ("auto", "umap", "pca")
_FEWEST_FOR_UMAP = 10
_FEWEST_FEATURES = 3
_NEIGHBORS = 15


@dataclass(frozen=True)
class Projection:
    """Clips in the plane.

    Parameters
    ----------
    xy : ndarray (clip, 2)
        Coordinates, float64.
    method : str
        ``"UMAP"`` or ``"PCA"``.
    caption : str
        Text on the method and on how far its distances can be trusted.
    axis_labels : tuple of str
        Names of the two axes.
    """

    xy: NDArray[np.float64]
    method: str
    caption: str
    axis_labels: tuple[str, str]


def project(features: ArrayLike, *, method: str = "auto", seed: int = 0) -> Projection:
    """Lay clips out in two dimensions.

    Parameters
    ----------
    features : array (clip, feature)
        One row per clip, finite: a DataArray of an estimator, or any array.
    method : {"auto", "umap", "pca"}
        ``"auto"`` uses UMAP when umap-learn is installed and there are at least ten different
        clips and three features, PCA otherwise; the caption says which.
    seed : int
        Seed of UMAP; PCA is deterministic.

    Returns
    -------
    Projection
        Coordinates, axis labels and caption.

    Raises
    ------
    InputError
        If `features` is not a table of finite numbers or `method` is unknown.
    MissingExtraError
        If UMAP is asked for by name and umap-learn is not installed.

    Examples
    --------
    >>> shown = project([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [4.0, 0.0, 1.0]], method="pca")
    >>> shown.xy.shape, shown.method
    ((3, 2), 'PCA')
    """
    table = _finite_table(features)
    if method not in METHODS:
        raise InputError(f"method is one of {', '.join(METHODS)}, not {method!r}")
    if method == "umap" or (method == "auto" and _umap_fits(table)):
        return _umap(table, seed=seed)
    return _pca(table)


def _finite_table(features: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(features, dtype=np.float64)
    if table.ndim != 2 or 0 in table.shape:
        raise InputError(f"features are a table (clip, feature) with rows, not {table.shape}")
    bad_rows = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if bad_rows.size:
        raise InputError(f"features of row {bad_rows[0]} are not finite; leave such clips out")
    return table


def _umap_fits(table: NDArray[np.float64]) -> bool:
    n_different = len(np.unique(table, axis=0))
    if n_different < _FEWEST_FOR_UMAP or table.shape[1] < _FEWEST_FEATURES:
        return False
    return importlib.util.find_spec("umap") is not None


def _umap(table: NDArray[np.float64], *, seed: int) -> Projection:
    n_neighbors = min(_NEIGHBORS, len(table) - 1)
    if n_neighbors < 2 or table.shape[1] < _FEWEST_FEATURES:
        raise InputError(
            f"UMAP needs three clips and three features or more, not {table.shape}; "
            "use method='pca'"
        )
    reducer = _umap_class()(
        n_neighbors=n_neighbors, min_dist=0.3, init="pca", random_state=seed, n_jobs=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        xy = np.asarray(reducer.fit_transform(table), dtype=np.float64)
    if not np.isfinite(xy).all():
        raise InputError("UMAP finds no layout for so few different clips; use method='pca'")
    caption = (
        f"UMAP of {table.shape[1]:,} features, {n_neighbors} neighbours. Clips that lie close "
        "together have similar tokens; distances between groups mean little."
    )
    return Projection(xy, "UMAP", caption, ("UMAP 1", "UMAP 2"))


def _umap_class() -> Any:
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingExtraError("umap-learn", extra="viz", purpose="A UMAP map") from error
    return UMAP


def _pca(table: NDArray[np.float64]) -> Projection:
    centred = table - table.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    scores = _same_sign_every_time(left * singular)[:, :2]
    xy = np.zeros((len(table), 2))
    xy[:, : scores.shape[1]] = scores
    first, second = _shares(singular)
    caption = (
        f"PCA of {table.shape[1]:,} features. The two axes hold {first:.0%} and {second:.0%} of "
        "the variance; what lies close here can still differ in the rest."
    )
    return Projection(xy, "PCA", caption, (f"PC 1 ({first:.0%})", f"PC 2 ({second:.0%})"))


def _same_sign_every_time(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    extremes = scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])]
    return scores * np.where(extremes < 0, -1.0, 1.0)


def _shares(singular: NDArray[np.float64]) -> tuple[float, float]:
    variances = np.zeros(max(2, singular.size))
    variances[: singular.size] = singular**2
    total = variances.sum() or 1.0
    return float(variances[0] / total), float(variances[1] / total)
