"""From audio to frames that a recogniser of speech takes."""

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
from qtokfeatures.labelled.labels import text_array
from qtokfeatures.labelled.naming import clip_ids_from_sources
from qtokfeatures.labelled.views import clip_coords
from qtokfeatures.speech.frame_batch import FRAME_RATE, KIND, padded_frames, ragged_frames
from qtokfeatures.speech.frame_sources import (
    ACOUSTIC_FEATURES,
    CODEC_FEATURES,
    AcousticFrames,
    CodecFrames,
    FrameSource,
)
from qtokfeatures.speech.frame_steps import (
    Deltas,
    FrameStep,
    FrontEndStream,
    RunningNormalisation,
    Upsampling,
    normalise_utterance,
    run_through,
)

if TYPE_CHECKING:
    from typing_extensions import Self

Frames = npt.NDArray[Any]

_TYPICAL_S: Final = 1.0

_MOST_DELTAS: Final = 2

_ALLOWED: Final = {
    "features": (*CODEC_FEATURES, *ACOUSTIC_FEATURES),
    "interpolation": ("repeat", "linear"),
    "output": ("padded", "ragged", "list"),
    "cmvn": ("utterance", "running", None),
    "deltas": tuple(range(_MOST_DELTAS + 1)),
}
_MADE_BY: Final = ("features", "codebooks", "upsample", "interpolation", "deltas", "cmvn", "sr")


