"""Labelled arrays from scikit-learn's own transformers.

scikit-learn gives out tables of pandas or polars if ``set_output`` asks for them, through adapters
that it keeps in a register. This one gives out labelled arrays. The register is not part of
scikit-learn's public interface, so :func:`enable_xarray_output` tries out what it has registered.
"""

from __future__ import annotations

from typing import Any, cast

import sklearn
import xarray as xr

from qtokfeatures.estimators.xarray_adapter import XARRAY, XarrayAdapter
from qtokfeatures.exceptions import UnsupportedVersionError
from qtokfeatures.labelled import schema

#: scikit-learn looks for the adapter of a container under the first part of its module's name.
_ALSO = __name__.partition(".")[0]

_IN_PICKLE = "_xarray_output_enabled"


def enable_xarray_output() -> None:
    """Let scikit-learn's transformers return labelled arrays.

    From then on, in this process, ``set_output(transform="xarray")`` and
    ``sklearn.set_config(transform_output="xarray")`` work for whatever they work with pandas for:
    scalers, PCA, selectors, ColumnTransformer, FeatureUnion, pipelines of them. The arrays have
    the dims of the input where that is a DataArray, else (clip, feature); they keep the labels of
    the clips, and the names of the features and where these come from as long as a transformer
    passes features on.

    Raises
    ------
    UnsupportedVersionError
        If the installed scikit-learn has no such adapters, or they work in another way. It works
        with 1.4 to 1.9.

    Notes
    -----
    In other processes (``n_jobs=2``) it is enabled by this package's estimators and
    :class:`qtokfeatures.Pipeline` as soon as they arrive there; a worker that gets scikit-learn's
    estimators only must call it itself.

    ColumnTransformer takes columns of a DataArray by number, slice or mask, not by name.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> qt.enable_xarray_output()
    >>> noise = np.random.default_rng(0).normal(0, 0.1, size=(3, 24000))
    >>> pipe = qt.Pipeline([qt.QTokenizer(features="embedding"), StandardScaler()])
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
    """Tell whether :func:`enable_xarray_output` was called in this process.

    Returns
    -------
    bool
    """
    try:
        return XARRAY in _registered_adapters()
    except UnsupportedVersionError:
        return False


class XarrayOutputMixin:
    """An estimator that takes the adapter along to other processes."""

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
    """Scale a labelled array; whatever is wrong with what comes out is raised."""
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
