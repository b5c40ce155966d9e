"""Audio to codes to features, as one scikit-learn transformer."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import TransformerMixin

from qtokfeatures.estimators.base import plain_if_wrapped
from qtokfeatures.estimators.codec_source import CodecHolder, find_codec
from qtokfeatures.estimators.encoding import (
    EncodedClips,
    encode_clips,
    fill_missing_rows,
    label_rows,
)
from qtokfeatures.estimators.frame_bank import FrameBank
from qtokfeatures.estimators.inputs import (
    are_codes,
    check_labels,
    clip_count,
    clip_items,
    clip_labels,
    note_table_width,
)
from qtokfeatures.estimators.presets import feature_transformer
from qtokfeatures.estimators.resynthesis import Sonified, sounds_of_features
from qtokfeatures.exceptions import InputError, SkippedClipWarning
from qtokfeatures.labelled import as_code_sequence, resolve_cache
from qtokfeatures.parameters import number, one_of

if TYPE_CHECKING:
    import xarray as xr
    from typing_extensions import Self

    from qtokfeatures.codecs import Codec


class QTokenizer(TransformerMixin, CodecHolder):
    """Turn audio into features computed from the tokens of a neural codec.

    It is the first step of a scikit-learn pipeline: X is a list of recordings, and the output is a
    labelled array (clip, feature) that any further step reads as an array. Each clip is encoded
    once and cached, so that cross-validation and parameter searches pay for encoding once.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        A name or folder for :func:`qtokfeatures.load_codec`, or a loaded codec. A codec given by
        name is loaded when first needed, once per process. Clones share the codec; a pickle holds
        its name, revision and fingerprint.
    features : {"histogram", "embedding", "both"} or transformer, default="histogram"
        Features computed from the codes. ``"histogram"`` is ``TokenHistogram(codebooks=2)``: the
        coarse codebooks separate sounds best. ``"embedding"`` is
        ``CodeEmbedding(pooling=BY_LOUDNESS)``, with the statistics of
        :data:`qtokfeatures.features.BY_LOUDNESS`, or mean and standard deviation for a codec that
        would have to decode to know levels. ``"both"`` joins them side by side. Any other
        transformer of a :class:`~qtokfeatures.CodeSequence` is cloned; its parameters can be
        searched as ``features__…``, and its ``codec``, where None, is this one.
    sr : int, optional
        Rate of bare arrays, in Hz; without it they are refused. Files, ``(y, sr)`` pairs and
        AudioClips have their own rate.
    device : str, default="auto"
        Device that the codec is loaded onto, as in :func:`qtokfeatures.load_codec`. A codec that
        is loaded already stays where it is.
    batch_s : float, default=120.0
        Seconds of audio that are held in memory and encoded together.
    cache : "memory", path or None, default="memory"
        Cache of codes, keyed by the samples of the clip and the fingerprint of the codec: in this
        process (limited in bytes), in a folder that processes share, or none.
    on_error : {"raise", "nan"}, default="raise"
        Raise the error of a clip that cannot be used, or warn and fill its row with NaN. The
        number of rows is always that of X.

    Attributes
    ----------
    features_ : transformer
        The fitted transformer of codes.
    spec_ : CodecSpec
        The codec that the features were fitted with.
    bank_ : FrameBank
        Codes of at most 6000 real frames (8 minutes, 192 kB), sampled evenly from all clips and
        labels with a fixed seed. :meth:`inverse_transform` synthesises sounds from them.
    n_features_in_ : int
        Samples of each clip, where X was a table of numbers. Clips of other lengths may follow.

    See Also
    --------
    TokenHistogram, CodeEmbedding, FrameFeatures : Features of codes.
    Pipeline : A pipeline whose steps need no names.

    Notes
    -----
    X may be a list of paths, URLs, bytes, ``(y, sr)`` pairs, arrays or AudioClips, also mixed; a
    pandas Series or one-column DataFrame of paths; an array of paths; a 2-D float array of clips
    of equal length; or codes, a Dataset or CodeSequence, which are not encoded again. An item
    ``(file, start_s, end_s)`` is an excerpt; :class:`qtokfeatures.audio.Excerpt` also selects a
    channel, where the others average all.

    Ids of clips are the shortest unique ends of their paths. A text index of a Series, DataFrame or
    DataArray replaces them; the other coordinates of a DataArray become labels.
    ``set_output(transform="pandas")`` indexes tables by the ids, or as X is if that is pandas.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.pipeline import make_pipeline
    >>> rng = np.random.default_rng(0)
    >>> clips = [np.sin(np.arange(24000) * f) for f in (0.05, 0.051)]
    >>> clips += [rng.normal(0, 0.1, 24000), rng.normal(0, 0.1, 24000)]
    >>> labels = make_pipeline(QTokenizer(sr=24000), KMeans(2, random_state=0)).fit_predict(clips)
    >>> bool(labels[0] == labels[1] != labels[2] == labels[3])
    True
    """

    def __init__(
        self,
        codec: Any = "mini",
        *,
        features: Any = "histogram",
        sr: int | None = None,
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
            Labels for the features, one per clip. Those of unusable clips are left out.

        Returns
        -------
        self
        """
        self._check_request(X, y)
        self._fit(X, self._encode(X), y)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Encode the clips once, fit the features on their codes, and return them.

        Parameters
        ----------
        X : list of audio, array or codes
            See the notes of the class.
        y : array_like, default=None
            Labels for the features, one per clip.
        **fit_params : dict
            Ignored; part of scikit-learn's signature.

        Returns
        -------
        xarray.DataArray, shape (clip, feature)
            As :meth:`transform`.
        """
        self._check_request(X, y)
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
            float32, with ids, sources, durations and labels of the clips, and the codebook, bin or
            statistic of each feature. SciPy CSR if the features are sparse.

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
            One clip per row of X. With ``on_error="nan"`` unusable clips are left out, and
            ``ds.qtok.skipped`` lists them.

        Examples
        --------
        >>> import numpy as np
        >>> QTokenizer(sr=16000).encode(np.zeros((2, 16000))).frame_count.values.tolist()
        [13, 13]
        """
        return self._encode(X).dataset

    def inverse_transform(
        self, X: Any, *, duration_s: float | None = None
    ) -> list[npt.NDArray[np.float32]]:
        """Decode codes, or synthesise audio whose features are close to given ones.

        Features do not determine the order of frames. Runs of the real frames that :meth:`fit` kept
        are joined so that the features of the sound, encoded again, come close to those of X in
        Euclidean distance. The result is approximate; ``docs/inverse.md`` measures how close it
        comes. It depends only on X and the fitted state. ``pipe[:-1].inverse_transform(X)`` also
        undoes scalers and projections between this step and X, such as StandardScaler and PCA.

        Parameters
        ----------
        X : xarray.Dataset or CodeSequence, or array_like of shape (clip, feature)
            Codes, as :meth:`encode` returns; or features, as :meth:`transform` returns, the mean of
            several, or the centre of a cluster.
        duration_s : float, optional
            Length of each sound for features, in seconds; by default the median of the clips
            fitted on. Codes have their own length.

        Returns
        -------
        list of ndarray of float32, shape (sample,)
            For codes, ``X.n_samples`` samples at the rates ``X.sample_rate``; for features, at the
            rate `sr`, or that of the codec without `sr`.

        Raises
        ------
        InputError
            If X is neither codes nor features.
        NotFittedError
            If X are features and :meth:`fit` was not called.
        CodecMismatchError
            If another codec produced these codes.

        See Also
        --------
        sonify : The sound of a cluster or a class of a pipeline.

        Examples
        --------
        >>> import numpy as np
        >>> import qtokfeatures as qt
        >>> tokenizer = qt.QTokenizer(sr=16000)
        >>> clips = np.random.default_rng(0).normal(0, 0.1, (2, 16000))
        >>> [y.shape for y in tokenizer.inverse_transform(tokenizer.encode(clips))]
        [(16000,), (16000,)]
        >>> features = tokenizer.fit_transform(clips)
        >>> [y.shape for y in tokenizer.inverse_transform(features.mean("clip"), duration_s=0.5)]
        [(8000,)]
        """
        if not are_codes(X):
            return [sound.y for sound in self.resynthesize(X, duration_s=duration_s)]
        ds = as_code_sequence(X).dataset
        codec = self._find_codec()
        codec.spec.check_matches(ds.attrs)
        return [y for y, _ in codec.decode_many(ds)]

    def resynthesize(self, X: Any, *, duration_s: float | None = None) -> list[Sonified]:
        """Synthesise audio for features, and return its real frames with it.

        Parameters
        ----------
        X : array_like of shape (clip, feature)
            Features, as for :meth:`inverse_transform`.
        duration_s : float, optional
            Length of each sound in seconds; by default the median of the clips fitted on.

        Returns
        -------
        list of Sonified
            ``(y, sr, frames)``: audio, its rate in Hz, and the clip and time of each real frame.

        Raises
        ------
        InputError
            If X has the shape of other features than those of this tokenizer.
        NotFittedError
            If :meth:`fit` was not called.
        """
        self._check_fitted()
        codec = self._find_codec()
        self.spec_.check_matches(codec.spec)
        return sounds_of_features(
            X,
            codec=codec,
            transformer=self.features_,
            bank=self.bank_,
            sr=codec.spec.sample_rate if self.sr is None else self.sr,
            duration_s=duration_s,
        )

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        """Return the names of the features.

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
        """Set parameters; those of `features` are named ``features__…``.

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
                f"{nested[0]} cannot be set while features is the name {features!r}; pass a "
                "transformer, such as QTokenizer(features=TokenHistogram())"
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
        self.features_ = features.fit(encoded.sequence, y)
        self.spec_ = codec.spec
        self.bank_ = FrameBank.of_codes(encoded.dataset, rows=encoded.kept, y=y)
        note_table_width(self, X)

    def _features(self, encoded: EncodedClips) -> Any:
        values = self.features_.transform(encoded.sequence)
        labelled = label_rows(values, encoded.dataset, self.features_)
        return fill_missing_rows(labelled, encoded)

    def _check_request(self, X: Any, y: Any) -> None:
        """Refuse impossible features, parameters and labels before any clip is read."""
        _check_label_count(X, y)
        self._check_parameters()
        feature_transformer(self.features, self._find_codec(), n_codebooks=1)

    def _check_parameters(self) -> None:
        one_of("on_error", self.on_error, ("raise", "nan"))
        number("batch_s", self.batch_s, above=0, finite=False, unit="seconds")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def _check_label_count(X: Any, y: Any) -> None:
    """Refuse labels of another number than clips before any clip is encoded."""
    count = None if y is None else clip_count(X)
    if count is not None:
        check_labels(y, count)
