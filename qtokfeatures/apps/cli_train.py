"""``qtok codec train``: a codec of mini's format from a user's recordings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtokfeatures.apps.cli_console import Report, say
from qtokfeatures.apps.cli_options import AsJson, Device, Quiet

if TYPE_CHECKING:
    from qtokfeatures.training import Recipe


_MAX_STEPS = 2000


def _checked_steps(value: float | None) -> float | None:
    if value is not None and not 0 < value < math.inf:
        raise typer.BadParameter("expected a finite number above 0")
    return value


def _checked_render(value: float | None) -> float | None:
    if value is not None and not 0 <= value < math.inf:
        raise typer.BadParameter("expected a finite number of at least 0")
    return value


def train(
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDERS...]",
            help="Folders of recordings, or of a manifest.csv; not needed to resume a run.",
            exists=True,
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Folder of the run; created if missing."
        ),
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
            help="Weights to fit to the recordings instead of training new ones: mini, or a file "
            "or folder of its format.",
            show_default=False,
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(
            "--max-steps",
            metavar="N",
            min=1,
            help="With --from: most steps; by default 2000.",
            show_default=False,
        ),
    ] = None,
    render: Annotated[
        float | None,
        typer.Option(
            "--render",
            metavar="SHARE",
            help="Rendered sounds to add, as a share of those mini had; by default none.",
            callback=_checked_render,
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        float | None,
        typer.Option(
            "--steps",
            metavar="SHARE",
            help="Length of the run, as a share of mini's; by default 1.",
            callback=_checked_steps,
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="Processes that render.")
    ] = 1,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            help="Seed of the random numbers of the run; by default 0.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a codec of mini's format; the same command resumes an interrupted run."""
    folders = [*(recordings or []), *(data or [])]
    say = Report(as_json=as_json, quiet=quiet)
    report = _ignored if as_json or quiet else _to_stderr
    if start is not None:
        _refuse({"--steps": steps, "--render": render}, "not with --from: give --max-steps")
        _tune(start, folders, output, max_steps or _MAX_STEPS, seed, device, say, report)
        return
    _refuse({"--max-steps": max_steps}, "only with --from: give --steps")
    from qtokfeatures.rendering import MINUTES
    from qtokfeatures.training import train_mini

    shares = {} if render == 0 else MINUTES
    minutes = None if render is None else {name: render * value for name, value in shares.items()}
    with say.stages() as on_progress:
        weights = train_mini(
            folders,
            output,
            rendered_minutes=minutes,
            recipe=_recipe(output, steps, seed),
            device=device,
            jobs=jobs,
            report=report,
            on_progress=on_progress,
        )
    say.finish({"weights": weights}, [_how_to_load(weights)])


def _recipe(output: Path, steps: float | None, seed: int | None) -> Recipe | None:
    """Return the recipe of the options, completed by that of the stored run."""
    from qtokfeatures.training import Recipe
    from qtokfeatures.training.run import stored_recipe

    if steps is None and seed is None:
        return None
    stored = stored_recipe(output) or Recipe()
    recipe = stored if steps is None else Recipe().shortened(steps)
    return replace(recipe, seed=stored.seed if seed is None else seed)


def _tune(
    start: str,
    folders: list[Path],
    output: Path,
    max_steps: int,
    seed: int | None,
    device: str,
    say: Report,
    report: Callable[[str], None],
) -> None:
    from qtokfeatures.training import tune_mini

    measure_every = max(1, min(100, max_steps // 4))
    with say.stages() as on_progress:
        done = tune_mini(
            folders,
            output,
            start=start,
            max_steps=max_steps,
            measure_every=measure_every,
            seed=seed,
            device=device,
            report=report,
            on_progress=on_progress,
        )
    change = 100 * (done.after / done.before - 1)
    figures = (
        f"log-mel distance on {done.held_out_s:.1f} s of held-out recordings: {done.before:.4f} "
        f"before, {done.after:.4f} after ({change:+.1f} %), {done.steps} steps"
    )
    lines = [figures, _how_to_load(done.weights)]
    if done.best_step == 0:
        lines.insert(1, "no step was closer than the initial weights, which were kept")
    say.finish(asdict(done), lines)


def _refuse(options: dict[str, object], why: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(why, param_hint=name)


def _how_to_load(weights: Path) -> str:
    return f"{weights}: load it with qtokfeatures.load_codec({str(weights)!r}), or --codec"


def _to_stderr(line: str) -> None:
    say(line, err=True)  # above the bar, where there is one


def _ignored(line: str) -> None:
    """Print nothing."""
