"""Classifiers of recordings: trained, measured on groups left out, and applied to files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtokfeatures.exceptions import InputError
from qtokfeatures.progress import Progress
from qtokfeatures.studio.failures import Failure, RequestError, check_choice, check_usable
from qtokfeatures.studio.inputs import (
    FEATURES,
    CodecLike,
    Files,
    encode_sounds,
    file_names,
    gather_codes,
    open_codec,
)
from qtokfeatures.studio.output_files import (
    output_file,
    output_folder,
    refuse_to_overwrite,
    write_page,
    write_table,
)

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
    from qtokfeatures.studio.page import Markup

NO_GROUP = "none"
RESERVED_LABELS = ("clip", "probability")  # columns of predictions beside the label

_REPORT = (
    "predictions.csv",
    "confusion.csv",
    "characteristic_tokens.csv",
    "confusion.png",
    "classifier.html",
)
_PLAYED_PER_CLASS = 3
_EXCERPT_S = 1.0


@dataclass(frozen=True, eq=False)
class TrainedClassifier:
    """A classifier, its cross-validation, and the files written about it.

    Parameters
    ----------
    model : StoredClassifier
        Fitted on all clips.
    validation : Validation
        Predictions for groups left out of training.
    tokens : list of CharacteristicToken
        Tokens that distinguish the classes.
    files : list of pathlib.Path
        The model, then the report.
    failures : list of Failure
        Recordings that could not be used.
    """

    model: StoredClassifier = field(repr=False)
    validation: Validation = field(repr=False)
    tokens: list[CharacteristicToken] = field(repr=False)
    files: list[Path]
    failures: list[Failure]


def train_classifier(
    manifest: str | os.PathLike[str],
    *,
    output: str | os.PathLike[str],
    label: str = "label",
    group: str | None = None,
    group_pattern: str | None = None,
    features: str = "embedding",
    folds: int = 5,
    report: str | os.PathLike[str] | None = None,
    seed: int = 0,
    codec: CodecLike | None = None,
    cache: str | os.PathLike[str] | None = None,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> TrainedClassifier:
    """Train a classifier on labelled recordings, measure it on groups left out, and store it.

    Parameters
    ----------
    manifest : path
        CSV with a column of recordings (``path``, ``file`` …) and one of labels, or a folder with
        one folder per class.
    output : path
        Model to write: ``.skops``.
    label : str, default="label"
        Column of the labels; for a folder, any name.
    group : str, optional
        Column of what is kept whole when measuring: instrument, speaker or track. By default the
        first column named instance, speaker, track, title, composer or group; ``"none"`` leaves
        out single clips, which flatters the result.
    group_pattern : str, optional
        For a folder: regular expression whose first parenthesis finds the group in a file's name.
        By default the folder below that of the class.
    features : {"histogram", "embedding", "both"}, default="embedding"
        As in :class:`~qtokfeatures.QTokenizer`.
    folds : int, default=5
        Most folds of the cross-validation.
    report : path, optional
        Folder for predictions, confusion matrix and characteristic tokens, as tables and a page.
    seed : int, default=0
        Seed of the folds.
    codec : str, path or Codec, optional
        Name or folder of a codec, or a loaded one; mini by default.
    cache : "memory" or path, optional
        Folder of codes, so that the same audio is encoded once, as in
        :class:`~qtokfeatures.QTokenizer`; none by default.
    device : str, default="auto"
        Device of a codec that is loaded by name.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    TrainedClassifier
        Model, validation, characteristic tokens, files written and failures.

    Raises
    ------
    NoUsableInputError
        If none of the recordings can be used.
    InputError
        If a parameter has a wrong value, or there are too few classes, or groups of a class.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> table = qt.example_labels().query("pitch != '' and label in ('flute', 'guitar')")
    >>> table = table.assign(path=[str(qt.example_file(name)) for name in table["file"]])
    >>> table.to_csv("notes.csv", index=False)
    >>> done = qt.studio.train_classifier("notes.csv", group="pitch", output="notes.skops")
    >>> done.model.n_clips, done.failures
    (8, [])
    """
    from qtokfeatures.pipelines import save_classifier

    check_choice(features, FEATURES, "features")
    target = output_file(output, (".skops",))
    source = Path(manifest)
    listed, group_name = _listed(source, label, group, group_pattern)
    failures = [Failure.of(place, error) for place, error in listed.errors]
    check_usable(listed.recordings, failures)
    written = [target]
    if report is not None:
        folder = output_folder(report, parameter="report")
        written += [folder / name for name in _REPORT]
    refuse_to_overwrite(written, [source, *(one.path for one in listed.recordings)])
    _check_groups(listed, group_name, folds=folds, seed=seed)
    opened = open_codec(codec, device)
    ds, kept, unreadable = _encode(opened, listed, cache, on_progress)
    failures += unreadable
    check_usable(kept, failures)
    model, validation, tokens = _trained(
        opened, ds, [listed.recordings[row] for row in kept], label=label, group=group_name,
        features=features, folds=folds, seed=seed,
    )  # fmt: skip
    save_classifier(model, target)
    if report is not None:
        _write_report(model, validation, tokens, folder)
    return TrainedClassifier(model, validation, tokens, written, failures)


@dataclass(frozen=True, eq=False)
class ClassifiedFiles:
    """Predicted labels of files.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per clip: ``clip``, the label (under its name), ``probability``, and ``p(class)``
        for every class.
    label : str
        Name of the label.
    failures : list of Failure
        Files that could not be used.
    """

    table: pd.DataFrame = field(repr=False)
    label: str
    failures: list[Failure]


def classify_files(
    model: str | os.PathLike[str],
    files: Files,
    *,
    output: str | os.PathLike[str] | None = None,
    codec: CodecLike | None = None,
    cache: str | os.PathLike[str] | None = None,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> ClassifiedFiles:
    """Predict the labels of recordings or codes with a stored classifier.

    Parameters
    ----------
    model : path
        Model of :func:`train_classifier`: ``.skops``.
    files : path, URL, or sequence of paths and URLs
        Audio files, folders (searched), patterns and URLs, and codes files (.nc, .zarr).
    output : path, optional
        Table to write: ``.csv``; nothing is written by default.
    codec : str, path or Codec, optional
        The classifier's codec, where it is not found under its own name.
    cache : "memory" or path, optional
        Folder of codes, so that the same audio is encoded once, as in
        :class:`~qtokfeatures.QTokenizer`; none by default.
    device : str, default="auto"
        Device of a codec that is loaded by name.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    ClassifiedFiles
        The table of predictions and the failures.

    Raises
    ------
    NoUsableInputError
        If none of the files can be used.
    InputError
        If the model is no classifier, or was trained with another codec.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> table = qt.example_labels().query("pitch != '' and label in ('flute', 'guitar')")
    >>> table = table.assign(path=[str(qt.example_file(name)) for name in table["file"]])
    >>> table.to_csv("notes.csv", index=False)
    >>> _ = qt.studio.train_classifier("notes.csv", group="pitch", output="notes.skops")
    >>> done = qt.studio.classify_files("notes.skops", qt.example_file("guitar_phrase"))
    >>> done.table.columns.tolist()
    ['clip', 'label', 'probability', 'p(flute)', 'p(guitar)']
    """
    import pandas as pd

    from qtokfeatures.labelled import CodeSequence
    from qtokfeatures.pipelines import load_classifier

    target = None
    if output is not None:
        target = output_file(output, (".csv",))
        refuse_to_overwrite([target], [Path(model), *file_names(files)])
    stored = load_classifier(model)
    opened = _codec_of(stored, codec, device)
    gathered = gather_codes(files, codec=opened, cache=cache, on_progress=on_progress)
    codes = CodeSequence(gathered.dataset)
    pipe = stored.pipeline.set_params(qtokenizer__codec=opened)
    probabilities = pipe.predict_proba(codes)
    table = pd.DataFrame(
        {
            "clip": codes.dataset["clip"].values.astype(str),
            stored.label: [stored.classes[index] for index in probabilities.argmax(axis=1)],
            "probability": probabilities.max(axis=1),
        }
    )
    table = table.assign(
        **{f"p({name})": probabilities[:, column] for column, name in enumerate(stored.classes)}
    )
    if target is not None:
        write_table(target, table, float_format="%.4f")
    return ClassifiedFiles(table, stored.label, gathered.failures)


def _listed(
    manifest: Path, label: str, group: str | None, group_pattern: str | None
) -> tuple[Manifest, str]:
    """Return the recordings and the name of their groups; faults of the table are refused."""
    from qtokfeatures.pipelines import folder_manifest, read_manifest

    try:
        if label in RESERVED_LABELS:
            raise InputError(f"the label {label!r} is the name of another column of predictions")
        if not manifest.is_dir():
            if group_pattern is not None:
                raise InputError("a group pattern is for folders; a table has a column of groups")
            column = _group_column(manifest, group)
            return read_manifest(manifest, label=label, group=column), column or ""
        listed = folder_manifest(manifest, group_pattern=group_pattern)
    except InputError as error:
        raise RequestError(str(error), "manifest") from error
    if group == NO_GROUP:
        return listed, ""
    if not all(one.group for one in listed.recordings):
        raise RequestError(
            f"{manifest}: the speaker or track of each file is unknown; sort the files into "
            "folders below those of the classes, give --group-pattern, or give --group none",
            "group",
        )
    return listed, group or "group"


def _check_groups(listed: Manifest, group: str, *, folds: int, seed: int) -> None:
    """Refuse classes and groups that cannot be split before the first file is read."""
    from qtokfeatures.pipelines import group_splits

    labels = [one.label for one in listed.recordings]
    groups = [one.group for one in listed.recordings] if group else None
    try:
        group_splits(labels, groups, n_splits=folds, seed=seed)
    except InputError as error:
        raise RequestError(str(error), "manifest") from error


def _group_column(manifest: Path, group: str | None) -> str | None:
    from qtokfeatures.pipelines.manifest import GROUP_COLUMNS, default_group, manifest_columns

    if group == NO_GROUP:
        return None
    found = group or default_group(manifest)
    if found is None:
        raise InputError(
            f"{manifest}: expected a column {', '.join(GROUP_COLUMNS)} with the instrument, "
            "speaker or track of each clip; name another one with --group, or give --group none. "
            f"It has {', '.join(manifest_columns(manifest))}, separated by commas"
        )
    return found


def _encode(
    codec: Codec,
    listed: Manifest,
    cache: str | os.PathLike[str] | None,
    on_progress: Progress | None,
) -> tuple[xr.Dataset, list[int], list[Failure]]:
    """Encode recordings; return codes, rows of the usable ones, and failures by row."""
    recordings = listed.recordings
    paths = [one.path for one in recordings]
    ds, _ = encode_sounds(codec, paths, cache=cache, on_progress=on_progress)
    failed = {int(one["index"]): one["error"] for one in ds.qtok.skipped}
    failures = [Failure.of(recordings[row].place, error) for row, error in failed.items()]
    return ds, [row for row in range(len(recordings)) if row not in failed], failures


def _trained(
    codec: Codec,
    ds: xr.Dataset,
    recordings: Sequence[Any],
    *,
    label: str,
    group: str,
    features: str,
    folds: int,
    seed: int,
) -> tuple[StoredClassifier, Validation, list[CharacteristicToken]]:
    import numpy as np

    from qtokfeatures.labelled import CodeSequence
    from qtokfeatures.pipelines import (
        StoredClassifier,
        characteristic_tokens,
        make_label_classifier,
        validate_groups,
    )

    labels = np.array([one.label for one in recordings])
    groups = np.array([one.group for one in recordings]) if group else None
    codes = CodeSequence(ds)
    pipe = make_label_classifier(codec, features=features, n_splits=folds, seed=seed)
    validation = validate_groups(pipe, codes, labels, groups, n_splits=folds, seed=seed)
    pipe.fit(codes, labels, **({} if groups is None else {"classifier__groups": groups}))
    model = StoredClassifier(
        pipe, label, group, n_clips=len(codes), balanced_accuracy=validation.balanced_accuracy
    )
    return model, validation, characteristic_tokens(pipe, codes, labels, groups)


def _codec_of(stored: StoredClassifier, codec: CodecLike | None, device: str) -> Codec:
    """Load the classifier's codec; refuse other weights before anything is encoded."""
    from qtokfeatures.estimators.codec_source import find_codec

    if codec is None:
        return find_codec(stored.codec, device=device)
    opened = open_codec(codec, device)
    if opened.spec.fingerprint != stored.codec.fingerprint:
        raise InputError(
            f"the classifier was trained with {stored.codec.name} (revision "
            f"{stored.codec.revision}, fingerprint {stored.codec.fingerprint}), but the given "
            f"codec is {opened.spec.describe()}; their codes do not compare"
        )
    return opened


