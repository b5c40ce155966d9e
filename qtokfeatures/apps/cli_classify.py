"""``qtok classify``: train a classifier on labelled recordings, and use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_features import Kind
from qtokfeatures.apps.cli_inputs import output_file, output_folder
from qtokfeatures.apps.cli_options import (
    AsJson,
    CodecName,
    Device,
    Quiet,
    Seed,
    SoundsOrCodes,
)
from qtokfeatures.exceptions import InputError
from qtokfeatures.studio.file_names import refuse_to_overwrite
from qtokfeatures.studio.inputs import check_kind

if TYPE_CHECKING:
    from qtokfeatures.pipelines import Manifest
    from qtokfeatures.studio.classifying import TrainedClassifier

NO_GROUP = "none"

RESERVED = ("clip", "probability")
"""Columns of predictions beside the label."""

app = typer.Typer(help="Classifiers of recordings: train and use them.", no_args_is_help=True)


@app.callback()
def classify() -> None:
    """Classifiers of recordings: train and use them."""


@app.command("train")
def train(
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            exists=True,
            help="CSV with a column of recordings and one of labels; or a folder with one folder "
            "for each class.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Model to write: .skops.")
    ],
    label: Annotated[
        str,
        typer.Option("--label", metavar="COLUMN", help="What to tell; of a folder, any name."),
    ] = "label",
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            metavar="COLUMN",
            help="What is kept whole when measuring: the instrument, speaker or track; 'none' for "
            "nothing. By default the first column named instance, speaker, track, title, composer "
            "or group.",
            show_default=False,
        ),
    ] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option(
            "--group-pattern",
            metavar="REGEX",
            help="Of a folder: what finds the group in a file's name, in parentheses.",
            show_default=False,
        ),
    ] = None,
    kind: Kind = "embedding",
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds at the most.")] = 5,
    report_to: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="DIR",
            help="Folder for the confusion matrix, the characteristic tokens and a page.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a classifier, and measure it on groups that it has not heard."""
    from qtokfeatures.pipelines import save_classifier
    from qtokfeatures.studio.classifying import train_classifier, write_report

    report = Report(as_json=as_json, quiet=quiet)
    check_kind(kind)
    output_file(output, (".skops",))
    listed = _listed(manifest, label, group, group_pattern)
    for place, error in listed.errors:
        report.fail(place, error)
    trained = train_classifier(
        listed,
        label=label,
        group=_group_name(manifest, group),
        kind=kind,
        folds=folds,
        seed=seed,
        codec=codec,
        device=device,
        report=report,
    )
    if trained is None:
        report.finish({"output": None, "clips": 0}, ["there was nothing to train on"])
        return
    refuse_to_overwrite([output], [manifest, *(one.path for one in listed.recordings)])
    save_classifier(trained.model, output)
    written = [output]
    if report_to is not None:
        written += write_report(trained, output_folder(report_to))
    report.finish(trained.numbers(written), _summary(trained, written))


@app.command("predict")
def predict(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", exists=True, dir_okay=False, help="File of `qtok classify train`."
        ),
    ],
    files: SoundsOrCodes,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Table to write as well: .csv.",
            show_default=False,
        ),
    ] = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Tell the label of recordings, with its probability."""
    from qtokfeatures.pipelines import load_classifier
    from qtokfeatures.studio.classifying import predict_labels

    report = Report(as_json=as_json, quiet=quiet)
    if output is not None:
        output_file(output, (".csv",))
        refuse_to_overwrite([output], [model, *files])
    stored = load_classifier(model)
    table = predict_labels(stored, files, codec=codec, device=device, report=report)
    if table is None:
        report.finish({"output": None, "clips": []}, ["there was nothing to predict"])
        return
    if output is not None:
        from qtokfeatures.files import atomic_write

        with atomic_write(output) as fresh:
            table.to_csv(fresh, index=False, encoding="utf-8", float_format="%.4f")
    report.finish(
        {"output": output, "label": stored.label, "clips": table.to_dict("records")},
        [
            f"{row['clip']}: {row[stored.label]} ({row['probability']:.0%})"
            for row in table.to_dict("records")
        ],
    )


def _listed(manifest: Path, label: str, group: str | None, group_pattern: str | None) -> Manifest:
    """Read what is to be learnt from; what is wrong with the table as a whole is about usage."""
    from qtokfeatures.pipelines import folder_manifest, read_manifest

    try:
        if label in RESERVED:
            raise InputError(f"--label {label}: predictions have a column of that name already")
        if not manifest.is_dir():
            if group_pattern is not None:
                raise InputError("--group-pattern is for folders; a table has --group")
            return read_manifest(manifest, label=label, group=_column(manifest, group))
        listed = folder_manifest(manifest, group_pattern=group_pattern)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="'MANIFEST'") from error
    if group != NO_GROUP and not all(one.group for one in listed.recordings):
        raise typer.BadParameter(
            f"{manifest}: nothing says which speaker or track each file is of; sort them into "
            "folders below those of the classes, or give --group-pattern, or say --group none",
            param_hint="'--group'",
        )
    return listed


def _column(manifest: Path, group: str | None) -> str | None:
    """Return the column of groups; that there is none has to be said."""
    from qtokfeatures.pipelines import default_group
    from qtokfeatures.pipelines.manifest import GROUP_COLUMNS, manifest_columns

    if group == NO_GROUP:
        return None
    found = group or default_group(manifest)
    if found is None:
        raise InputError(
            f"{manifest}: no column {', '.join(GROUP_COLUMNS)} that says which instrument, speaker "
            "or track a clip is of; name it with --group, or say --group none. It has "
            f"{', '.join(manifest_columns(manifest))}, parted by commas"
        )
    return found


def _group_name(manifest: Path, group: str | None) -> str:
    if group == NO_GROUP:
        return ""
    return group or "group" if manifest.is_dir() else str(_column(manifest, group))


def _summary(trained: TrainedClassifier, written: list[Path]) -> list[str]:
    found = trained.validation
    left_out = f"{trained.model.group} left out" if found.grouped else "clips left out: flattering"
    chance = 1 / len(found.classes)
    return [
        f"{trained.model.n_clips} clips, {len(found.classes)} classes",
        f"balanced accuracy {found.balanced_accuracy:.2f}, chance {chance:.2f}, {left_out}",
        *(f"  {path}" for path in written),
    ]
