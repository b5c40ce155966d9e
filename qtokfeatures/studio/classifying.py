"""Labelled recordings → a measured classifier and its report; recordings → predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.exceptions import InputError
from qtokfeatures.studio.inputs import gather_codes, open_codec

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from qtokfeatures.codecs import Codec
    from qtokfeatures.pipelines import (
        CharacteristicToken,
        Manifest,
        Occurrence,
        StoredClassifier,
        Validation,
    )

_HEARD_PER_CLASS = 3
_EXCERPT_S = 1.0


@dataclass(frozen=True, eq=False)
class TrainedClassifier:
    """A classifier, and what was found out about it.

    Parameters
    ----------
    model : StoredClassifier
        Fitted on all clips.
    validation : Validation
        Predictions for groups left out.
    tokens : list of CharacteristicToken
        What tells the classes apart.
    """

    model: StoredClassifier
    validation: Validation
    tokens: list[CharacteristicToken]

    def numbers(self, written: Sequence[Path]) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        found = self.validation
        return {
            "output": written[0],
            "files": list(written),
            "label": self.model.label,
            "group": self.model.group or None,
            "clips": self.model.n_clips,
            "classes": [str(name) for name in found.classes],
            "folds": int(found.fold.max()) + 1,
            "balanced_accuracy": found.balanced_accuracy,
            "log_loss": found.log_loss,
            "confusion": found.confusion().to_numpy().tolist(),
            "characteristic": [
                {"class": one.label, "codebook": one.codebook, "bin": one.bin, "score": one.score}
                for one in self.tokens
            ],
        }


def train_classifier(
    listed: Manifest,
    *,
    label: str,
    group: str,
    kind: str,
    folds: int,
    seed: int,
    codec: str | None,
    device: str,
    report: Report,
) -> TrainedClassifier | None:
    """Encode recordings, measure a classifier on groups left out, and fit it on all.

    Parameters
    ----------
    listed : Manifest
        The recordings.
    label : str
        What they are labelled with.
    group : str
        What groups are; empty for none.
    kind : str
        Which features.
    folds : int
        Folds at the most.
    seed : int
        Seed of the folds.
    codec : str, optional
        Codec to use.
    device : str
        Where it runs.
    report : Report
        Shows the progress, and is told of recordings that cannot be used.

    Returns
    -------
    TrainedClassifier or None
        None when no recording could be used.

    Raises
    ------
    InputError
        If there are too few classes, or groups of a class.
    """
    import numpy as np

    from qtokfeatures.labelled import CodeSequence
    from qtokfeatures.pipelines import (
        StoredClassifier,
        characteristic_tokens,
        make_label_classifier,
        validate_groups,
    )

    opened = open_codec(codec, device)
    encoded = _encode(opened, listed, report)
    if encoded is None:
        return None
    ds, kept = encoded
    labels = np.array([listed.recordings[row].label for row in kept])
    groups = np.array([listed.recordings[row].group for row in kept]) if group else None
    codes = CodeSequence(ds)
    pipe = make_label_classifier(opened, features=kind, n_splits=folds, seed=seed)
    validation = validate_groups(pipe, codes, labels, groups, n_splits=folds, seed=seed)
    pipe.fit(codes, labels, **({} if groups is None else {"classifier__groups": groups}))
    model = StoredClassifier(
        pipe, label, group, n_clips=len(codes), balanced_accuracy=validation.balanced_accuracy
    )
    return TrainedClassifier(model, validation, characteristic_tokens(pipe, codes, labels, groups))


def write_report(trained: TrainedClassifier, folder: Path) -> list[Path]:
    """Write predictions, confusion matrix and characteristic tokens as tables and as a page.

    Parameters
    ----------
    trained : TrainedClassifier
        The classifier.
    folder : Path
        Where to.

    Returns
    -------
    list of Path
        What was written.
    """
    from qtokfeatures.files import atomic_write
    from qtokfeatures.pipelines import characteristic_table
    from qtokfeatures.studio.classifier_page import classifier_report
    from qtokfeatures.viz.confusion import confusion_figure
    from qtokfeatures.viz.figures import figure_png, write_whole

    found, model = trained.validation, trained.model
    confusion = found.confusion()
    tables = {
        "predictions.csv": found.table(),
        "confusion.csv": confusion.reset_index(),
        "characteristic_tokens.csv": characteristic_table(trained.tokens),
    }
    for name, table in tables.items():
        with atomic_write(folder / name) as fresh:
            table.to_csv(fresh, index=False, encoding="utf-8")
    png = figure_png(
        confusion_figure(confusion.to_numpy(), confusion.columns.tolist(), title=model.label)
    )
    caption = (
        f"Balanced accuracy {found.balanced_accuracy:.2f}, chance {1 / len(found.classes):.2f}; "
        + (f"each {model.group} left out whole." if found.grouped else "clips left out singly.")
    )
    html = classifier_report(
        title=f"{model.label}: {model.n_clips} clips, {len(found.classes)} classes",
        lead=f"Codec {model.codec.name}, revision {model.codec.revision}. Scores of tokens are "
        "log-odds over their standard error.",
        confusion_png=png,
        caption=caption,
        tokens=_heard_tokens(trained),
    )
    write_whole(folder / "confusion.png", png)
    write_whole(folder / "classifier.html", html.encode("utf-8"))
    return [folder / name for name in (*tables, "confusion.png", "classifier.html")]


def predict_labels(
    stored: StoredClassifier,
    files: Sequence[str],
    *,
    codec: str | None,
    device: str,
    report: Report,
) -> pd.DataFrame | None:
    """Predict the labels of recordings or codes.

    Parameters
    ----------
    stored : StoredClassifier
        The classifier.
    files : sequence of str
        What the user typed.
    codec : str, optional
        Where to find its codec, if not under its own name.
    device : str
        Where that runs.
    report : Report
        Shows the progress, and is told of what cannot be used.

    Returns
    -------
    pandas.DataFrame or None
        Clip, label, its probability, and that of every class; None when nothing could be used.

    Raises
    ------
    CodecError
        If the codec found here is not that of the classifier.
    """
    import pandas as pd

    from qtokfeatures.labelled import CodeSequence

    opened = _codec_of(stored, codec, device)
    gathered = gather_codes(files, codec=None, device=device, report=report, opened=opened)
    if gathered is None:
        return None
    codes = CodeSequence(gathered[0])
    pipe = stored.pipeline.set_params(qtokenizer__codec=opened)
    probabilities = pipe.predict_proba(codes)
    best = probabilities.argmax(axis=1)
    table = pd.DataFrame(
        {
            "clip": codes.dataset["clip"].values.astype(str),
            stored.label: [stored.classes[index] for index in best],
            "probability": probabilities.max(axis=1),
        }
    )
    each = {f"p({name})": probabilities[:, i] for i, name in enumerate(stored.classes)}
    return table.assign(**each)


def _codec_of(stored: StoredClassifier, codec: str | None, device: str) -> Codec:
    """Load the classifier's codec, and refuse one of other weights before anything is encoded."""
    from qtokfeatures.estimators.codec_source import find_codec

    if codec is None:
        return find_codec(stored.codec, device=device)
    opened = open_codec(codec, device)
    if opened.spec.fingerprint != stored.codec.fingerprint:
        raise InputError(
            f"the classifier was trained with {stored.codec.name} (revision "
            f"{stored.codec.revision}, fingerprint {stored.codec.fingerprint}), but --codec "
            f"{codec} is {opened.spec.describe()}; their codes do not compare"
        )
    return opened


def _encode(codec: Codec, listed: Manifest, report: Report) -> tuple[xr.Dataset, list[int]] | None:
    """Encode recordings; failures are reported under the row that names them."""
    if not listed.recordings:
        return None
    with report.tracked([one.path for one in listed.recordings], "encode") as shown:
        ds = codec.encode_many(shown, on_error="skip")
    failed = {int(one["index"]): str(one["error"]) for one in ds.qtok.skipped}
    for row, error in failed.items():
        report.fail(listed.recordings[row].place, error)
    kept = [row for row in range(len(listed.recordings)) if row not in failed]
    return (ds, kept) if kept else None


def _heard_tokens(trained: TrainedClassifier) -> dict[str, list[Any]]:
    from qtokfeatures.studio.classifier_page import HeardToken

    by_class: dict[str, list[Any]] = {str(name): [] for name in trained.validation.classes}
    for one in trained.tokens:
        heard = one.examples[:1] if len(by_class[one.label]) < _HEARD_PER_CLASS else ()
        by_class[one.label].append(
            HeardToken(
                codebook=one.codebook,
                bin=one.bin,
                score=one.score,
                share=one.share_here,
                share_elsewhere=one.share_elsewhere,
                examples="; ".join(f"{o.clip} at {o.time_s:.2f} s" for o in one.examples),
                sounds={f"{o.clip} at {o.time_s:.2f} s": s for o in heard if (s := _excerpt(o))},
            )
        )
    return by_class


def _excerpt(where: Occurrence) -> str:
    """Return the second around an occurrence, where the recording is still there."""
    from qtokfeatures.audio import load_audio
    from qtokfeatures.studio.listening import compact_uri

    try:
        clip = load_audio(where.source)
    except (InputError, OSError):
        return ""
    start = max(0, round((where.time_s - _EXCERPT_S / 2) * clip.sr))
    around = clip.y[start : start + round(_EXCERPT_S * clip.sr)]
    return compact_uri(around, clip.sr) if around.size else ""
