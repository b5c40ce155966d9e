"""Base classes of the transformers from codes to features."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sklearn
import xarray as xr
from sklearn.base import TransformerMixin

from qtokfeatures.estimators.codec_source import CodecHolder, CodecReference, find_codec
from qtokfeatures.estimators.xarray_output import XARRAY, is_enabled
from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import CodeSequence, as_code_sequence, feature_array

if TYPE_CHECKING:
    from typing_extensions import Self

    from qtokfeatures.codecs import Codec
    from qtokfeatures.labelled import CodecSpec


class CodeTransformer(TransformerMixin, CodecHolder):
    """Codes to features, with the parameters ``codec`` and ``codebooks``."""

    codec: Any
    codebooks: Any

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the features to codes.

        Parameters
        ----------
        X : CodeSequence or xarray.Dataset
            Codes.
        y : object, default=None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        CodecMismatchError
            If ``codec`` is given and another codec produced these codes.
        InputError
            If X are not codes, or a parameter has a wrong value.
        """
        sequence = as_code_sequence(X)
        spec: CodecSpec = sequence.spec
        if self.codec is not None:
            find_codec(self.codec).spec.check_matches(spec)
        self.codebooks_ = choose_codebooks(self.codebooks, sequence.dataset.sizes["codebook"])
        self._learn(sequence, spec)
        self.spec_ = spec
        return self

    def transform(self, X: Any) -> Any:
        """Compute the features of codes.

        Parameters
        ----------
        X : CodeSequence or xarray.Dataset
            Codes of the codec that the transformer was fitted on.

        Returns
        -------
        xarray.DataArray of float32
            Features, with the labels of the clips as coordinates.

        Raises
        ------
        NotFittedError
            If :meth:`fit` was not called.
        CodecMismatchError
            If another codec produced these codes.
        InputError
            If a codebook that :meth:`fit` used is missing.
        """
        self._check_fitted()
        sequence = as_code_sequence(X)
        self.spec_.check_matches(sequence.spec)
        found = sequence.dataset.sizes["codebook"]
        if found <= max(self.codebooks_):
            raise InputError(
                f"{type(self).__name__} was fitted with codebook {max(self.codebooks_)}, "
                f"got codes that have {found} codebooks"
            )
        return plain_if_wrapped(self._features(sequence), self, X)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        """Return the names of the features, such as ``codebook0_bin12`` or ``mean_12``.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str (object), shape (feature,)
        """
        self._check_fitted()
        return np.array(self._feature_names(), dtype=object)

    @abstractmethod
    def _learn(self, sequence: CodeSequence, spec: CodecSpec) -> None:
        """Check the parameters and set the attributes that `transform` needs."""

    @abstractmethod
    def _features(self, sequence: CodeSequence) -> Any:
        """Compute the features of checked codes."""

    @abstractmethod
    def _feature_names(self) -> list[str]:
        """Return the names of the features of a fitted transformer."""

    def _find_codec(self, spec: CodecSpec) -> Codec:
        """Return the codec of the parameter, or else the one that the codes name."""
        found = find_codec(CodecReference.of(spec) if self.codec is None else self.codec)
        found.spec.check_matches(spec)
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


class ClipFeatures(CodeTransformer):
    """One row of features for each clip."""

    def _features(self, sequence: CodeSequence) -> Any:
        return feature_array(
            self._values(sequence),
            ds_or_clips=sequence,
            feature_coords=self._feature_coords(),
            feature_names=self._feature_names(),
        )

    @abstractmethod
    def _values(self, sequence: CodeSequence) -> npt.NDArray[np.float32]:
        """Compute the features, (clip, feature)."""

    @abstractmethod
    def _feature_coords(self) -> dict[str, npt.NDArray[Any]]:
        """Return the codebook, token, statistic … of each feature, as arrays (feature,)."""


def choose_codebooks(codebooks: int | Sequence[int] | None, available: int) -> list[int]:
    """Return the indices meant by None (all), a number (the first so many) or a list of indices."""
    if codebooks is None:
        return list(range(available))
    try:
        if np.ndim(codebooks) == 0:
            chosen = list(range(operator.index(codebooks)))  # type: ignore[arg-type]
        else:
            chosen = [operator.index(k) for k in codebooks]  # type: ignore[union-attr]
    except TypeError:
        chosen = []
    out_of_range = [k for k in chosen if not 0 <= k < available]
    if isinstance(codebooks, bool) or not chosen or out_of_range or len(set(chosen)) < len(chosen):
        raise InputError(
            "codebooks must be None (all), a number of codebooks counted from the coarsest, or a "
            f"list of different indices from 0 to {available - 1}, got {codebooks!r}"
        )
    return chosen


def plain_if_wrapped(features: Any, estimator: Any, X: Any) -> Any:
    """Return features as ``set_output`` wants them: a table is indexed by the ids of the clips."""
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
    if output == "pandas":
        return pd.DataFrame(features.values, index=_row_index(features, X))
    return features.values


def _row_index(features: xr.DataArray, X: Any) -> Any:
    """Return the index of X, as scikit-learn requires of tables, or else the ids of the clips."""
    if isinstance(X, (pd.DataFrame, pd.Series)):
        return X.index
    rows = [name for name in ("clip", "time") if name in features.coords]
    columns = [features[name].values for name in rows if features[name].dims == features.dims[:1]]
    if len(columns) > 1:  # rows are frames
        return pd.MultiIndex.from_arrays(columns, names=rows)
    return pd.Index(columns[0], name=rows[0]) if columns else None


def with_short_indices(matrix: Any) -> Any:
    """Give a sparse matrix 32-bit indices, as much of scikit-learn requires."""
    if max(*matrix.shape, matrix.nnz) <= np.iinfo(np.int32).max:
        matrix.indices = matrix.indices.astype(np.int32, copy=False)
        matrix.indptr = matrix.indptr.astype(np.int32, copy=False)
    return matrix
