"""Audio → codes → features, as one scikit-learn transformer."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import TransformerMixin

from qtokfeatures.estimators.codec_source import CodecHolder, find_codec
from qtokfeatures.estimators.encoding import EncodedClips, encode_clips
from qtokfeatures.estimators.frame_bank import FrameBank
from qtokfeatures.estimators.inputs import (
    are_codes,
    check_labels,
    clip_items,
    clip_labels,
    note_table_width,
)
from qtokfeatures.estimators.inverse import InverseOfFeatures
from qtokfeatures.estimators.presets import feature_transformer
from qtokfeatures.estimators.rows import fill_missing_rows, label_rows, plain_if_wrapped
from qtokfeatures.exceptions import InputError, NotFittedError, SkippedClipWarning
from qtokfeatures.labelled import CodeSequence, as_code_sequence, resolve_cache

if TYPE_CHECKING:
    from typing_extensions import Self

    from qtokfeatures.codecs import Codec


class QTokenizer(InverseOfFeatures, TransformerMixin, CodecHolder):
    """Turn audio into features made from the tokens of a neural codec.

    It is the first step of a scikit-learn pipeline: X is a list of recordings, and what comes out
    is a labelled array (clip, feature) that any further step takes as an array. Each clip is
    encoded once and kept in the cache, so that cross-validation and parameter searches pay for
    encoding once.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        A name or folder for :func:`qtokfeatures.load_codec`, or a loaded codec. It is loaded when
        first needed, once a process. It is never copied and never pickled: a pickle holds its
        name, revision and fingerprint.
    features : {"histogram", "embedding", "both"} or transformer, default="histogram"
        What is made of the codes: ``TokenHistogram(codebooks=2)``, the coarse codebooks being
        those that tell sounds apart; ``CodeEmbedding(pooling=BY_LOUDNESS)``, the statistics of
        :data:`qtokfeatures.features.BY_LOUDNESS` (mean and standard deviation with a codec that
        would have to decode to tell levels); both side by side; or any transformer of a
        :class:`~qtokfeatures.CodeSequence`, whose parameters can then be searched as
        ``features__…``. Its ``codec``, where None, is this one.
    sr : int, default=24000
        Rate in Hz of bare arrays. Files, ``(y, sr)`` pairs and AudioClips have their own.
    device : str, default="auto"
        Where to load the codec, as in :func:`qtokfeatures.load_codec`. Without effect on a codec
        that is loaded already.
    batch_s : float, default=120.0
        Seconds of audio that are held and encoded together.
    cache : "memory", path or None, default="memory"
        Where codes are kept, by the content of the clip and the fingerprint of the codec: in
        this process (limited in bytes), in a folder that processes share, or nowhere.
    on_error : {"raise", "nan"}, default="raise"
        What to do with a clip that cannot be used: raise its error, or warn and make its row NaN.
        The number of rows is always that of X.

    Attributes
    ----------
    features_ : transformer
        The fitted transformer of codes.
    spec_ : CodecSpec
        The codec that the features were fitted with.
    bank_ : FrameBank
        Codes of real frames of the clips, at most 6000 of them (8 minutes, 192 kB), chosen with a
        fixed seed from all clips and labels alike: what :meth:`inverse_transform` makes sounds of.
    n_features_in_ : int
        Samples of each clip, where X was a table of numbers. Clips of other lengths may follow.

    See Also
    --------
    TokenHistogram, CodeEmbedding, FrameFeatures : What can be made of codes.
    Pipeline : A pipeline whose steps need no names.

    Notes
    -----
    X may be a list of paths, URLs, bytes, ``(y, sr)`` pairs, arrays or AudioClips, also mixed; a
    pandas Series or one-column DataFrame of paths; an array of paths; a 2-D float array of clips
    of equal length, at `sr`; or codes, a Dataset or CodeSequence, which are taken as they are. A
    DataArray of clips keeps its coordinates along the first dimension: a text index names the
    clips, the others are labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.pipeline import make_pipeline
    >>> rng = np.random.default_rng(0)
    >>> clips = [np.sin(np.arange(24000) * f) for f in (0.05, 0.051)]
    >>> clips += [rng.normal(0, 0.1, 24000), rng.normal(0, 0.1, 24000)]
    >>> labels = make_pipeline(QTokenizer(), KMeans(2, random_state=0)).fit_predict(clips)
    >>> bool(labels[0] == labels[1] != labels[2] == labels[3])
    True
    """

    def __init__(
        self,
        codec: Any = "mini",
        *,
        features: Any = "histogram",
        sr: int = 24000,
        device: str = "auto",
        batch_s: float = 120.0,
        cache: Any = "memory",
        on_error: str = "raise",
    ) -> None:
        self.codec = codec
        self.features = features
        self.sr = sr
        self.device = device
        self.batch_s = batch_s
        self.cache = cache
        self.on_error = on_error

    def fit(self, X: Any, y: Any = None) -> Self:
        """Encode the clips and fit the features on their codes.

        Parameters
        ----------
        X : list of audio, array or codes
            See the notes of the class.
        y : array_like, default=None
            Passed on to the features, without the clips that could not be used.

        Returns
        -------
        self
        """
        self._fit(X, self._encode(X), y)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Encode the clips once, fit the features on their codes, and return them.

        Parameters
        ----------
        X : list of audio, array or codes
            See the notes of the class.
        y : array_like, default=None
            Passed on to the features, without the clips that could not be used.
        **fit_params : dict
            None are known; for scikit-learn's signature.

        Returns
        -------
        xarray.DataArray, shape (clip, feature)
            As :meth:`transform`.
        """
        encoded = self._encode(X)
        self._fit(X, encoded, y)
        return plain_if_wrapped(self._features(encoded), self, X)

    def transform(self, X: Any) -> Any:
        """Return the features of clips.

        Parameters
        ----------
        X : list of audio, array or codes
            See the notes of the class.

        Returns
        -------
        xarray.DataArray, shape (clip, feature)
            float32, with the clips' ids, sources, durations and labels, and what each feature comes
            from. SciPy CSR if the features are sparse.

        Raises
        ------
        AudioError
            With ``on_error="raise"``, if a clip cannot be used. Names it.
        CodecMismatchError
            If X are codes of another codec, or the codec has changed since :meth:`fit`.
        NotFittedError
            If :meth:`fit` was not called.
        """
        self._check_fitted()
        encoded = self._encode(X)
        self.spec_.check_matches(encoded.dataset.attrs)
        return plain_if_wrapped(self._features(encoded), self, X)

    def encode(self, X: Any) -> xr.Dataset:
        """Return the codes of clips. Needs no :meth:`fit`.

        Parameters
        ----------
        X : list of audio, array or codes
            See the notes of the class. Codes are returned as they are.

        Returns
        -------
        xarray.Dataset
            One clip a row of X; with ``on_error="nan"``, without those that could not be used,
            which ``ds.qtok.skipped`` lists.

        Examples
        --------
        >>> import numpy as np
        >>> QTokenizer(sr=16000).encode(np.zeros((2, 16000))).frame_count.values.tolist()
        [13, 13]
        """
        return self._encode(X).dataset

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
        self._check_fitted()
        return np.asarray(self.features_.get_feature_names_out(), dtype=object)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of `features` as ``features__…``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If a parameter of `features` is set while `features` is one of the names.
        """
        nested = [name for name in params if name.startswith("features__")]
        features = params.get("features", self.features)
        if nested and isinstance(features, str):
            raise InputError(
                f"{nested[0]} cannot be set while features is the name {features!r}: pass the "
                "transformer itself, such as QTokenizer(features=TokenHistogram())"
            )
        super().set_params(**params)
        return self

    def _find_codec(self) -> Codec:
        return find_codec(self.codec, device=self.device)

    def _encode(self, X: Any) -> EncodedClips:
        self._check_parameters()
        codec = self._find_codec()
        if are_codes(X):
            ds = as_code_sequence(X).dataset
            codec.spec.check_matches(ds.attrs)
            return EncodedClips.of_codes(ds)
        encoded = encode_clips(
            clip_items(X),
            codec,
            sr=self.sr,
            batch_s=self.batch_s,
            cache=resolve_cache(self.cache),
            on_error=self.on_error,
            labels=clip_labels(X),
        )
        for row, error in encoded.errors.items():
            warnings.warn(
                f"clip {encoded.clip_ids[row]!r} (row {row}) cannot be used: {error}",
                SkippedClipWarning,
                stacklevel=4,
            )
        return encoded

    def _fit(self, X: Any, encoded: EncodedClips, y: Any) -> None:
        if encoded.errors and not encoded.kept:
            raise InputError(
                f"none of the {len(encoded.clip_ids)} clips could be used; the first error: "
                f"{encoded.errors[0]}"
            )
        codec = self._find_codec()
        features = feature_transformer(self.features, codec, encoded.dataset.sizes["codebook"])
        if y is not None:
            y = check_labels(y, len(encoded.clip_ids))[encoded.kept]
        self.features_ = features.fit(CodeSequence(encoded.dataset), y)
        self.spec_ = codec.spec
        self.bank_ = FrameBank.of_codes(encoded.dataset, rows=encoded.kept, y=y)
        note_table_width(self, X)

    def _features(self, encoded: EncodedClips) -> Any:
        values = self.features_.transform(CodeSequence(encoded.dataset))
        labelled = label_rows(values, encoded.dataset, self.features_)
        return fill_missing_rows(labelled, encoded)

    def _check_parameters(self) -> None:
        if self.on_error not in ("raise", "nan"):
            raise InputError(f"on_error must be 'raise' or 'nan', got {self.on_error!r}")
        if not (isinstance(self.batch_s, (int, float, np.number)) and self.batch_s > 0):
            raise InputError(f"batch_s must be a number of seconds above 0, got {self.batch_s!r}")

    def _check_fitted(self) -> None:
        if not hasattr(self, "features_"):
            raise NotFittedError(
                "this QTokenizer is not fitted yet; call fit or fit_transform first"
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
