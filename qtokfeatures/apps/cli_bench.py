"""``qtok verify`` and ``qtok bench``: whether a codec is exact, and how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qtokfeatures.apps import (
    cli_bench_asr,
    cli_bench_inverse,
    cli_bench_speech,
    cli_bench_speed,
    cli_bench_tasks,
)
from qtokfeatures.apps.bench_output import BenchOutput
from qtokfeatures.apps.bench_sheets import draw_sheets
from qtokfeatures.apps.cli_console import Report, print_json
from qtokfeatures.apps.cli_inputs import open_codec, output_folder
from qtokfeatures.apps.cli_options import (
    AsJson,
    BenchCard,
    BenchData,
    BenchPeers,
    BenchRefine,
    CodecName,
    Device,
)

app = typer.Typer(help="Benches: how good a codec is.", no_args_is_help=True)
app.command("asr")(cli_bench_asr.asr)
app.command("digits")(cli_bench_speech.digits)
app.command("inverse")(cli_bench_inverse.inverse)
app.command("robustness")(cli_bench_speech.robustness)
app.command("stability")(cli_bench_speech.stability)
app.command("speed")(cli_bench_speed.speed)
app.command("tasks")(cli_bench_tasks.tasks)


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


@app.command("codec")
def bench_codec(
    data: BenchData = None,
    split: Annotated[str, typer.Option("--split", help="Rows of the manifest to use.")] = "dev",
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
    refine: BenchRefine = 0,
    peers: BenchPeers = True,
    card: BenchCard = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            metavar="DIR",
            help="Folder for pictures of the ten best and the ten worst clips.",
            show_default=False,
        ),
    ] = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure a codec beside Opus and others: distances, STOI, PESQ, use of codes, speed."""
    from rich.console import Console

    from qtokfeatures import evaluation

    output = BenchOutput("", card=card)
    if sheet is not None:
        output_folder(sheet)
    opened = open_codec(codec, device)
    selection = evaluation.ClipSelection(split=split, per_kind=per_kind)
    folder = data or evaluation.find_shared_audio()
    clips = evaluation.select_clips(folder, selection, sr=opened.spec.sample_rate)
    with Report(as_json=as_json).stages() as on_progress:
        result = evaluation.bench_codec(
            opened,
            clips=clips,
            refine=refine,
            peers=None if peers else (),
            on_progress=on_progress,
        )
    described = selection.describe()
    if as_json:
        print_json(result.to_dict())
    else:
        evaluation.print_bench(result, Console(), clips=described, intervals=intervals)
    if card is not None:
        markdown = evaluation.bench_markdown(
            result, clips=described, command=output.command, intervals=True
        )
        evaluation.update_card(card, markdown)
    if sheet is not None:
        draw_sheets(evaluation.rank_clips(opened, clips), sheet, opened.spec.name)
