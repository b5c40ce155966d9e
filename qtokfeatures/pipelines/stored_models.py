"""Classifiers stored as skops files, with the codec by name, revision and fingerprint.

skops instantiates only types that are trusted by name
(https://skops.readthedocs.io/en/stable/persistence.html): scikit-learn's and those listed here.
"""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import skops.io

from qtokfeatures.estimators import QTokenizer
from qtokfeatures.estimators.codec_source import CodecReference
from qtokfeatures.exceptions import InputError, NotFittedError
from qtokfeatures.files import atomic_write

if TYPE_CHECKING:
    from qtokfeatures.estimators import Pipeline

FORMAT: Final = "qtokfeatures-classifier-1"
SUFFIX: Final = ".skops"

# Types that a file may contain beside those that skops trusts by default.
TRUSTED: Final = (
    "qtokfeatures.estimators.codec_source.CodecReference",
    "qtokfeatures.estimators.embedding.CodeEmbedding",
    "qtokfeatures.estimators.frame_bank.FrameBank",
    "qtokfeatures.estimators.histogram.TokenHistogram",
    "qtokfeatures.estimators.pipeline.Pipeline",
    "qtokfeatures.estimators.presets.HistogramAndEmbedding",
    "qtokfeatures.estimators.tokenizer.QTokenizer",
    "qtokfeatures.labelled.spec.CodecSpec",
    "qtokfeatures.pipelines.calibrated.GroupCalibratedClassifier",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
)


@dataclass(frozen=True, eq=False)
class StoredClassifier:
    """Fitted classifier with its description.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted pipeline whose first step is a QTokenizer.
    label : str
        Name of the predicted label, such as ``"instrument"``.
    group : str, default=""
        Name of the groups held out in validation, such as ``"instance"``; empty for none.
    n_clips : int, default=0
        Number of clips that the pipeline was fitted on.
    balanced_accuracy : float, default=None
        Balanced accuracy in validation; None without validation.
    """

    pipeline: Pipeline
    label: str
    group: str = ""
    n_clips: int = 0
    balanced_accuracy: float | None = None

    @property
    def classes(self) -> list[str]:
        """Classes, in the order of the probabilities."""
        return [str(name) for name in self.pipeline.classes_]

    @property
    def codec(self) -> CodecReference:
        """Name, revision and fingerprint of the codec."""
        return CodecReference.of(self.pipeline[0].spec_)


def save_classifier(
    model: StoredClassifier, path: str | PathLike[str], *, trusted: Iterable[str] = ()
) -> Path:
    """Write a fitted classifier to a file.

    The file contains the name, revision and fingerprint of the codec, but neither its weights nor
    the path of a cache.

    Parameters
    ----------
    model : StoredClassifier
        Fitted classifier.
    path : str or path
        File to write, with the suffix ``.skops``.
    trusted : iterable of str, default=()
        Full names of types outside scikit-learn and this package to allow in the file. Pass them to
        :func:`load_classifier` as well.

    Returns
    -------
    pathlib.Path
        The written file.

    Raises
    ------
    InputError
        If the suffix is not ``.skops``, the first step is not a QTokenizer, or the pipeline
        contains a type that is not trusted.
    NotFittedError
        If the pipeline is not fitted.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> labels = qt.example_labels().query("pitch != '' and label in ('flute', 'guitar')")
    >>> files = [qt.example_file(name) for name in labels["file"]]
    >>> pipe = qt.make_timbre_classifier().fit(files, labels["label"])
    >>> path = save_classifier(StoredClassifier(pipe, "instrument"), "timbre.skops")
    >>> load_classifier(path).classes
    ['flute', 'guitar']
    """
    target = Path(path)
    if target.suffix.lower() != SUFFIX:
        raise InputError(f"{target}: expected the suffix {SUFFIX}, got {target.suffix!r}")
    card = {
        "format": FORMAT,
        "label": model.label,
        "group": model.group,
        "n_clips": int(model.n_clips),
        "balanced_accuracy": model.balanced_accuracy,
    }
    content = skops.io.dumps({**card, "pipeline": _detached(model.pipeline)})
    unknown = _unknown_types(content, trusted)
    if unknown:
        raise InputError(
            f"the pipeline contains types that load_classifier does not trust: "
            f"{', '.join(unknown)}; pass their names as trusted= when saving and loading"
        )
    with atomic_write(target) as fresh:
        fresh.write_bytes(content)
    return target


def load_classifier(path: str | PathLike[str], *, trusted: Iterable[str] = ()) -> StoredClassifier:
    """Read a classifier from a file.

    The codec is loaded by name and revision on first use, which raises CodecError if its weights
    differ.

    Parameters
    ----------
    path : str or path
        File written by :func:`save_classifier`.
    trusted : iterable of str, default=()
        Full names of further types to allow in the file. Only name types of authors you trust.

    Returns
    -------
    StoredClassifier
        The classifier and its description.

    Raises
    ------
    InputError
        If the file is not a stored classifier, is damaged, or contains types that are not trusted.
        No code from the file is run.
    """
    source = Path(path)
    content = source.read_bytes()
    try:
        unknown = _unknown_types(content, trusted)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InputError(f"{source}: expected a classifier of `qtok classify train`") from error
    if unknown:
        raise InputError(f"{source}: contains types that are not trusted: {', '.join(unknown)}")
    found = skops.io.loads(content, trusted=[*TRUSTED, *trusted])
    if not (isinstance(found, dict) and found.pop("format", None) == FORMAT):
        raise InputError(
            f"{source}: expected a classifier of format {FORMAT!r}, got something else"
        )
    return StoredClassifier(**found)


def _detached(pipe: Pipeline) -> Pipeline:
    """Return a copy whose tokenizer names its codec, and neither a cache nor a device."""
    found: Any = getattr(pipe, "best_estimator_", pipe)  # a fitted search
    steps = getattr(found, "steps", None)
    if not (steps and isinstance(steps[0][1], QTokenizer)):
        raise InputError(
            "expected a pipeline whose first step is a QTokenizer, got "
            + type(steps[0][1] if steps else found).__name__
        )
    tokenizer = steps[0][1]
    if not (hasattr(tokenizer, "spec_") and hasattr(steps[-1][1], "classes_")):
        raise NotFittedError("the classifier is not fitted yet; call fit first")
    bare = copy.copy(tokenizer)
    bare.codec, bare.cache, bare.device = CodecReference.of(tokenizer.spec_), "memory", "auto"
    stored: Pipeline = copy.copy(found)
    stored.steps = [(steps[0][0], bare), *steps[1:]]
    stored.memory = None
    return stored


def _unknown_types(content: bytes, trusted: Iterable[str]) -> list[str]:
    untrusted = skops.io.get_untrusted_types(data=content)
    return sorted(set(untrusted) - set(TRUSTED) - set(trusted))
