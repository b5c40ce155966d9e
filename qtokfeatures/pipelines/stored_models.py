"""Classifiers stored as skops files, with the codec by name, revision and fingerprint.

skops instantiates only types that are trusted by name
(https://skops.readthedocs.io/en/stable/persistence.html): scikit-learn's and those listed here.
"""

from __future__ import annotations

import copy
import io
import json
import time
import warnings
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import skops.io
from sklearn.svm._base import BaseSVC

from qtokfeatures.estimators import QTokenizer, TokenHistogram
from qtokfeatures.estimators.base import choose_codebooks
from qtokfeatures.estimators.codec_source import CodecReference
from qtokfeatures.exceptions import InputError, NotFittedError
from qtokfeatures.files import atomic_write
from qtokfeatures.labelled import CodecSpec, CodeSequence, build_codes
from qtokfeatures.parameters import optional, share, whole

if TYPE_CHECKING:
    from qtokfeatures.estimators import Pipeline

FORMAT: Final = "qtokfeatures-classifier-1"
SUFFIX: Final = ".skops"

_SHOWN: Final = 200  # characters of a fault in a message
_MOST_CODEBOOKS: Final = 256  # far above any codec; bounds the memory of a check
_MOST_COMPRESSED: Final = 100  # of sparse arrays: ten times what text compresses to

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
    target = Path(path).expanduser()
    if target.suffix.lower() != SUFFIX:
        raise InputError(f"{target}: expected the suffix {SUFFIX}, got {target.suffix!r}")
    card = {
        "format": FORMAT,
        "label": model.label,
        "group": model.group,
        "n_clips": int(model.n_clips),
        "balanced_accuracy": model.balanced_accuracy,
    }
    pipe = _detached(model.pipeline)
    content = _packed({**card, "pipeline": pipe, "probed": _fault_of(pipe) is None})
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
        If the file cannot be read, is not a stored classifier, is damaged, or contains types that
        are not trusted. No code from the file is run.
    """
    source = Path(path).expanduser()
    try:
        content = source.read_bytes()
        _check_sizes(content)
        unknown = _unknown_types(content, trusted)
        if not unknown:
            return _restored(skops.io.loads(content, trusted=[*TRUSTED, *trusted]))
    except Exception as error:
        raise InputError(
            f"{source}: expected a classifier written by save_classifier ({error!s:.{_SHOWN}})"
        ) from error
    raise InputError(f"{source}: contains types that are not trusted: {', '.join(unknown)}")


class _UndatedZip(zipfile.ZipFile):
    """Archive with the date of ZipInfo, 1980, for clocks outside the range of zip."""

    def writestr(self, zinfo_or_arcname: Any, data: Any, *args: Any, **options: Any) -> None:
        super().writestr(zipfile.ZipInfo(zinfo_or_arcname), data, *args, **options)


def _packed(content: dict[str, Any]) -> bytes:
    """Return a skops archive."""
    if 1980 <= time.localtime().tm_year < 2108:  # the years that a zip archive can store
        return bytes(skops.io.dumps(content))
    from skops.io import _persist

    # As skops.io.dumps, which offers no other way to set the dates.
    buffer = io.BytesIO()
    with _UndatedZip(buffer, "w") as packed:
        context = _persist.SaveContext(zip_file=packed)
        state = _persist.get_state(content, context)
        context.clear_memo()
        state |= {"protocol": context.protocol, "_skops_version": skops.__version__}
        packed.writestr("schema.json", json.dumps(state))
    return buffer.getvalue()


def _check_sizes(content: bytes) -> None:
    """Raise ValueError for an archive that unpacks to more than its own size.

    save_classifier stores members uncompressed. scipy's sparse arrays are compressed archives
    within.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if _unpacked_size(packed) > len(content):
            raise ValueError("its members are larger than the file")
        for member in packed.infolist():
            with packed.open(member) as opened:
                inner = io.BytesIO(opened.read())
            if zipfile.is_zipfile(inner):
                with zipfile.ZipFile(inner) as nested:
                    if _unpacked_size(nested) > _MOST_COMPRESSED * len(content):
                        raise ValueError(f"{member.filename} unpacks to many times its size")


