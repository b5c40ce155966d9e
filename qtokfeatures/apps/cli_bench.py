"""``qtok verify`` and ``qtok bench``: whether a codec is exact, and how good it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtokfeatures.apps.bench_output import BenchOutput
from qtokfeatures.apps.cli_console import Report, print_json
from qtokfeatures.apps.cli_options import (
    AsJson,
    BenchCard,
    BenchData,
    BenchPeers,
    BenchRefine,
    CodecName,
    Device,
)
from qtokfeatures.benches.asr.systems import _EPOCHS, asr_systems
from qtokfeatures.benches.codec.sheets import draw_sheets
from qtokfeatures.benches.digits.features import digit_features
from qtokfeatures.benches.inverse import _HELD_OUT_OF_BUNDLED, bundled_clips
from qtokfeatures.benches.speed.folders import default_folders
from qtokfeatures.benches.tasks.features import _rendered, task_features
from qtokfeatures.exceptions import InputError
from qtokfeatures.studio.inputs import open_codec
from qtokfeatures.studio.output_files import output_folder

if TYPE_CHECKING:
    from qtokfeatures.benches.robustness import RobustnessResult

app = typer.Typer(help="Benches: how good a codec is.", no_args_is_help=True)

_FEATURES = ("histogram", "embedding", "both")


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

    from qtokfeatures import benches

    output = BenchOutput("", card=card)
    if sheet is not None:
        output_folder(sheet)
    opened = open_codec(codec, device)
    selection = benches.ClipSelection(split=split, per_kind=per_kind)
    folder = data or benches.find_shared_audio()
    clips = benches.select_clips(folder, selection, sr=opened.spec.sample_rate)
    with Report(as_json=as_json).stages() as on_progress:
        result = benches.bench_codec(
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
        benches.print_bench(result, Console(), clips=described, intervals=intervals)
    if card is not None:
        markdown = benches.bench_markdown(
            result, clips=described, command=output.command, intervals=True
        )
        benches.update_card(card, markdown)
    if sheet is not None:
        draw_sheets(benches.rank_clips(opened, clips), sheet, opened.spec.name)


@app.command("asr")
def asr(
    data: BenchData = None,
    per_digit: Annotated[
        int,
        typer.Option("--per-digit", metavar="N", min=2, help="Recordings of each digit by each."),
    ] = 15,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="Trainings.")] = 5,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", min=1, help="Of each.")] = _EPOCHS,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Processes.")] = 2,
    work: Annotated[
        Path, typer.Option("--work", metavar="FOLDER", help="Where results are kept; goes on.")
    ] = Path("asr-bench"),
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Draw errors over noise.")
    ] = None,
    card: BenchCard = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Recognise speech by tokens, MFCC and log-mel spectra: clean, in noise, rooms and bands."""
    from qtokfeatures.benches import asr, find_shared_audio

    output = BenchOutput("asr", as_json=as_json, card=card)
    opened, folder = open_codec(codec, device), data or find_shared_audio()
    material = asr.Material(
        utterances=asr.load_utterances(folder, per_digit=per_digit),
        conditions=asr.standard_conditions(
            asr.load_talkers(folder, for_tests=True), asr.load_noises(folder)
        ),
        noise=asr.training_noise(asr.load_talkers(folder, for_tests=False)),
        seeds=range(seeds),
    )
    with output.stages() as on_progress:
        result = asr.bench_asr(
            opened,
            asr_systems(opened, cache=work / "codes", epochs=epochs),
            material,
            work=work,
            n_jobs=jobs,
            on_progress=on_progress,
        )
    if plot is not None:
        from qtokfeatures.viz.error_curves import draw_error_curves
        from qtokfeatures.viz.figures import write_whole

        write_whole(plot, draw_error_curves(asr.error_curves(result)))
    output.show(
        result.to_dict(),
        asr.asr_tables(result),
        lambda command: asr.asr_notes(result, command=command),
    )


