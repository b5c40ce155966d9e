"""Classifiers as files: skops, never pickle, and the codec by name, revision and fingerprint.

skops writes a zip of arrays and a description of the objects they belong to; on reading, only
types that are named beforehand are made (https://skops.readthedocs.io/en/stable/persistence.html).
Named here are scikit-learn's, as skops knows them, and those of this package.
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
"""What may be in a file besides what skops trusts itself: all of it is listed, by name."""


@dataclass(frozen=True, eq=False)
class StoredClassifier:
    """A fitted classifier, and what is to be known of it.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; its first step is a QTokenizer.
    label : str
        What it tells, such as ``"instrument"``.
    group : str
        What was kept whole in validation, such as ``"instance"``; empty for nothing.
    n_clips : int
        How many clips it was fitted on.
    balanced_accuracy : float, optional
        Of its validation, if there was one.
    """

    pipeline: Pipeline
    label: str
    group: str = ""
    n_clips: int = 0
    balanced_accuracy: float | None = None

    @property
    def classes(self) -> list[str]:
        """The classes, in the order of the probabilities."""
        return [str(name) for name in self.pipeline.classes_]

    @property
    def codec(self) -> CodecReference:
        """The codec that it was fitted with."""
        return CodecReference.of(self.pipeline[0].spec_)


def save_classifier(
    model: StoredClassifier, path: str | PathLike[str], *, trusted: Iterable[str] = ()
) -> Path:
    """Write a fitted classifier to a file.

    The codec itself is not in it, only what names it; nor is the path of a cache.

    Parameters
    ----------
    model : StoredClassifier
        A fitted classifier.
    path : str or path
        Ends in ``.skops``.
    trusted : iterable of str, default=()
        Full names of types of your own that are part of it; :func:`load_classifier` needs them
        again.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    InputError
        If the suffix is another one, the first step is no QTokenizer, or a type is in it that
        could not be read again.
    NotFittedError
        If it is not fitted.

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
        raise InputError(f"a classifier is written as {SUFFIX}, not as {target.suffix!r}: {target}")
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
            f"the pipeline holds {', '.join(unknown)}, which would not be read again; name such "
            "types in trusted=, here and in load_classifier, if you trust whoever made the file"
        )
    with atomic_write(target) as fresh:
        fresh.write_bytes(content)
    return target


def load_classifier(path: str | PathLike[str], *, trusted: Iterable[str] = ()) -> StoredClassifier:
    """Read a classifier from a file.

    The codec is looked up when it is first needed, by name and revision; a codec of other weights
    is refused then.

    Parameters
    ----------
    path : str or path
        A file of :func:`save_classifier`.
    trusted : iterable of str, default=()
        Full names of types of your own that may be in it.

    Returns
    -------
    StoredClassifier

    Raises
    ------
    InputError
        If it is no such file, or holds types that are not trusted; nothing of it is run.
    """
    source = Path(path)
    content = source.read_bytes()
    try:
        unknown = _unknown_types(content, trusted)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InputError(f"{source}: expected a classifier of `qtok classify train`") from error
    if unknown:
        raise InputError(
            f"{source}: holds types that are not trusted, and is not read: {', '.join(unknown)}"
        )
    found = skops.io.loads(content, trusted=[*TRUSTED, *trusted])
    if not (isinstance(found, dict) and found.pop("format", None) == FORMAT):
        raise InputError(
            f"{source}: expected a classifier of format {FORMAT!r}, got something else"
        )
    return StoredClassifier(**found)


def _detached(pipe: Pipeline) -> Pipeline:
    """Return a copy whose tokenizer names its codec, and neither a cache nor a device."""
    found: Any = getattr(pipe, "best_estimator_", pipe)  # of a search
    steps = getattr(found, "steps", None)
    if not (steps and isinstance(steps[0][1], QTokenizer)):
        raise InputError(
            "expected a Pipeline whose first step is a QTokenizer, got "
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
