"""Front end of speech recognisers: audio to frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import TransformerMixin

from qtokfeatures.audio import AudioClip, load_many, resample
from qtokfeatures.estimators import QTokenizer
from qtokfeatures.estimators.base import choose_codebooks
from qtokfeatures.estimators.codec_source import CodecHolder, find_codec
from qtokfeatures.estimators.inputs import are_codes, clip_items
from qtokfeatures.exceptions import InputError, NotFittedError
from qtokfeatures.labelled import CodeSequence, schema
from qtokfeatures.labelled.labels import clip_ids_from_sources, text_array
from qtokfeatures.parameters import one_of, optional, whole
from qtokfeatures.speech.frame_batch import FRAME_RATE, KIND, labelled_frames
from qtokfeatures.speech.frame_sources import (
    ACOUSTIC_FEATURES,
    CODEC_FEATURES,
    AcousticFrames,
    CodecFrames,
    Frames,
    FrameSource,
    PieceStream,
)
from qtokfeatures.speech.frame_steps import (
    Deltas,
    FrontEndStream,
    RunningNormalisation,
    Upsampling,
    normalise_utterance,
    run_through,
)

if TYPE_CHECKING:
    from typing_extensions import Self

_TYPICAL_S: Final = 1.0  # weight of the frames seen by fit in running normalisation

_ALLOWED: Final = {
    "features": (*CODEC_FEATURES, *ACOUSTIC_FEATURES),
    "interpolation": ("repeat", "linear"),
    "output": ("padded", "ragged", "list"),
    "cmvn": ("utterance", "running", None),
}
# Parameters that determine the values of frames.
_MADE_BY: Final = ("features", "codebooks", "upsample", "interpolation", "deltas", "cmvn", "sr")


# Frames are not a table, so scikit-learn's set_output does not apply to them.
class ASRFrontEnd(TransformerMixin, CodecHolder, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Convert speech to frames for a recogniser.

    Parameters
    ----------
    features : {"semantic", "embedding", "tokens", "latent", "logmel", "mfcc"}, default="semantic"
        Kind of frames. "semantic": the part of the encoder's vector that codebook 0 quantises,
        before quantisation; in mini it is trained for robustness to noise. "embedding": the vector
        of the codes. "tokens": the codes themselves, for an embedding layer. "latent": the whole
        vector of the encoder. "logmel" and "mfcc": 80 mel bands or 13 MFCC every 10 ms, computed
        by librosa (extra ``asr``).
    codec : str, path or Codec, default="mini"
        Codec, as in :class:`~qtokfeatures.QTokenizer`. Log-mel spectra and MFCC do not use it.
    codebooks : int or sequence of int, default=1
        Codebooks of tokens and embeddings: a number of codebooks from the coarsest, 0, or their
        numbers. None selects all codebooks.
    upsample : int, default=1
        Output frames per input frame. CTC needs at least one frame per symbol, and a codec has
        12.5 frames per second.
    interpolation : {"repeat", "linear"}, default="repeat"
        Method of upsampling. Tokens can only be repeated.
    deltas : {0, 1, 2}, default=0
        Append slopes (1), or slopes and second-order slopes (2).
    cmvn : {"utterance", "running"} or None, default=None
        Normalise each feature to mean 0 and variance 1, over the clip or over all frames so far.
        "running" starts with the statistics of :meth:`fit`, weighted as one second.
    output : {"padded", "ragged", "list"}, default="padded"
        Format of the result of :meth:`transform`.
    sr : int, optional
        Sample rate of bare arrays in Hz; without it they are refused. Log-mel spectra and MFCC are
        computed at 16 kHz, or at `sr` if it is lower.
    cache : "memory", path or None, default="memory"
        Where codes are cached, as in QTokenizer. Only tokens and embeddings are cached.

    Attributes
    ----------
    frame_rate_ : float
        Output frames per second.
    input_sr_ : int
        Sample rate of the input of :meth:`stream`, in Hz.
    mean_, std_ : ndarray (feature,)
        Statistics of the fitted frames with ``cmvn="running"``.

    See Also
    --------
    CTCRecognizer : Recogniser that takes these frames.
    FrameFeatures : Embeddings of the frames of codes.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 24000).astype("float32")
    >>> frames = ASRFrontEnd(upsample=2, sr=24000).fit_transform([noise, noise[:12000]])
    >>> frames.dims, frames.shape[:2], frames.frame_count.values.tolist()
    (('clip', 'frame', 'feature'), (2, 26), [26, 14])
    >>> frames.time.values[:3].tolist()
    [0.0, 0.04, 0.08]
    """

    def __init__(
        self,
        features: str = "semantic",
        *,
        codec: Any = "mini",
        codebooks: int | Sequence[int] | None = 1,
        upsample: int = 1,
        interpolation: str = "repeat",
        deltas: int = 0,
        cmvn: str | None = None,
        output: str = "padded",
        sr: int | None = None,
        cache: Any = "memory",
    ) -> None:
        self.features = features
        self.codec = codec
        self.codebooks = codebooks
        self.upsample = upsample
        self.interpolation = interpolation
        self.deltas = deltas
        self.cmvn = cmvn
        self.output = output
        self.sr = sr
        self.cache = cache

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and, with ``cmvn="running"``, compute the statistics of frames.

        Parameters
        ----------
        X : list of audio, or codes
            Clips, as :class:`~qtokfeatures.QTokenizer` takes them. Codes suffice for tokens and
            embeddings.
        y : object, default=None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If a parameter is invalid. Names the parameter.
        """
        self._check_parameters()
        source = self._source()
        self.frame_rate_ = source.frame_rate * self.upsample
        self.input_sr_ = source.sr
        self.base_names_ = source.names
        self._fitted_with = self._frame_parameters()
        if self.cmvn == "running":
            frames = [
                run_through(self._delta_steps(), each) for each in self._base_frames(X, source)[0]
            ]
            every = np.concatenate(frames)
            self.mean_ = every.mean(axis=0, dtype=np.float64)
            self.std_ = every.std(axis=0, dtype=np.float64)
        return self

    def transform(self, X: Any) -> Any:
        """Return the frames of clips.

        Parameters
        ----------
        X : list of audio, or codes
            Clips, as in :meth:`fit`.

        Returns
        -------
        DataArray or list of ndarray
            float32, or int64 for tokens. ``"padded"``: (clip, frame, feature), padded with NaN, or
            with −1 for tokens, with ``frame_count`` (clip) and ``time`` (frame) in seconds.
            ``"ragged"``: (frame, feature), clips concatenated, with ``clip_index``, ``clip`` and
            ``time`` (frame). ``"list"``: one array (frame, feature) per clip. ``time`` is the start
            of a codec's frame, or the centre of a window of log-mel spectra and MFCC.

        Raises
        ------
        AudioError
            If a clip cannot be read. Names the clip.
        NotFittedError
            If :meth:`fit` was not called.
        InputError
            If a parameter that determines frames was changed after :meth:`fit`.
        """
        self._check_fitted()
        base, coords, attrs = self._base_frames(X, self._source())
        frames = [self._finished(each) for each in base]
        if self.output == "list":
            return frames
        attrs = {**attrs, KIND: self.features, FRAME_RATE: self.frame_rate_}
        names, is_padded = self.get_feature_names_out(), self.output == "padded"
        return labelled_frames(frames, coords, names, attrs, is_padded=is_padded)

    def stream(self) -> FrontEndStream:
        """Start a stream that yields the same frames as :meth:`transform`.

        Returns
        -------
        FrontEndStream
            ``push(y)`` takes mono samples at ``input_sr_`` and returns the frames (frame, feature)
            that they complete; ``flush()`` returns the remaining frames. Each order of deltas
            delays frames by two, linear interpolation by one.

        Raises
        ------
        InputError
            If ``cmvn="utterance"``, which depends on the whole clip.

        Examples
        --------
        >>> import numpy as np
        >>> front_end = ASRFrontEnd("tokens", codebooks=None, sr=24000).fit([np.zeros(24000)])
        >>> stream = front_end.stream()
        >>> [stream.push(np.zeros(2000)).shape for _ in range(2)], stream.flush().shape
        ([(1, 16), (1, 16)], (1, 16))
        """
        self._check_fitted()
        if self.cmvn == "utterance":
            raise InputError(
                "cmvn='utterance' needs the whole clip, not a stream; use 'running' or None"
            )
        dtype = np.dtype(np.int64 if self.features == "tokens" else np.float32)
        nothing = np.zeros((0, self._width()), dtype)
        return FrontEndStream(self._source().stream(), self._steps(), nothing)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        """Return the names of the features, such as ``mfcc_3`` and ``delta_mfcc_3``.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str (object), shape (feature,)
            Names of the features.
        """
        self._check_fitted()
        prefixes = ("", "delta_", "delta2_")[: 1 + self.deltas]
        return np.array([p + n for p in prefixes for n in self.base_names_], dtype=object)

    def _source(self) -> FrameSource:
        if self.features in ACOUSTIC_FEATURES:
            return AcousticFrames(self.features, min(16000, self.sr or 16000))
        codec = find_codec(self.codec)
        codebooks = choose_codebooks(self.codebooks, codec.spec.n_codebooks)
        return CodecFrames(codec, self.features, codebooks)

    def _base_frames(
        self, X: Any, source: FrameSource
    ) -> tuple[list[Frames], dict[str, xr.Variable], dict[str, Any]]:
        """Return the frames of each clip, coordinates of the clips, and the codec's attributes."""
        from_codes = self.features in ("tokens", "embedding")
        if not (from_codes and isinstance(source, CodecFrames)):
            return self._frames_of_audio(X, source)
        tokenizer = QTokenizer(self.codec, sr=self.sr, cache=self.cache)
        sequence = CodeSequence(tokenizer.encode(X))
        find_codec(self.codec).spec.check_matches(sequence.spec)
        attrs = sequence.spec.to_attrs()
        return (
            [source.of_codes(codes) for codes in sequence],
            schema.clip_coords(sequence.dataset),
            attrs,
        )

    def _frames_of_audio(
        self, X: Any, source: FrameSource
    ) -> tuple[list[Frames], dict[str, xr.Variable], dict[str, Any]]:
        if are_codes(X):
            raise InputError(f"{self.features!r} frames need audio, got codes; pass audio")
        loaded = load_many(clip_items(X), sr=self.sr, on_error="raise")
        clips = [clip for _, clip in loaded if isinstance(clip, AudioClip)]
        if not clips:
            raise InputError("expected at least one clip in X, got none")
        waves = [resample(c.y, orig_sr=c.sr, target_sr=source.sr) for c in clips]
        sources = [clip.source for clip in clips]
        columns = {
            schema.CLIP: text_array(clip_ids_from_sources(sources)),
            schema.DURATION: np.array([clip.duration_s for clip in clips]),
            schema.SAMPLE_RATE: np.array([clip.sample_rate for clip in clips]),
            schema.SOURCE: text_array(sources),
        }
        coords = {name: xr.Variable(schema.CLIP, values) for name, values in columns.items()}
        of_codec = self.features in CODEC_FEATURES
        attrs = find_codec(self.codec).spec.to_attrs() if of_codec else {}
        return source.frames_of_all(waves), coords, attrs

    def _finished(self, base: Frames) -> Frames:
        if self.cmvn == "utterance":
            normalised = normalise_utterance(run_through(self._delta_steps(), base))
            return run_through(self._upsampling(), normalised)
        return run_through(self._steps(), base)

    def _steps(self) -> list[PieceStream]:
        steps: list[PieceStream] = list(self._delta_steps())
        if self.cmvn == "running":
            weight = _TYPICAL_S * self.frame_rate_ / self.upsample
            steps.append(RunningNormalisation(self.mean_, self.std_, weight))
        return [*steps, *self._upsampling()]

    def _delta_steps(self) -> list[PieceStream]:
        width = len(self.base_names_)
        return [Deltas(slice(k * width, (k + 1) * width)) for k in range(self.deltas)]

    def _upsampling(self) -> list[PieceStream]:
        if self.upsample == 1:
            return []
        return [Upsampling(self.upsample, linear=self.interpolation == "linear")]

    def _width(self) -> int:
        return len(self.base_names_) * (1 + self.deltas)

    def _check_fitted(self) -> None:
        if not hasattr(self, "frame_rate_"):
            raise NotFittedError("this ASRFrontEnd is not fitted yet; call fit or fit_transform")
        for name, now in self._frame_parameters().items():
            if now != self._fitted_with[name]:
                raise InputError(
                    f"this ASRFrontEnd was fitted with {name}={self._fitted_with[name]}, and is "
                    f"now set to {now}; fit it again"
                )

    def _frame_parameters(self) -> dict[str, str]:
        return {name: repr(getattr(self, name)) for name in _MADE_BY}

    def _check_parameters(self) -> None:
        for name, allowed in _ALLOWED.items():
            one_of(name, getattr(self, name), allowed)
        whole("deltas", self.deltas, at_least=0, at_most=2)
        optional(whole, "sr", self.sr, at_least=1, unit="hertz")
        whole("upsample", self.upsample, at_least=1)
        changes_values = self.deltas or self.cmvn or self.interpolation != "repeat"
        if self.features == "tokens" and changes_values:
            raise InputError(
                "tokens are indices, which allow neither deltas, cmvn nor linear interpolation; "
                "use features='embedding'"
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags
