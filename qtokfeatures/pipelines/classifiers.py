"""Pipelines from audio to labels: timbre, era, emotion, or any other."""

from __future__ import annotations

from typing import Any

from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from qtokfeatures.estimators import CodeEmbedding, Pipeline, QTokenizer, TokenHistogram
from qtokfeatures.features import BY_LOUDNESS
from qtokfeatures.pipelines.calibrated import GroupCalibratedClassifier


def make_label_classifier(
    codec: Any = "mini",
    *,
    features: Any = "embedding",
    classifier: Any = None,
    method: str = "sigmoid",
    n_splits: int = 5,
    cache: Any = "memory",
    device: str = "auto",
    seed: int = 0,
) -> Pipeline:
    """Make a pipeline that tells labels from audio, with calibrated probabilities.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        As in :class:`~qtokfeatures.QTokenizer`.
    features : {"histogram", "embedding", "both"} or transformer, default="embedding"
        As in QTokenizer; embeddings told most kinds of labels best (``docs/feature-defaults.md``).
        Behind everything but a histogram stands a StandardScaler.
    classifier : classifier, default=None
        Whose scores are calibrated; ``SVC(C=10, class_weight="balanced")`` by default.
    method : {"sigmoid", "isotonic"}, default="sigmoid"
        How they are calibrated.
    n_splits : int, default=5
        Folds of the calibration, at the most.
    cache : "memory", path or None, default="memory"
        As in QTokenizer.
    device : str, default="auto"
        As in QTokenizer.
    seed : int, default=0
        Seed of the folds.

    Returns
    -------
    Pipeline
        Its last step is named ``classifier``: fit it with
        ``pipe.fit(files, labels, classifier__groups=instruments)``, so that the probabilities are
        calibrated on instruments, speakers or tracks that were left out.

    See Also
    --------
    qtokfeatures.pipelines.validate_groups : How well it does on new groups.
    qtokfeatures.pipelines.characteristic_tokens : Which tokens are typical of a class.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> labels = qt.example_labels().query("pitch != '' and label in ('flute', 'guitar')")
    >>> pipe = qt.make_label_classifier()
    >>> files = [qt.example_file(name) for name in labels["file"]]
    >>> pipe = pipe.fit(files, labels["label"], classifier__groups=labels["pitch"])
    >>> pipe.predict_proba(files).shape
    (8, 2)
    """
    steps: list[Any] = [
        ("qtokenizer", QTokenizer(codec, features=features, cache=cache, device=device))
    ]
    if not (isinstance(features, TokenHistogram) or features == "histogram"):
        steps.append(("standardscaler", StandardScaler()))
    if classifier is None:
        classifier = SVC(C=10, class_weight="balanced")
    calibrated = GroupCalibratedClassifier(classifier, method=method, n_splits=n_splits, seed=seed)
    return Pipeline([*steps, ("classifier", calibrated)])


def make_timbre_classifier(codec: Any = "mini", **options: Any) -> Pipeline:
    """Make a pipeline that tells instruments, or other sources of sound.

    Give the physical instrument of each clip as its group: a classifier is asked about
    instruments that it has not heard, not about other notes of the same one.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        As in :class:`~qtokfeatures.QTokenizer`.
    **options : dict
        Those of :func:`make_label_classifier`; `features` is ``CodeEmbedding(pooling=BY_LOUDNESS)``
        by default, which told instruments apart best (``docs/tasks.md``).

    Returns
    -------
    Pipeline

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> [name for name, _ in qt.make_timbre_classifier().steps]
    ['qtokenizer', 'standardscaler', 'classifier']
    """
    features = CodeEmbedding(pooling=BY_LOUDNESS)
    return make_label_classifier(codec, **{"features": features, **options})


def make_era_classifier(codec: Any = "mini", **options: Any) -> Pipeline:
    """Make a pipeline that tells when music was recorded, or composed.

    For recordings, give the track of each clip as its group; for scores, the composer. What it
    learns from simulated recordings (:mod:`qtokfeatures.evaluation.recording_chains`) is the
    simulation: labelled historical recordings were not at hand to check it against.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        As in :class:`~qtokfeatures.QTokenizer`.
    **options : dict
        Those of :func:`make_label_classifier`. Embeddings, its default, told simulated recordings
        apart better than a histogram (``docs/pipelines.md``).

    Returns
    -------
    Pipeline

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> [name for name, _ in qt.make_era_classifier().steps]
    ['qtokenizer', 'standardscaler', 'classifier']
    """
    return make_label_classifier(codec, **options)
