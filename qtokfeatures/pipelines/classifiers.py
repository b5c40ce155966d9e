"""Pipelines from audio to labels: timbre, era, emotion and others."""

from __future__ import annotations

from typing import Any

from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from qtokfeatures.estimators import CodeEmbedding, Pipeline, QTokenizer, TokenHistogram
from qtokfeatures.features import BY_LOUDNESS
from qtokfeatures.parameters import one_of, whole
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
    """Make a pipeline that classifies audio, with calibrated probabilities.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        Codec, as in :class:`~qtokfeatures.QTokenizer`.
    features : {"histogram", "embedding", "both"} or transformer, default="embedding"
        Features, as in QTokenizer. Embeddings were best for most kinds of labels
        (``docs/feature-defaults.md``). All features but a histogram are standardised.
    classifier : classifier, default=None
        Classifier to calibrate. None selects ``SVC(C=10, class_weight="balanced")``.
    method : {"sigmoid", "isotonic"}, default="sigmoid"
        Calibration method. Isotonic needs 1000 clips or more.
    n_splits : int, default=5
        Largest number of folds of the calibration.
    cache : "memory", path or None, default="memory"
        Where codes are cached, as in QTokenizer.
    device : str, default="auto"
        Device that encodes, as in QTokenizer.
    seed : int, default=0
        Seed of the folds.

    Returns
    -------
    Pipeline
        Pipeline whose last step is named ``classifier``. Fit it with
        ``pipe.fit(files, labels, classifier__groups=instruments)`` to calibrate the probabilities
        on held-out instruments, speakers or tracks.

    Raises
    ------
    InputError
        If `method` or `n_splits` is invalid.

    See Also
    --------
    qtokfeatures.pipelines.validate_groups : Accuracy on new groups.
    qtokfeatures.pipelines.characteristic_tokens : Tokens that are typical of a class.

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
    one_of("method", method, ("sigmoid", "isotonic"))
    whole("n_splits", n_splits, at_least=2)
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
    """Make a pipeline that classifies instruments or other sound sources.

    Pass the physical instrument of each clip as its group, so that the classifier is evaluated
    and calibrated on new instruments rather than on other notes of the same ones.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        Codec, as in :class:`~qtokfeatures.QTokenizer`.
    **options : dict
        Parameters of :func:`make_label_classifier`. The default of `features` is
        ``CodeEmbedding(pooling=BY_LOUDNESS)``, the best for instruments (``docs/tasks.md``).

    Returns
    -------
    Pipeline
        As returned by :func:`make_label_classifier`.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> [name for name, _ in qt.make_timbre_classifier().steps]
    ['qtokenizer', 'standardscaler', 'classifier']
    """
    features = CodeEmbedding(pooling=BY_LOUDNESS)
    return make_label_classifier(codec, **{"features": features, **options})


def make_era_classifier(codec: Any = "mini", **options: Any) -> Pipeline:
    """Make a pipeline that classifies the era in which music was recorded or composed.

    Pass the track of each recording, or the composer of each score, as its group. Trained on
    simulated recordings (:mod:`qtokfeatures.evaluation.recording_chains`), the classifier learns
    the simulation; it has not been validated on historical recordings.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        Codec, as in :class:`~qtokfeatures.QTokenizer`.
    **options : dict
        Parameters of :func:`make_label_classifier`. On simulated recordings, embeddings (the
        default) were better than a histogram (``docs/pipelines.md``).

    Returns
    -------
    Pipeline
        As returned by :func:`make_label_classifier`.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> [name for name, _ in qt.make_era_classifier().steps]
    ['qtokenizer', 'standardscaler', 'classifier']
    """
    return make_label_classifier(codec, **options)
