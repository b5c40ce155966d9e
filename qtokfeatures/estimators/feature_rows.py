"""Rows of features, one for each clip of X, unusable clips included."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import xarray as xr

from qtokfeatures.estimators.encoding import EncodedClips
from qtokfeatures.labelled import feature_array, schema
from qtokfeatures.labelled.labels import missing_like


def label_rows(values: Any, ds: xr.Dataset, transformer: Any) -> Any:
    """Label a table (clip, feature) that a transformer of codes returned; pass on anything else."""
    if isinstance(values, xr.DataArray) or scipy.sparse.issparse(values):
        return values
    array = np.asarray(values)
    if array.ndim != 2 or len(array) != ds.sizes[schema.CLIP]:
        return values
    names = _names(transformer, array.shape[1])
    return feature_array(array, ds_or_clips=ds, feature_names=names)


def fill_missing_rows(features: Any, encoded: EncodedClips) -> Any:
    """Insert a row of NaN for each clip that could not be used."""
    if not encoded.errors:
        return features
    if scipy.sparse.issparse(features):
        return _filled_sparse(features, encoded)
    if isinstance(features, xr.DataArray) and features.dims[0] == schema.CLIP:
        return _filled_array(features, encoded)
    return features


def with_short_indices(matrix: Any) -> Any:
    """Give a sparse matrix 32-bit indices, as much of scikit-learn requires."""
    if max(*matrix.shape, matrix.nnz) <= np.iinfo(np.int32).max:
        matrix.indices = matrix.indices.astype(np.int32, copy=False)
        matrix.indptr = matrix.indptr.astype(np.int32, copy=False)
    return matrix


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