def _write_report(
    model: StoredClassifier,
    found: Validation,
    tokens: list[CharacteristicToken],
    folder: Path,
) -> None:
    from qtokfeatures.pipelines import characteristic_table
    from qtokfeatures.studio.page import page, picture
    from qtokfeatures.viz.confusion import confusion_figure
    from qtokfeatures.viz.figures import figure_png, write_whole

    confusion = found.confusion()
    tables = (found.table(), confusion.reset_index(), characteristic_table(tokens))
    for name, table in zip(_REPORT, tables, strict=False):
        write_table(folder / name, table)
    png = figure_png(
        confusion_figure(confusion.to_numpy(), confusion.columns.tolist(), title=model.label)
    )
    caption = (
        f"Balanced accuracy {found.balanced_accuracy:.2f}, chance {1 / len(found.classes):.2f}; "
        + (f"each {model.group} left out whole." if found.grouped else "clips left out singly.")
    )
    html = page(
        f"{model.label}: {model.n_clips} clips, {len(found.classes)} classes",
        [
            picture(png, alt="confusion matrix", caption=caption),
            *(
                _class_section(name, [one for one in tokens if one.label == str(name)])
                for name in found.classes
            ),
        ],
        lead=f"Codec {model.codec.name}, revision {model.codec.revision}. Scores of tokens are "
        "log-odds over their standard error.",
    )
    write_whole(folder / "confusion.png", png)
    write_page(folder / "classifier.html", html)


