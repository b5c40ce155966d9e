"""What all transformers from codes to features have in common."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import TransformerMixin

from qtokfeatures.estimators.codec_source import CodecHolder, CodecReference, find_codec
from qtokfeatures.estimators.rows import plain_if_wrapped
from qtokfeatures.exceptions import InputError, NotFittedError
from qtokfeatures.labelled import CodeSequence, as_code_sequence, feature_array

if TYPE_CHECKING:
    from typing_extensions import Self

    from qtokfeatures.codecs import Codec
    from qtokfeatures.labelled import CodecSpec


class CodeTransformer(TransformerMixin, CodecHolder):
    """Codes to features: what :class:`TokenHistogram` and its siblings share.

    A subclass has the parameters ``codec`` and ``codebooks``, learns what it needs in
    :meth:`_learn`, and says in :meth:`_features` what comes out.
    """

    codec: Any
    codebooks: Any

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take note of the codec of the codes, and prepare the features.

        Parameters
        ----------
        X : CodeSequence or xarray.Dataset
            Codes.
        y : object, default=None
            Ignored.

        Returns
        -------
        self
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
        xarray.DataArray
            float32; the labels of the clips ride along.

        Raises
        ------
        NotFittedError
            If :meth:`fit` was not called.
        CodecMismatchError
            If another codec made these codes.
        InputError
            If a codebook that was there in :meth:`fit` is missing.
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

    @abstractmethod
    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        """Name the features.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str (object), shape (feature,)
        """

    @abstractmethod
    def _learn(self, sequence: CodeSequence, spec: CodecSpec) -> None:
        """Check the parameters and set what `transform` needs."""

    @abstractmethod
    def _features(self, sequence: CodeSequence) -> Any:
        """Compute the features of checked codes."""

    def _find_codec(self, spec: CodecSpec) -> Codec:
        """Return the codec of the parameter, or else the one that the codes name."""
        found = find_codec(CodecReference.of(spec) if self.codec is None else self.codec)
        found.spec.check_matches(spec)
        return found

    def _check_fitted(self) -> None:
        if not hasattr(self, "spec_"):
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet; call fit or fit_transform first"
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


class ClipFeatures(CodeTransformer):
    """One row of features for each clip.

    A subclass says in :meth:`_values` what they are, and in :meth:`_feature_coords` where each
    comes from.
    """

    def _features(self, sequence: CodeSequence) -> Any:
        return feature_array(
            self._values(sequence),
            ds_or_clips=sequence,
            feature_coords=self._feature_coords(),
            feature_names=self.get_feature_names_out().tolist(),
        )

    @abstractmethod
    def _values(self, sequence: CodeSequence) -> npt.NDArray[np.float32]:
        """Compute the features, as an array (clip, feature)."""

    @abstractmethod
    def _feature_coords(self) -> dict[str, npt.NDArray[Any]]:
        """Say where each feature comes from, as arrays (feature,)."""


def choose_codebooks(codebooks: int | Sequence[int] | None, available: int) -> list[int]:
    """Return the indices of the codebooks that a parameter means.

    Parameters
    ----------
    codebooks : int, sequence of int or None
        None is all, a number the first so many, a sequence these, 0 being the coarsest.
    available : int
        How many codebooks the codes have.

    Returns
    -------
    list of int

    Raises
    ------
    InputError
        If one is not there, repeated, or there is none.

    Examples
    --------
    >>> choose_codebooks(None, 3), choose_codebooks(2, 16), choose_codebooks([0, 5], 16)
    ([0, 1, 2], [0, 1], [0, 5])
    """
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
            f"codebooks must be None (all), how many of the first, or a list of different indices "
            f"from 0 to {available - 1}; got {codebooks!r}"
        )
    return chosen