def _unpacked_size(packed: zipfile.ZipFile) -> int:
    return sum(member.file_size for member in packed.infolist())


def _restored(found: Any) -> StoredClassifier:
    """Return the classifier of a file; a fault raises an exception of any kind."""
    if not (isinstance(found, dict) and found.pop("format", None) == FORMAT):
        raise InputError(f"expected the format {FORMAT!r}, got something else")
    is_probed = found.pop("probed", False)
    model = StoredClassifier(**found)
    for name in ("label", "group"):
        if not isinstance(getattr(model, name), str):
            raise InputError(f"{name} must be text, got {getattr(model, name)!r}")
    whole("n_clips", model.n_clips, at_least=0)
    optional(share, "balanced_accuracy", model.balanced_accuracy)
    # A file sets neither a cache, which would write to its path, nor a device.
    pipe = _detached(model.pipeline)
    CodecSpec.from_attrs(pipe[0].spec_.to_attrs())
    fault = _fault_of(pipe) if is_probed else None
    if fault is not None:
        raise fault
    return replace(model, pipeline=pipe)


def _fault_of(pipe: Pipeline) -> Exception | None:
    """Return what prevents histograms of all codes and the prediction of a clip of zeros.

    Embeddings are left out, as they need the codec.
    """
    try:
        _check_histograms(pipe[0])
        _check_machines(pipe[-1])
        n_features = len(pipe[0].get_feature_names_out())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = np.asarray(pipe[1:].predict_proba(np.zeros((1, n_features))))
        if found.shape != (1, len(pipe.classes_)) or not np.isfinite(found).all():
            return ValueError("the classifier predicts no probabilities of its classes")
    except Exception as error:  # noqa: BLE001  (steps may be of any type)
        return error
    return None


def _check_histograms(tokenizer: QTokenizer) -> None:
    spec, features = tokenizer.spec_, tokenizer.features_
    if spec.n_codebooks > _MOST_CODEBOOKS:
        raise ValueError(f"a codec of {spec.n_codebooks} codebooks")
    every = np.tile(np.arange(spec.codebook_size, dtype=np.int16), (spec.n_codebooks, 1))
    n_samples, rate = [spec.codebook_size * spec.hop_length], [spec.sample_rate]
    codes = build_codes([every], spec=spec, n_samples=n_samples, sample_rates=rate, sources=[""])
    for part in getattr(features, "parts_", [features]):
        choose_codebooks(list(part.codebooks_), spec.n_codebooks)
        if isinstance(part, TokenHistogram):
            part.transform(CodeSequence(codes))


def _check_machines(classifier: Any) -> None:
    """Raise ValueError for support vector machines whose arrays libsvm would read past."""
    # ruff: noqa: SLF001  (scikit-learn passes these private arrays to libsvm unchecked)
    calibrated = getattr(classifier, "calibrated_", classifier)
    for each in getattr(calibrated, "calibrated_classifiers_", [calibrated]):
        machine = getattr(each, "estimator", each)
        if isinstance(machine, BaseSVC):
            n_classes, n_vectors = len(machine.classes_), machine.support_vectors_.shape[0]
            pairs = n_classes * (n_classes - 1) // 2
            counts = np.asarray(machine.n_support_)
            if not (
                machine._dual_coef_.shape == (n_classes - 1, n_vectors)
                and np.shape(machine._intercept_) == (pairs,)
                and counts.shape == (n_classes,)
                and (counts >= 0).all()
                and counts.sum() == n_vectors
                and len(machine.support_) == n_vectors
                and machine.support_vectors_.shape[1] == machine.n_features_in_
                and {len(machine._probA), len(machine._probB)} <= {0, pairs}
            ):
                raise ValueError("the arrays of the support vector machine do not fit together")


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