def _class_section(name: object, tokens: list[CharacteristicToken]) -> Markup:
    from qtokfeatures.studio.page import cards, player, section, table

    header = ("codebook", "bin", "score", "share of frames", "elsewhere", "for example")
    rows = [
        (
            one.codebook,
            one.bin,
            one.score,
            f"{one.share_here:.1%}",
            f"{one.share_elsewhere:.1%}",
            "; ".join(map(_place, one.examples)),
        )
        for one in tokens
    ]
    players = [
        player(_place(where), sound, note=f"codebook {one.codebook}, bin {one.bin}")
        for one in tokens[:_PLAYED_PER_CLASS]
        for where in one.examples[:1]
        if (sound := _excerpt(where))
    ]
    return section(f"Most characteristic tokens: {name}", table(header, rows), cards(players))


def _place(where: Occurrence) -> str:
    return f"{where.clip} at {where.time_s:.2f} s"


def _excerpt(where: Occurrence) -> str:
    """Return the second around an occurrence, or an empty string if the recording is gone."""
    from qtokfeatures.audio import load_audio
    from qtokfeatures.studio.listening import compact_uri

    try:
        clip = load_audio(where.source)
    except (InputError, OSError):
        return ""
    start = max(0, round((where.time_s - _EXCERPT_S / 2) * clip.sr))
    around = clip.y[start : start + round(_EXCERPT_S * clip.sr)]
    return compact_uri(around, clip.sr) if around.size else ""
