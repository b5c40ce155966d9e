"""``qtok codec train``: a codec of mini's format, from recordings of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_options import AsJson, Device, Quiet, Seed


def train(
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDERS...]",
            help="Folders of recordings, or of a manifest.csv; not needed to go on with a run.",
            exists=True,
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of the run.")
    ] = Path("run"),
    render: Annotated[
        float,
        typer.Option(
            "--render",
            metavar="SHARE",
            min=0.0,
            help="Also render sounds: 1 is what mini had (202 minutes), 0.1 a tenth of it.",
        ),
    ] = 0.0,
    steps: Annotated[
        float,
        typer.Option("--steps", metavar="SHARE", help="Length of the run: 1 is mini's."),
    ] = 1.0,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes that render.")] = 1,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a codec of mini's format; the same command goes on with a run that was interrupted."""
    from qtokfeatures.training import Recipe, train_mini
    from qtokfeatures.training.render import MINUTES

    minutes = {name: render * value for name, value in MINUTES.items()} if render else None
    weights = train_mini(
        recordings or [],
        output,
        rendered_minutes=minutes,
        recipe=Recipe(seed=seed).shortened(steps),
        device=device,
        jobs=jobs,
        report=_ignored if as_json or quiet else _to_stderr,
    )
    Report(as_json=as_json, quiet=quiet).finish(
        {"weights": weights},
        [f"{weights}: load it with qtokfeatures.load_codec({str(weights)!r}), or --codec"],
    )


def _to_stderr(line: str) -> None:
    typer.echo(line, err=True)


def _ignored(line: str) -> None:
    """Say nothing."""
