"""Classifiers of words that are said alone, and recognisers as pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from qtokfeatures.estimators import CodeEmbedding, Pipeline
from qtokfeatures.exceptions import InputError
from qtokfeatures.pipelines.classifiers import make_label_classifier
from qtokfeatures.speech.frame_sources import ACOUSTIC_FEATURES
from qtokfeatures.speech.front_end import ASRFrontEnd
from qtokfeatures.speech.recognizer import CTCRecognizer
from qtokfeatures.speech.symbols import UNITS

_UPSAMPLE: Final = {"word": 2, "phone": 4, "character": 4}
_STRIDE: Final = {"word": 4, "phone": 2, "character": 2}


def make_word_classifier(
    codec: Any = "mini",
    *,
    codebooks: int | Sequence[int] | None = 1,
    segments: int = 3,
    **options: Any,
) -> Pipeline:
    """Make a pipeline that tells words that are said alone, with calibrated probabilities.

    Give the speaker of each clip as its group.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        As in :class:`~qtokfeatures.QTokenizer`.
    codebooks : int, sequence of int or None, default=1
        Codebooks of the embedding. Codebook 0 of mini alone withstands noise best; all of them
        (None) tell a few words more where there is none (``docs/mini.md``).
    segments : int, default=3
        Parts of a word whose means are taken: with one, a word and its reverse are alike.
    **options : dict
        Those of :func:`make_label_classifier`.

    Returns
    -------
    Pipeline
        Fit it with ``pipe.fit(files, words, classifier__groups=speakers)``.

    See Also
    --------
    make_speech_recognizer : For words that follow each other.

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
    """Make a pipeline from recordings of speech to transcripts.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        As in :class:`ASRFrontEnd`.
    features : {"semantic", "embedding", "tokens", "latent", "logmel", "mfcc"}, default="semantic"
        As in :class:`ASRFrontEnd`; those of librosa are brought to mean 0 and variance 1 over
        each clip, and MFCC have slopes.
    unit : {"word", "character", "phone"}, default="word"
        As in :class:`CTCRecognizer`. Words get 25 steps a second, characters and phones 50.
    **options : dict
        Parameters of :class:`CTCRecognizer`.

    Returns
    -------
    Pipeline
        ``pipe.fit(files, transcripts)``, ``pipe.predict(files)``; its steps are named
        ``asrfrontend`` and ``ctcrecognizer``.

    Raises
    ------
    InputError
        If the unit is unknown.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> pipe = qt.make_speech_recognizer(epochs=5)
    >>> [name for name, _ in pipe.steps], pipe[0].upsample
    (['asrfrontend', 'ctcrecognizer'], 2)
    """
    if unit not in UNITS:
        raise InputError(f"unit must be one of {', '.join(UNITS)}; got {unit!r}")
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