@app.command("digits")
def digits(
    data: BenchData = None,
    per_digit: Annotated[
        int,
        typer.Option(
            "--per-digit",
            metavar="N",
            min=2,
            help="Recordings of each digit by each speaker; there are 50.",
        ),
    ] = 15,
    refine: BenchRefine = 0,
    peers: BenchPeers = True,
    card: BenchCard = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Tell spoken digits apart by tokens, beside MFCC, in noise and after decoding."""
    from qtokfeatures.benches import digits, find_shared_audio

    output = BenchOutput("digits", as_json=as_json, card=card)
    opened, folder = open_codec(codec, device), data or find_shared_audio()
    clips = digits.load_digits(folder, per_digit=per_digit)
    with output.stages() as on_progress:
        result = digits.bench_digits(
            opened,
            clips,
            token_features=digit_features(),
            talkers=digits.load_talkers(folder, sr=clips[0].sr),
            training_talkers=digits.load_talkers(folder, sr=clips[0].sr, for_tests=False),
            refine=refine,
            peers=None if peers else (),
            on_progress=on_progress,
        )
    output.show(
        result.to_dict(),
        digits.digit_tables(result),
        lambda command: digits.digit_notes(result, command=command),
    )


@app.command("robustness")
def robustness(
    data: BenchData = None,
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
    card: BenchCard = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Count which codes of speech change in noise, and measure what they tell of phones."""
    from qtokfeatures.benches import ClipSelection, find_shared_audio, select_clips
    from qtokfeatures.benches import robustness as bench
    from qtokfeatures.benches.digits import load_talkers

    output = BenchOutput("robustness", as_json=as_json, card=card)
    earlier = None if before is None else _read_result(before)
    opened, folder = open_codec(codec, device), data or find_shared_audio()
    sr = opened.spec.sample_rate
    selection = ClipSelection(kinds=("speech",), first_s=10.0, per_kind=per_kind)
    with output.stages() as on_progress:
        result = bench.bench_robustness(
            opened,
            clips=select_clips(folder, selection, sr=sr),
            talkers=load_talkers(folder, sr=sr, for_tests=False),
            on_progress=on_progress,
        )
    output.show(
        result.to_dict(),
        bench.robustness_tables(result, before=earlier),
        lambda command: bench.robustness_notes(
            result, before=earlier, clips=selection.describe(), command=command
        ),
    )


@app.command("stability")
def stability(
    data: BenchData = None,
    per_digit: Annotated[
        int,
        typer.Option(
            "--per-digit", metavar="N", min=2, help="Recordings of each digit by each speaker."
        ),
    ] = 5,
    card: BenchCard = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Tell spoken digits apart in noise, counting tokens by how steady they are."""
    from qtokfeatures.benches import digits as bench
    from qtokfeatures.benches import find_shared_audio
    from qtokfeatures.estimators import TokenHistogram

    output = BenchOutput("stability", as_json=as_json, card=card)
    opened, folder = open_codec(codec, device), data or find_shared_audio()
    clips = bench.load_digits(folder, per_digit=per_digit)
    with output.stages() as on_progress:
        result = bench.bench_weighting(
            opened,
            clips,
            histograms={
                "codebook 0": TokenHistogram(codebooks=1),
                "codebooks 0–3": TokenHistogram(codebooks=4),
                "all codebooks": TokenHistogram(),
            },
            talkers=bench.load_talkers(folder, sr=clips[0].sr),
            on_progress=on_progress,
        )
    output.show(
        result.to_dict(),
        bench.weighting_tables(result),
        lambda command: bench.weighting_notes(result, command=command),
    )


def _read_result(path: Path) -> RobustnessResult:
    from qtokfeatures.benches.robustness import RobustnessResult

    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    return RobustnessResult.from_dict(values)


@app.command("tasks")
def tasks(
    data: BenchData = None,
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
    card: BenchCard = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Tell instruments and environments apart by tokens, beside MFCC, log-mel and openSMILE."""
    from qtokfeatures.benches import find_shared_audio
    from qtokfeatures.benches import tasks as bench

    output = BenchOutput("tasks", as_json=as_json, card=card)
    opened, folder = open_codec(codec, device), data or find_shared_audio()
    with output.stages() as on_progress:
        rendered = _rendered(notes, on_progress)
        sounds = bench.note_sounds(rendered)
        result = bench.bench_tasks(
            opened,
            (
                bench.across_soundfonts(rendered, sounds),
                bench.load_instruments(folder, per_instance=clips),
                bench.load_environments(folder, per_class=clips),
                bench.family_clusters(rendered, sounds),
            ),
            token_features=task_features(),
            on_progress=on_progress,
        )
    output.show(
        result.to_dict(),
        bench.task_tables(result),
        lambda command: bench.task_notes(result, command=command),
    )


@app.command("inverse")
def inverse(
    data: BenchData = None,
    per_kind: Annotated[
        int, typer.Option("--per-kind", metavar="N", min=1, help="Held-out clips of each kind.")
    ] = 5,
    fit_per_kind: Annotated[
        int, typer.Option("--fit-per-kind", metavar="N", min=1, help="Clips of each kind to fit.")
    ] = 40,
    card: BenchCard = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Make sounds for the features of clips, and measure how close they come."""
    from qtokfeatures.benches import ClipSelection, find_shared_audio, select_clips
    from qtokfeatures.benches import inverse as bench
    from qtokfeatures.estimators import QTokenizer

    output = BenchOutput("inverse", as_json=as_json, card=card)
    opened, folder = open_codec(codec, device), data or find_shared_audio()
    fit = ClipSelection(split="train", per_kind=fit_per_kind)
    held_out = ClipSelection(split="dev", per_kind=per_kind)
    bundled = bundled_clips()
    with output.stages() as on_progress:
        result = bench.bench_inverse(
            opened,
            {name: QTokenizer(opened, features=name) for name in _FEATURES},
            fitted=[*select_clips(folder, fit), *bundled[0]],
            held_out=[*select_clips(folder, held_out), *bundled[1]],
            on_progress=on_progress,
        )
    described = (
        f"{held_out.describe()} To fit on: the same of split `train`, at most {fit_per_kind} a "
        f"kind. And of the bundled sounds every {_HELD_OUT_OF_BUNDLED}th held out, the others "
        "fitted on."
    )
    output.show(
        result.to_dict(),
        bench.inverse_tables(result),
        lambda command: bench.inverse_notes(result, clips=described, command=command),
    )


@app.command("speed")
def speed(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILES]...",
            help="Your files, folders or globs; by default spoken digits and the bundled sounds.",
            show_default=False,
        ),
    ] = None,
    data: BenchData = None,
    at_most: Annotated[
        int, typer.Option("--clips", metavar="N", min=1, help="At most N spoken digits.")
    ] = 200,
    card: BenchCard = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Time a codec on folders of short clips, in turns with librosa's MFCC."""
    from qtokfeatures.audio import find_audio
    from qtokfeatures.benches.speed.bench import bench_folders
    from qtokfeatures.benches.speed.tables import folder_notes, folder_tables

    output = BenchOutput("speed", as_json=as_json, card=card)
    opened = open_codec(codec, device)
    folders = (
        {"your files": list(find_audio(files))} if files else default_folders(data, at_most=at_most)
    )
    with output.stages() as on_progress:
        result = bench_folders(opened, folders, on_progress=on_progress)
    output.show(
        result.to_dict(),
        folder_tables(result),
        lambda command: folder_notes(result, command=command),
    )