# Frames are no table: scikit-learn's set_output, which makes tables, has no part in them.
class ASRFrontEnd(TransformerMixin, CodecHolder, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Turn speech into the frames that a recogniser takes.

    Parameters
    ----------
    features : {"semantic", "embedding", "tokens", "latent", "logmel", "mfcc"}, default="semantic"
        What a frame is: that part of the encoder's vector which codebook 0 quantises, before it
        does; the vector that the codes stand for; the codes themselves, for an embedding layer;
        the whole of the encoder's vector; or, every 10 ms, 80 mel bands or 13 MFCC as librosa
        computes them (extra ``asr``). The semantic part of mini was trained to withstand noise.
    codec : str, path or Codec, default="mini"
        As in :class:`~qtokfeatures.QTokenizer`; of no use to log-mel spectra and MFCC.
    codebooks : int or sequence of int, default=1
        Codebooks of tokens and embeddings, 0 being the coarsest: the first so many, or these. None
        is all.
    upsample : int, default=1
        Frames that each becomes. CTC needs a frame a symbol, and a codec has 12.5 a second.
    interpolation : {"repeat", "linear"}, default="repeat"
        How: tokens can only be repeated.
    deltas : {0, 1, 2}, default=0
        Append slopes (1), and slopes of slopes (2).
    cmvn : {"utterance", "running"} or None, default=None
        Bring each feature to mean 0 and variance 1: over the clip, or over the frames so far,
        which start as one second of what :meth:`fit` saw.
    output : {"padded", "ragged", "list"}, default="padded"
        Shape of what :meth:`transform` returns.
    sr : int, default=24000
        Rate of bare arrays in Hz. Log-mel spectra and MFCC are computed at 16 kHz, or at `sr`
        where it is lower.
    cache : "memory", path or None, default="memory"
        Where codes are kept, as in QTokenizer. What is not made of codes is not kept.

    Attributes
    ----------
    frame_rate_ : float
        Frames a second that come out.
    input_sr_ : int
        Rate that :meth:`stream` takes, in Hz.
    mean_, std_ : ndarray (feature,)
        Of the frames that it was fitted on, with ``cmvn="running"``.

    See Also
    --------
    CTCRecognizer : What takes the frames.
    FrameFeatures : Embeddings of the frames of codes, nothing more.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 24000).astype("float32")
    >>> frames = ASRFrontEnd(upsample=2).fit_transform([noise, noise[:12000]])
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
        sr: int = 24000,
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
        """Check the parameters; with ``cmvn="running"``, learn what frames are like.

        Parameters
        ----------
        X : list of audio, or codes
            What :class:`~qtokfeatures.QTokenizer` takes. Codes are enough for tokens and
            embeddings.
        y : object, default=None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If a parameter is none of those above. Names it.
        """
        check_front_end(self)
        source = self._source()
        self.frame_rate_ = source.frame_rate * self.upsample
        self.input_sr_ = source.sr
        self.base_names_ = source.names
        self._fitted_with = fitted_with(self)
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
            As in :meth:`fit`.

        Returns
        -------
        DataArray or list of ndarray
            ``"padded"``: (clip, frame, feature) filled up with NaN, or −1 where frames are tokens,
            with ``frame_count`` (clip) and ``time`` (frame) in seconds; ``"ragged"``: (frame,
            feature), one clip after another, with ``clip_index``, ``clip`` and ``time`` (frame);
            ``"list"``: an array (frame, feature) a clip. float32, tokens int64. ``time`` is where
            a frame of a codec begins, and the middle of a window of librosa.

        Raises
        ------
        AudioError
            If a clip cannot be used. Names it.
        NotFittedError
            If :meth:`fit` was not called.
        InputError
            If a parameter that frames depend on was changed since.
        """
        self._check_fitted()
        base, coords, attrs = self._base_frames(X, self._source())
        frames = [self._finished(each) for each in base]
        if self.output == "list":
            return frames
        attrs = {**attrs, KIND: self.features, FRAME_RATE: self.frame_rate_}
        label = padded_frames if self.output == "padded" else ragged_frames
        return label(frames, coords, self.get_feature_names_out(), attrs)

    def stream(self) -> FrontEndStream:
        """Start a stream: the same frames as :meth:`transform`, as the audio comes.

        Returns
        -------
        FrontEndStream
            ``push(y)`` takes samples at ``input_sr_`` and returns the frames (frame, feature) that
            became ready, ``flush()`` the rest. Deltas wait for two frames each, linear
            interpolation for one.

        Raises
        ------
        InputError
            If the features of a clip depend on its end: ``cmvn="utterance"``.

        Examples
        --------
        >>> import numpy as np
        >>> front_end = ASRFrontEnd("tokens", codebooks=None).fit([np.zeros(24000)])
        >>> stream = front_end.stream()
        >>> [stream.push(np.zeros(2000)).shape for _ in range(2)], stream.flush().shape
        ([(1, 16), (1, 16)], (1, 16))
        """
        self._check_fitted()
        if self.cmvn == "utterance":
            raise InputError(
                "a stream cannot know the mean of a whole utterance; use cmvn='running' or None"
            )
        dtype = np.dtype(np.int64 if self.features == "tokens" else np.float32)
        nothing = np.zeros((0, self._width()), dtype)
        return FrontEndStream(self._source().stream(), self._steps(), nothing)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        """Name the features, such as ``mfcc_3``, ``delta_mfcc_3``, ``delta2_mfcc_3``.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str (object), shape (feature,)
        """
        self._check_fitted()
        prefixes = ("", "delta_", "delta2_")[: 1 + self.deltas]
        return np.array([p + n for p in prefixes for n in self.base_names_], dtype=object)

    def _source(self) -> FrameSource:
        if self.features in ACOUSTIC_FEATURES:
            return AcousticFrames(self.features, min(16000, self.sr))
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
        return [source.of_codes(codes) for codes in sequence], clip_coords(sequence.dataset), attrs

    def _frames_of_audio(
        self, X: Any, source: FrameSource
    ) -> tuple[list[Frames], dict[str, xr.Variable], dict[str, Any]]:
        if are_codes(X):
            raise InputError(f"{self.features} are made of audio, not of codes")
        loaded = load_many(clip_items(X), sr=self.sr, on_error="raise")
        clips = [clip for _, clip in loaded if isinstance(clip, AudioClip)]
        if not clips:
            raise InputError("X holds no clips; at least one is needed")
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

    def _steps(self) -> list[FrameStep]:
        steps: list[FrameStep] = list(self._delta_steps())
        if self.cmvn == "running":
            weight = _TYPICAL_S * self.frame_rate_ / self.upsample
            steps.append(RunningNormalisation(self.mean_, self.std_, weight))
        return [*steps, *self._upsampling()]

    def _delta_steps(self) -> list[FrameStep]:
        width = len(self.base_names_)
        return [Deltas(slice(k * width, (k + 1) * width)) for k in range(self.deltas)]

    def _upsampling(self) -> list[FrameStep]:
        if self.upsample == 1:
            return []
        return [Upsampling(self.upsample, linear=self.interpolation == "linear")]

    def _width(self) -> int:
        return len(self.base_names_) * (1 + self.deltas)

    def _check_fitted(self) -> None:
        if not hasattr(self, "frame_rate_"):
            raise NotFittedError("this ASRFrontEnd is not fitted yet; call fit or fit_transform")
        check_as_fitted(self, self._fitted_with)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def check_front_end(front_end: ASRFrontEnd) -> None:
    """Refuse parameters that are out of range or do not go together."""
    for name, known in _ALLOWED.items():
        value = getattr(front_end, name)
        if isinstance(value, bool) or value not in known:
            allowed = ", ".join(map(repr, known))
            raise InputError(f"{name} must be one of {allowed}; got {value!r}")
    sr, upsample = front_end.sr, front_end.upsample
    if isinstance(sr, bool) or not isinstance(sr, (int, np.integer)) or sr < 1:
        raise InputError(f"sr must be a whole number of hertz, got {sr!r}")
    if not isinstance(upsample, (int, np.integer)) or upsample < 1:
        raise InputError(f"upsample must be a whole number, 1 or more; got {upsample!r}")
    changes_values = front_end.deltas or front_end.cmvn or front_end.interpolation != "repeat"
    if front_end.features == "tokens" and changes_values:
        raise InputError(
            "tokens are indices: they have no deltas and no mean, and can only be repeated; "
            "use features='embedding' for those"
        )


def fitted_with(front_end: ASRFrontEnd) -> dict[str, str]:
    """Return the parameters that decide what its frames are."""
    return {name: repr(getattr(front_end, name)) for name in _MADE_BY}


def check_as_fitted(front_end: ASRFrontEnd, fitted: dict[str, str]) -> None:
    """Refuse to go on with other parameters than it was fitted with."""
    for name, now in fitted_with(front_end).items():
        if now != fitted[name]:
            raise InputError(
                f"this {type(front_end).__name__} was fitted with {name}={fitted[name]}, and is "
                f"now set to {now}: fit it again"
            )
