"""``qtok classify``: a classifier trained on labelled recordings, and its predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtokfeatures import studio
from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_guard import JobCommand
from qtokfeatures.apps.cli_options import (
    AsJson,
    Cache,
    CodecName,
    Device,
    Features,
    Quiet,
    Seed,
    SoundsOrCodes,
    Threads,
)

if TYPE_CHECKING:
    from qtokfeatures.studio import TrainedClassifier

app = typer.Typer(help="Train and apply classifiers of recordings.", no_args_is_help=True)


@app.callback()
def classify() -> None:
    """Train and apply classifiers of recordings."""


@app.command("train", cls=JobCommand)
def train(
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            exists=True,
            help="CSV with a column of recordings and one of labels, or a folder with one folder "
            "per class.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Model to write: .skops.")
    ],
    label: Annotated[
        str,
        typer.Option("--label", metavar="COLUMN", help="Column of labels; for a folder, any name."),
    ] = "label",
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            metavar="COLUMN",
            help="Column of groups (instrument, speaker, track) that validation never splits; "
            "'none' leaves out single clips. By default the first column named instance, speaker, "
            "track, title, composer or group.",
            show_default=False,
        ),
    ] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option(
            "--group-pattern",
            metavar="REGEX",
            help="For a folder: regular expression whose first group (in parentheses) is the "
            "group in a file name.",
            show_default=False,
        ),
    ] = None,
    features: Features = "embedding",
    folds: Annotated[
        int,
        typer.Option(
            "--folds", metavar="N", min=2, help="Maximum number of folds in cross-validation."
        ),
    ] = 5,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="DIR",
            help="Folder for confusion matrix, characteristic tokens and a page; by default none.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    codec: CodecName = None,
    cache: Cache = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a classifier and validate it on held-out groups."""
    console = Report(as_json=as_json, quiet=quiet, threads=threads)
    with console.job("there was nothing to train on") as on_progress:
        done = studio.train_classifier(
            manifest,
            output=output,
            label=label,
            group=group,
            group_pattern=group_pattern,
            features=features,
            folds=folds,
            report=report,
            seed=seed,
            codec=codec,
            cache=cache,
            device=device,
            on_progress=on_progress,
        )
    console.finish(_train_result(done), _train_lines(done), done.failures)


@app.command("predict", cls=JobCommand)
def predict(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", exists=True, dir_okay=False, help="Model of `qtok classify train`."
        ),
    ],
    files: SoundsOrCodes,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Table to write: .csv; by default none.",
            show_default=False,
        ),
    ] = None,
    codec: CodecName = None,
    cache: Cache = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Predict the label of recordings, with its probability."""
    console = Report(as_json=as_json, quiet=quiet, threads=threads)
    with console.job("there was nothing to predict", {"output": None, "clips": []}) as on_progress:
        done = studio.classify_files(
            model,
            files,
            output=output,
            codec=codec,
            cache=cache,
            device=device,
            on_progress=on_progress,
        )
    clips = done.table.to_dict("records")
    console.finish(
        {"output": output, "label": done.label, "clips": clips},
        [f"{clip['clip']}: {clip[done.label]} ({clip['probability']:.0%})" for clip in clips],
        done.failures,
    )


def _train_result(done: TrainedClassifier) -> dict[str, Any]:
    found = done.validation
    return {
        "output": done.files[0],
        "files": done.files,
        "label": done.model.label,
        "group": done.model.group or None,
        "clips": done.model.n_clips,
        "classes": [str(name) for name in found.classes],
        "folds": int(found.fold.max()) + 1,
        "balanced_accuracy": found.balanced_accuracy,
        "log_loss": found.log_loss,
        "confusion": found.confusion().to_numpy().tolist(),
        "characteristic": [
            {"class": one.label, "codebook": one.codebook, "bin": one.bin, "score": one.score}
            for one in done.tokens
        ],
    }


def _train_lines(done: TrainedClassifier) -> list[str]:
    found = done.validation
    left_out = f"{done.model.group} left out" if found.grouped else "clips left out: flattering"
    chance = 1 / len(found.classes)
    return [
        f"{done.model.n_clips} clips, {len(found.classes)} classes",
        f"balanced accuracy {found.balanced_accuracy:.2f}, chance {chance:.2f}, {left_out}",
        *(f"  {path}" for path in done.files),
    ]
