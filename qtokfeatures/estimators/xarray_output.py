"""Labelled arrays from scikit-learn's transformers, as pandas tables are through ``set_output``.

scikit-learn keeps the adapters of containers in a register that is not part of its public
interface, so :func:`enable_xarray_output` tries the adapter that it registers.
"""

from __future__ import annotations

import contextlib
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import sklearn
import xarray as xr

from qtokfeatures.estimators.feature_table import (
    FeatureTable,
    column_coords,
    row_coords,
    side_by_side,
)
from qtokfeatures.exceptions import UnsupportedVersionError
from qtokfeatures.labelled import CodeSequence, schema
from qtokfeatures.labelled.labels import text_array

# What set_output(transform=…) accepts once the adapter is registered.
XARRAY = "xarray"
# scikit-learn looks for the adapter of a container under the first part of its module's name.
_ALSO = __name__.partition(".")[0]

_IN_PICKLE = "_xarray_output_enabled"


def enable_xarray_output() -> None:
    """Let scikit-learn's transformers return labelled arrays.

    Afterwards, in this process, ``set_output(transform="xarray")`` and
    ``sklearn.set_config(transform_output="xarray")`` work wherever they work with pandas: scalers,
    PCA, selectors, ColumnTransformer, FeatureUnion, pipelines of them. The arrays have the dims of
    an input that is a DataArray, otherwise (clip, feature). They keep the labels of the clips.
    They also keep the names of the features and their coordinates, as long as a transformer passes
    features on.

    Raises
    ------
    UnsupportedVersionError
        If the installed scikit-learn has no such adapters, or they work in another way. Versions
        1.4 to 1.9 are known to work.

    Notes
    -----
    In other processes (``n_jobs=2``) the estimators of this package and
    :class:`qtokfeatures.Pipeline` enable it when they are unpickled; a worker that receives only
    scikit-learn's own estimators must call it itself.

    ColumnTransformer selects columns of a DataArray by number, slice or mask, not by name.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> from sklearn.preprocessing import StandardScaler
    >>> qt.enable_xarray_output()
    >>> noise = np.random.default_rng(0).normal(0, 0.1, size=(3, 24000))
    >>> pipe = qt.Pipeline([qt.QTokenizer(sr=24000, features="embedding"), StandardScaler()])
    >>> scaled = pipe.set_output(transform="xarray").fit_transform(noise)
    >>> scaled.dims, scaled.feature.values[:2].tolist(), scaled.statistic.values[:2].tolist()
    (('clip', 'feature'), ['mean_0', 'mean_1'], ['mean', 'mean'])
    """
    adapters = _registered_adapters()
    if isinstance(adapters.get(XARRAY), XarrayAdapter):
        return
    before, adapter = dict(adapters), XarrayAdapter()
    adapters.update({XARRAY: adapter, _ALSO: adapter})
    try:
        _try_out()
    except Exception as error:
        adapters.clear()
        adapters.update(before)
        raise _unsupported(f"labels were lost on the way ({error})") from error


def is_enabled() -> bool:
    """Return True after :func:`enable_xarray_output` was called in this process."""
    try:
        return XARRAY in _registered_adapters()
    except UnsupportedVersionError:
        return False


class XarrayOutputMixin:
    """An estimator that enables the adapter in the process that unpickles it."""

    def __getstate__(self) -> dict[str, Any]:
        state = dict(cast("dict[str, Any]", super().__getstate__()))
        return {**state, _IN_PICKLE: True} if is_enabled() else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if _IN_PICKLE in state:
            state = {name: value for name, value in state.items() if name != _IN_PICKLE}
            if not is_enabled():
                enable_xarray_output()
        super().__setstate__(state)  # type: ignore[misc]


def _registered_adapters() -> dict[str, Any]:
    try:
        from sklearn.utils._set_output import ADAPTERS_MANAGER
    except ImportError as error:
        raise _unsupported(f"its register of output adapters has moved ({error})") from error
    adapters = getattr(ADAPTERS_MANAGER, "adapters", None)
    if not isinstance(adapters, dict):
        raise _unsupported("its register of output adapters has no dictionary 'adapters'")
    return adapters


def _try_out() -> None:
    """Scale a labelled array, and raise if the result is not as expected."""
    from sklearn.pipeline import FeatureUnion
    from sklearn.preprocessing import StandardScaler

    given = xr.DataArray(
        [[0.0, 1.0], [2.0, 5.0]],
        coords={schema.CLIP: ["a", "b"], schema.FEATURE: ["c", "d"]},
        dims=(schema.CLIP, schema.FEATURE),
    )
    union = FeatureUnion([("one", StandardScaler()), ("two", StandardScaler())])
    found = union.set_output(transform=XARRAY).fit_transform(given)
    expected = ["one__c", "one__d", "two__c", "two__d"]
    if not isinstance(found, xr.DataArray) or found[schema.CLIP].values.tolist() != ["a", "b"]:
        raise TypeError(f"expected a DataArray of two clips, got {found!r}")
    if found[schema.FEATURE].values.tolist() != expected:
        raise ValueError(f"expected features {expected}, got {found[schema.FEATURE].values}")


def _unsupported(reason: str) -> UnsupportedVersionError:
    return UnsupportedVersionError(
        f"scikit-learn {sklearn.__version__} does not take labelled arrays as output: {reason}. "
        "It is known to work with scikit-learn 1.4 to 1.9: install one of these, or use "
        "set_output(transform='pandas')"
    )


class XarrayAdapter:
    """Labels the output of transformers, following scikit-learn's ``ContainerAdapterProtocol``."""

    container_lib = XARRAY

    def create_container(
        self, X_output: Any, X_original: Any, columns: Any, inplace: bool = True
    ) -> Any:
        """Label an output (row, feature); its own labels stay, others follow from the input."""
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
        """Return True for an array from :meth:`create_container`."""
        return isinstance(X, FeatureTable) and X.ndim == 2

    def rename_columns(self, X: FeatureTable, columns: npt.ArrayLike) -> FeatureTable:
        """Rename the features of X in place."""
        dim = X.dims[1]
        X.coords[dim] = (dim, text_array(np.asarray(columns, dtype=object).tolist()))
        return X

    def hstack(self, Xs: list[FeatureTable]) -> FeatureTable:
        """Join features of the same clips side by side."""
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
    """Return the dimension and coordinates of the rows of X, and the attributes of X."""
    if isinstance(X, xr.DataArray) and X.ndim == 2 and X.dims[0] != schema.FEATURE:
        return str(X.dims[0]), row_coords(X), X.attrs
    if isinstance(X, CodeSequence):
        X = X.dataset
    if isinstance(X, xr.Dataset) and schema.CLIP in X.dims:
        return schema.CLIP, schema.clip_coords(X), {}
    if isinstance(X, (pd.DataFrame, pd.Series)) and not isinstance(X.index, pd.RangeIndex):
        return schema.CLIP, {schema.CLIP: xr.Variable(schema.CLIP, text_array(X.index))}, {}
    return None


def _names(columns: Any, X_original: Any) -> Any:
    """Return the names of features, passing those of a DataArray on to the transformer.

    scikit-learn knows the feature names of pandas and polars only, and would call the features of
    a DataArray x0, x1, …
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
    """Return the coordinates of features, if all of them are among those of `X_original`."""
    named = _given_names(X_original)
    given = pd.Index([] if named is None else named)
    if not given.is_unique or not given.size or not set(names) <= set(given):
        return {}
    place = given.get_indexer(pd.Index(names))
    coords = column_coords(X_original)
    return {name: (schema.FEATURE, values[place]) for name, values in coords.items()}
