"""Labels for what scikit-learn's transformers return."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from qtokfeatures.estimators.feature_table import (
    FeatureTable,
    column_coords,
    row_coords,
    side_by_side,
)
from qtokfeatures.labelled import CodeSequence, schema
from qtokfeatures.labelled.labels import text_array
from qtokfeatures.labelled.views import clip_coords

#: What ``set_output(transform=…)`` takes once the adapter is registered.
XARRAY = "xarray"


class XarrayAdapter:
    """Makes labelled arrays of what transformers return.

    It follows scikit-learn's ``ContainerAdapterProtocol``.
    """

    container_lib = XARRAY

    def create_container(
        self, X_output: Any, X_original: Any, columns: Any, inplace: bool = True
    ) -> Any:
        """Label what a transformer returned.

        Parameters
        ----------
        X_output : ndarray, DataFrame or DataArray
            What it returned. Labels that it has stay.
        X_original : object
            What it was given: where the labels of the clips are found otherwise.
        columns : callable, array_like of str or None
            Names of the features.
        inplace : bool, default=True
            Without effect: the array is always a new one.

        Returns
        -------
        FeatureTable
            Or `X_output` itself where it is no table, such as padded frames.
        """
        if np.ndim(X_output) != 2:
            return X_output
        table = _labelled(X_output, X_original)
        names = _names(columns, X_original)
        if names is None:
            return table
        table = self.rename_columns(table, names)
        if isinstance(X_output, xr.DataArray) or not isinstance(X_original, xr.DataArray):
            return table
        return table.assign_coords(_passed_on(X_original, table.columns))

    def is_supported_container(self, X: Any) -> bool:
        """Tell whether X came from :meth:`create_container`.

        Parameters
        ----------
        X : object
            What a transformer returned.

        Returns
        -------
        bool
        """
        return isinstance(X, FeatureTable) and X.ndim == 2

    def rename_columns(self, X: FeatureTable, columns: npt.ArrayLike) -> FeatureTable:
        """Rename the features of X in place.

        Parameters
        ----------
        X : FeatureTable
            Features.
        columns : array_like of str
            Their new names.

        Returns
        -------
        FeatureTable
            X itself.
        """
        dim = X.dims[1]
        X.coords[dim] = (dim, text_array(np.asarray(columns, dtype=object).tolist()))
        return X

    def hstack(self, Xs: list[FeatureTable]) -> FeatureTable:
        """Set features of the same clips side by side.

        Parameters
        ----------
        Xs : list of FeatureTable
            Features.

        Returns
        -------
        FeatureTable
        """
        return side_by_side(Xs)


def _labelled(X_output: Any, X_original: Any) -> FeatureTable:
    if isinstance(X_output, xr.DataArray):
        return FeatureTable.of(X_output)
    values = np.asarray(X_output)
    dim, coords, attrs = _rows(X_output) or _rows(X_original) or (schema.CLIP, {}, {})
    if any(coord.shape != (len(values),) for coord in coords.values() if coord.dims == (dim,)):
        coords = {}
    return FeatureTable(values, coords, (dim, schema.FEATURE), "features", attrs)


def _rows(X: Any) -> tuple[str, Any, dict[str, Any]] | None:
    """Return the dimension of the rows of X, their coordinates, and attributes of the whole."""
    if isinstance(X, xr.DataArray) and X.ndim == 2 and X.dims[0] != schema.FEATURE:
        return str(X.dims[0]), row_coords(X), X.attrs
    if isinstance(X, CodeSequence):
        X = X.dataset
    if isinstance(X, xr.Dataset) and schema.CLIP in X.dims:
        return schema.CLIP, clip_coords(X), {}
    if isinstance(X, (pd.DataFrame, pd.Series)) and not isinstance(X.index, pd.RangeIndex):
        return schema.CLIP, {schema.CLIP: xr.Variable(schema.CLIP, text_array(X.index))}, {}
    return None


def _names(columns: Any, X_original: Any) -> Any:
    """Return the names of features, telling a transformer those of a DataArray that it was given.

    scikit-learn notes the names of pandas and polars only, and would call the features of a
    DataArray x0, x1, …
    """
    if not callable(columns):
        return columns
    estimator = getattr(columns, "__self__", None)
    given = _given_names(X_original)
    if given is not None and not hasattr(estimator, "feature_names_in_"):
        with contextlib.suppress(TypeError, ValueError):
            return columns(given)
    with contextlib.suppress(AttributeError):  # a part that cannot name its features
        return columns()
    return None


def _given_names(X: Any) -> npt.NDArray[Any] | None:
    if not (isinstance(X, xr.DataArray) and X.ndim == 2 and X.dims[1] in X.coords):
        return None
    return np.asarray([str(name) for name in X[str(X.dims[1])].values], dtype=object)


def _passed_on(X_original: xr.DataArray, names: list[str]) -> dict[str, Any]:
    """Return where features come from, if all of them are among those of `X_original`."""
    named = _given_names(X_original)
    given = pd.Index([] if named is None else named)
    if not given.is_unique or not given.size or not set(names) <= set(given):
        return {}
    place = given.get_indexer(pd.Index(names))
    coords = column_coords(X_original)
    return {name: (schema.FEATURE, values[place]) for name, values in coords.items()}
