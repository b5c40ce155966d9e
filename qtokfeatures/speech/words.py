"""Pipelines for isolated words and for continuous speech."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from qtokfeatures.estimators import CodeEmbedding, Pipeline
from qtokfeatures.parameters import one_of
from qtokfeatures.pipelines.classifiers import make_label_classifier
from qtokfeatures.speech.frame_sources import ACOUSTIC_FEATURES
from qtokfeatures.speech.front_end import ASRFrontEnd
from qtokfeatures.speech.recognizer import CTCRecognizer
from qtokfeatures.speech.symbols import UNITS

# 25 steps per second for words, 50 for shorter units: a codec has 12.5 frames, librosa 100.
_UPSAMPLE: Final = {"word": 2, "phone": 4, "character": 4}
_STRIDE: Final = {"word": 4, "phone": 2, "character": 2}


def make_word_classifier(
    codec: Any = "mini",
    *,
    codebooks: int | Sequence[int] | None = 1,
    segments: int = 3,
    **options: Any,
) -> Pipeline:
    """Make a pipeline that classifies isolated words, with calibrated probabilities.

    Pass the speaker of each clip as its group.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        Codec, as in :class:`~qtokfeatures.QTokenizer`.
    codebooks : int, sequence of int or None, default=1
        Codebooks of the embedding. Codebook 0 of mini alone is most robust to noise; all codebooks
        (None) are slightly more accurate without noise (``docs/mini.md``).
    segments : int, default=3
        Number of equal segments of a word to pool separately. With 1, the order of sounds is lost.
    **options : dict
        Parameters of :func:`make_label_classifier`.

    Returns
    -------
    Pipeline
        Unfitted pipeline; fit it with ``pipe.fit(files, words, classifier__groups=speakers)``.

    See Also
    --------
    make_speech_recognizer : Recogniser of continuous speech.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> [name for name, _ in qt.speech.make_word_classifier().steps]
    ['qtokenizer', 'standardscaler', 'classifier']
    """
    features = CodeEmbedding(codebooks=codebooks, segments=segments)
    return make_label_classifier(codec, **{"features": features, **options})


def make_speech_recognizer(
    codec: Any = "mini", *, features: str = "semantic", unit: str = "word", **options: Any
) -> Pipeline:
    """Make a pipeline that transcribes speech.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        Codec, as in :class:`ASRFrontEnd`.
    features : {"semantic", "embedding", "tokens", "latent", "logmel", "mfcc"}, default="semantic"
        Kind of frames, as in :class:`ASRFrontEnd`. Log-mel spectra and MFCC are normalised over
        each clip, and MFCC have deltas of both orders.
    unit : {"word", "character", "phone"}, default="word"
        Symbols of the transcripts, as in :class:`CTCRecognizer`. The recogniser has 25 steps per
        second for words, and 50 for characters and phones.
    **options : dict
        Parameters of :class:`CTCRecognizer`.

    Returns
    -------
    Pipeline
        Unfitted pipeline with the steps ``asrfrontend`` and ``ctcrecognizer``.

    Raises
    ------
    InputError
        If `unit` is unknown.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> pipe = qt.make_speech_recognizer(epochs=5)
    >>> [name for name, _ in pipe.steps], pipe[0].upsample
    (['asrfrontend', 'ctcrecognizer'], 2)
    """
    one_of("unit", unit, UNITS)
    if features in ACOUSTIC_FEATURES:
        front_end = ASRFrontEnd(features, deltas=2 if features == "mfcc" else 0, cmvn="utterance")
        options = {"stride": _STRIDE[unit], **options}
    else:
        front_end = ASRFrontEnd(
            features,
            codec=codec,
            upsample=_UPSAMPLE[unit],
            interpolation="repeat" if features == "tokens" else "linear",
        )
    return Pipeline([front_end, CTCRecognizer(unit=unit, **options)])
