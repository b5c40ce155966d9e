"""``qtok verify`` and ``qtok bench``: exactness and quality of a codec."""

from __future__ import annotations

import functools
import inspect
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtokfeatures.apps.cli_console import Report, print_json
from qtokfeatures.apps.cli_options import AsJson, CodecName, Device
from qtokfeatures.studio.inputs import open_codec
from qtokfeatures.studio.output_files import output_folder

if TYPE_CHECKING:
    from qtokfeatures.benches import Measured

app = typer.Typer(help="Measure the quality and speed of a codec.", no_args_is_help=True)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder with manifest.csv; by default audio/ in the folder QTOK_SHARED names.",
        show_default=False,
    ),
]
Card = Annotated[
    Path | None,
    typer.Option(
        "--card",
        metavar="FILE",
        help="Model card to put the figures into, between the bench's markers.",
        show_default=False,
    ),
]
Peers = Annotated[
    bool,
    typer.Option(
        "--peers/--no-peers", help="Measure Opus and others too; most of the time goes into them."
    ),
]
Refine = Annotated[
    int,
    typer.Option(
        "--refine",
        metavar="STEPS",
        min=0,
        help="Steps of refined codes to measure too; 0 for none.",
    ),
]
PerDigit = Annotated[
    int,
    typer.Option(
        "--per-digit", metavar="N", min=2, help="Recordings of each digit by each speaker, of 50."
    ),
]


@app.callback()
def bench() -> None:
    """Benches: how good a codec is."""


