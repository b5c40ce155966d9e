"""``qtok bench speed``: how long folders of short clips take, beside MFCC."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from qtokfeatures.apps.bench_output import BenchOutput
from qtokfeatures.apps.cli_inputs import open_codec
from qtokfeatures.apps.cli_options import AsJson, BenchCard, BenchData, CodecName, Device
from qtokfeatures.exceptions import InputError


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
    from qtokfeatures.evaluation.folder_speed import bench_folders
    from qtokfeatures.evaluation.folder_tables import folder_notes, folder_tables

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


def default_folders(data: Path | None, *, at_most: int) -> dict[str, Sequence[str | Path]]:
    """Find what is timed by default.

    Parameters
    ----------
    data : Path or None
        Folder with ``manifest.csv``; by default where the shared recordings are.
    at_most : int
        Spoken digits to take.

    Returns
    -------
    dict of str to sequence of path
        The digits, unless there are no shared recordings, and the bundled sounds.
    """
    from qtokfeatures.evaluation import find_shared_audio
    from qtokfeatures.evaluation.digits.recordings import digit_paths
    from qtokfeatures.examples_audio import example_files

    folders: dict[str, Sequence[str | Path]] = {}
    try:
        digits = digit_paths(data or find_shared_audio(), at_most=at_most)
        folders["spoken digits, 8 kHz"] = digits
    except InputError as error:
        if data is not None:
            raise
        typer.echo(f"spoken digits are left out: {error}", err=True)
    return {**folders, "bundled sounds, 24 kHz": list(example_files())}
