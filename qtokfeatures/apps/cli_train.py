"""``qtok codec train``: a codec of mini's format, from recordings of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
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
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", metavar="DIR", help="The same as FOLDERS.", exists=True, show_default=False
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="CODEC",
            help="Fit these weights to the recordings instead of training new ones: mini, or a "
            "file or folder of weights of its format.",
            show_default=False,
        ),
    ] = None,
    max_steps: Annotated[
        int,
        typer.Option("--max-steps", min=1, help="With --from: steps at the most."),
    ] = 2000,
    render: Annotated[
        float,
        typer.Option(
            "--render",
            metavar="SHARE",
            min=0.0,
            help="Also render sounds: 1 is what mini had, 0.1 a tenth of it.",
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
    folders = [*(recordings or []), *(data or [])]
    say = Report(as_json=as_json, quiet=quiet)
    report = _ignored if as_json or quiet else _to_stderr
    if start is not None:
        _tune(start, folders, output, max_steps, seed, device, say, report)
        return
    from qtokfeatures.training import Recipe, train_mini
    from qtokfeatures.training.render import MINUTES

    minutes = {name: render * value for name, value in MINUTES.items()} if render else None
    weights = train_mini(
        folders,
        output,
        rendered_minutes=minutes,
        recipe=Recipe(seed=seed).shortened(steps),
        device=device,
        jobs=jobs,
        report=report,
    )
    say.finish({"weights": weights}, [_how_to_load(weights)])


def _tune(
    start: str,
    folders: list[Path],
    output: Path,
    max_steps: int,
    seed: int,
    device: str,
    say: Report,
    report: Callable[[str], None],
) -> None:
    from qtokfeatures.training import tune_mini

    measure_every = max(1, min(100, max_steps // 4))
    done = tune_mini(
        folders,
        output,
        start=start,
        max_steps=max_steps,
        measure_every=measure_every,
        seed=seed,
        device=device,
        report=report,
    )
    change = 100 * (done.after / done.before - 1)
    figures = (
        f"log-mel distance on held-out recordings: {done.before:.4f} before, {done.after:.4f} "
        f"after ({change:+.1f} %), {done.steps} steps"
    )
    lines = [figures, _how_to_load(done.weights)]
    if done.best_step == 0:
        lines.insert(1, "nothing was closer than the weights it began with: they were kept")
    say.finish(asdict(done), lines)


def _how_to_load(weights: Path) -> str:
    return f"{weights}: load it with qtokfeatures.load_codec({str(weights)!r}), or --codec"


def _to_stderr(line: str) -> None:
    typer.echo(line, err=True)


def _ignored(line: str) -> None:
    """Say nothing."""