def verify(
    seconds: Annotated[
        float, typer.Option("--seconds", min=1.0, help="Length of the synthetic audio, s.")
    ] = 60.0,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Check that codes and audio do not depend on batches, chunks or threads."""
    from rich.console import Console

    from qtokfeatures.evaluation import verify as verify_codec

    found = verify_codec(open_codec(codec, device), seconds=seconds)
    if as_json:
        print_json(found.to_dict())
    else:
        found.print(Console())
    raise typer.Exit(found.status)


def _shared(
    data: Data = None,
    card: Card = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """The options of every bench."""


def _command(name: str) -> Callable[[Callable[..., dict[str, Any]]], Callable[..., None]]:
    """Register the command of a bench, with the options of :func:`_shared` after its own.

    The decorated function takes the bench's own options and returns those of :func:`run_bench`.
    """

    def register(own_options: Callable[..., dict[str, Any]]) -> Callable[..., None]:
        @functools.wraps(own_options)
        def command(
            *,
            data: Path | None,
            card: Path | None,
            codec: str | None,
            device: str,
            as_json: bool,
            **own: Any,
        ) -> None:
            from qtokfeatures.benches import run_bench

            _check_card(card, name)
            options = own_options(**own)
            opened = open_codec(codec, device)
            with Report(as_json=as_json).stages() as on_progress:
                result = run_bench(name, opened, data=data, on_progress=on_progress, **options)
            _show(result, card, as_json=as_json)

        signature = inspect.signature(own_options, eval_str=True)
        shared = inspect.signature(_shared, eval_str=True).parameters.values()
        parameters = [*signature.parameters.values(), *shared]
        command.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=parameters, return_annotation=None
        )
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        return app.command(name)(command)

    return register


def _check_card(card: Path | None, name: str) -> None:
    """Raise before anything is measured if the card has no section of the bench."""
    from qtokfeatures.benches.model_card import check_card

    if card is not None:
        check_card(card, section=_section(name))


def _show(result: Measured, card: Path | None, *, as_json: bool) -> None:
    """Print a result, and write it into the card where there is one."""
    from rich.console import Console

    from qtokfeatures.benches.model_card import update_card

    if as_json:
        print_json(result.to_dict())
    else:
        result.print(Console())
    if card is not None:
        page = result.published().to_markdown(shlex.join(["qtok", *sys.argv[1:]]))
        update_card(card, page, section=_section(result.bench))


def _section(name: str) -> str:
    return "" if name == "codec" else name


@_command("codec")
def codec(
    split: Annotated[str, typer.Option("--split", help="Split of the manifest to use.")] = "dev",
    per_kind: Annotated[
        int | None,
        typer.Option(
            "--per-kind",
            metavar="N",
            min=1,
            help="At most N clips of each kind; by default all.",
            show_default=False,
        ),
    ] = None,
    intervals: Annotated[
        bool,
        typer.Option(
            "--intervals", help="Add 95 % bootstrap intervals on the terminal; cards have them."
        ),
    ] = False,
    refine: Refine = 0,
    peers: Peers = True,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            metavar="DIR",
            help="Folder for pictures of the ten best and the ten worst clips.",
            show_default=False,
        ),
    ] = None,
) -> dict[str, Any]:
    """Measure a codec beside Opus and others: distances, STOI, PESQ, use of codes, speed."""
    if sheet is not None:
        output_folder(sheet)
    return {
        "split": split,
        "per_kind": per_kind,
        "intervals": intervals,
        "refine": refine,
        "peers": None if peers else (),
        "sheet": sheet,
    }


@_command("asr")
def asr(
    per_digit: PerDigit = 15,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", metavar="N", min=1, help="Number of trainings, each with its own seed."
        ),
    ] = 5,
    epochs: Annotated[
        int, typer.Option("--epochs", metavar="N", min=1, help="Epochs of each training.")
    ] = 30,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="Number of parallel processes.")
    ] = 2,
    work: Annotated[
        Path,
        typer.Option(
            "--work", metavar="FOLDER", help="Where results are kept; an interrupted run resumes."
        ),
    ] = Path("asr-bench"),
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Draw errors over noise.")
    ] = None,
) -> dict[str, Any]:
    """Recognise speech by tokens, MFCC and log-mel spectra: clean, in noise, rooms and bands."""
    return {
        "per_digit": per_digit,
        "seeds": seeds,
        "epochs": epochs,
        "jobs": jobs,
        "work": work,
        "plot": plot,
    }


@_command("digits")
def digits(per_digit: PerDigit = 15, refine: Refine = 0, peers: Peers = True) -> dict[str, Any]:
    """Classify spoken digits by tokens, beside MFCC, in noise and after decoding."""
    return {"per_digit": per_digit, "refine": refine, "peers": None if peers else ()}


@_command("robustness")
def robustness(
    per_kind: Annotated[
        int | None,
        typer.Option(
            "--clips",
            metavar="N",
            min=1,
            help="At most N clips of speech; by default all of split dev.",
            show_default=False,
        ),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            "--before",
            metavar="FILE",
            help="What --json printed for another codec or version, to set beside this one.",
            show_default=False,
        ),
    ] = None,
) -> dict[str, Any]:
    """Count which codes of speech change in noise, and measure their information on phones."""
    return {"per_kind": per_kind, "before": before}


@_command("stability")
def stability(per_digit: PerDigit = 5) -> dict[str, Any]:
    """Classify spoken digits in noise, weighting tokens by their stability."""
    return {"per_digit": per_digit}


@_command("tasks")
def tasks(
    notes: Annotated[
        int,
        typer.Option("--notes", metavar="N", min=2, help="Notes of each instrument, rendered."),
    ] = 16,
    clips: Annotated[
        int,
        typer.Option(
            "--clips",
            metavar="N",
            min=1,
            help="At most N recordings of each instance, and of each class in a fold of ESC-10.",
        ),
    ] = 10,
    conditions: Annotated[
        bool,
        typer.Option(
            "--conditions/--no-conditions",
            help="Test in noise, MP3, a room and others too: thirteen times the work.",
        ),
    ] = True,
) -> dict[str, Any]:
    """Classify instruments and environments by tokens, beside MFCC, log-mel and openSMILE."""
    return {"notes": notes, "clips": clips, "conditions": conditions}


@_command("inverse")
def inverse(
    per_kind: Annotated[
        int, typer.Option("--per-kind", metavar="N", min=1, help="Held-out clips of each kind.")
    ] = 5,
    fit_per_kind: Annotated[
        int, typer.Option("--fit-per-kind", metavar="N", min=1, help="Clips of each kind to fit.")
    ] = 40,
) -> dict[str, Any]:
    """Make sounds for the features of clips, and measure how close they come."""
    return {"per_kind": per_kind, "fit_per_kind": fit_per_kind}


@_command("speed")
def speed(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILES]...",
            help="Your files, folders or globs; by default spoken digits and the bundled sounds.",
            show_default=False,
        ),
    ] = None,
    clips: Annotated[
        int, typer.Option("--clips", metavar="N", min=1, help="At most N spoken digits.")
    ] = 200,
) -> dict[str, Any]:
    """Time a codec on folders of short clips, in turns with librosa's MFCC."""
    return {"files": files, "clips": clips}
