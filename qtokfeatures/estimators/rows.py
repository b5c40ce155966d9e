"""One labelled row for every clip of X, those that could not be used included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import sklearn
import xarray as xr

from qtokfeatures.estimators.encoding import EncodedClips
from qtokfeatures.estimators.xarray_adapter import XARRAY
from qtokfeatures.estimators.xarray_output import is_enabled
from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import feature_array, schema
from qtokfeatures.labelled.labels import missing_like


def label_rows(values: Any, ds: xr.Dataset, transformer: Any) -> Any:
    """Label what a transformer of codes returned, where it has one row a clip.

    Parameters
    ----------
    values : DataArray, ndarray, DataFrame or sparse
        What it returned.
    ds : xarray.Dataset
        The codes it was given.
    transformer : transformer
        Fitted; asked for the names of its features.

    Returns
    -------
    object
        Arrays and tables (clip, feature) as DataArray; anything else as it is.
    """
    if isinstance(values, xr.DataArray) or scipy.sparse.issparse(values):
        return values
    array = np.asarray(values)
    if array.ndim != 2 or len(array) != ds.sizes[schema.CLIP]:
        return values
    names = _names(transformer, array.shape[1])
    return feature_array(array, ds_or_clips=ds, feature_names=names)


def fill_missing_rows(features: Any, encoded: EncodedClips) -> Any:
    """Put a row of NaN where a clip could not be used.

    Parameters
    ----------
    features : DataArray with the dimension ``clip``, or sparse
        One row for each clip that could be used. Anything else is returned as it is.
    encoded : EncodedClips
        Which clips those are.

    Returns
    -------
    object
        As `features`, with one row for each clip.
    """
    if not encoded.errors:
        return features
    if scipy.sparse.issparse(features):
        return _filled_sparse(features, encoded)
    if isinstance(features, xr.DataArray) and features.dims[0] == schema.CLIP:
        return _filled_array(features, encoded)
    return features


def with_short_indices(matrix: Any) -> Any:
    """Give a sparse matrix 32-bit indices, which is all that much of scikit-learn takes.

    Parameters
    ----------
    matrix : csr_array
        Is changed where they suffice.

    Returns
    -------
    csr_array
    """
    if max(*matrix.shape, matrix.nnz) <= np.iinfo(np.int32).max:
        matrix.indices = matrix.indices.astype(np.int32, copy=False)
        matrix.indptr = matrix.indptr.astype(np.int32, copy=False)
    return matrix


def plain_if_wrapped(features: Any, estimator: Any, X: Any) -> Any:
    """Take the labels off where scikit-learn puts its own on, as ``set_output`` asks it to.

    Parameters
    ----------
    features : object
        What a transformer is about to return.
    estimator : transformer
        The transformer.
    X : object
        What it was given. The index of a Series is kept, which scikit-learn < 1.6 does not do.

    Returns
    -------
    object
        The bare array or table if a table is to be made of it, or else `features`.

    Raises
    ------
    InputError
        If labelled arrays are asked for and not enabled, or a table is and there are more than two
        dimensions.
    """
    own = getattr(estimator, "_sklearn_output_config", {})
    output = own.get("transform", sklearn.get_config()["transform_output"])
    if output == XARRAY and not is_enabled():
        raise InputError(
            f"{type(estimator).__name__} is to return labelled arrays (transform output "
            "'xarray'), which scikit-learn cannot yet: call qtokfeatures.enable_xarray_output() "
            "first"
        )
    if output in ("default", XARRAY) or not isinstance(features, xr.DataArray):
        return features
    if features.ndim > 2:
        raise InputError(
            f"{type(estimator).__name__} is to return a table (transform output {output!r}), and "
            f"{features.dims} make none; set_output(transform='default') gives a labelled array"
        )
    if output == "pandas" and isinstance(X, pd.Series):
        return pd.DataFrame(features.values, index=X.index)
    return features.values


def _filled_sparse(features: Any, encoded: EncodedClips) -> Any:
    missing = np.full((len(encoded.errors), features.shape[1]), np.nan, dtype=features.dtype)
    stacked = scipy.sparse.vstack([features, scipy.sparse.csr_array(missing)], format="csr")
    return with_short_indices(stacked[np.argsort([*encoded.kept, *encoded.errors])])


def _filled_array(features: xr.DataArray, encoded: EncodedClips) -> xr.DataArray:
    values = np.full((len(encoded.clip_ids), *features.shape[1:]), np.nan, dtype=features.dtype)
    values[encoded.kept] = features.values
    coords = {
        name: _filled_coord(coord.variable, encoded) for name, coord in features.coords.items()
    }
    coords[schema.CLIP] = xr.Variable(schema.CLIP, encoded.clip_ids, features[schema.CLIP].attrs)
    coords[schema.SOURCE] = xr.Variable(schema.CLIP, encoded.sources)
    return xr.DataArray(values, coords, features.dims, features.name, features.attrs)


def _filled_coord(coord: xr.Variable, encoded: EncodedClips) -> xr.Variable:
    if coord.dims != (schema.CLIP,):
        return coord
    missing = missing_like(coord.values, len(encoded.clip_ids))
    filled = missing.astype(np.result_type(missing, coord.dtype))
    filled[encoded.kept] = coord.values
    return xr.Variable(schema.CLIP, filled, coord.attrs)


def _names(transformer: Any, n_features: int) -> list[str]:
    if hasattr(transformer, "get_feature_names_out"):
        return [str(name) for name in transformer.get_feature_names_out()]
    return [f"feature{i}" for i in range(n_features)]
