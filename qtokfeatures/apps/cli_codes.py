"""``qtok encode`` and ``qtok decode``: audio to codes files, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_inputs import output_file, output_folder
from qtokfeatures.apps.cli_options import (
    AsJson,
    Codebooks,
    CodecName,
    Device,
    Folder,
    Quiet,
    Refine,
    Sounds,
)
from qtokfeatures.studio.file_names import file_stems, refuse_to_overwrite
from qtokfeatures.studio.inputs import (
    CODES_SUFFIXES,
    check_codebook_count,
    codec_of,
    codes_line,
    codes_summary,
    encode_sounds,
    find_sounds,
    open_codec,
)

if TYPE_CHECKING:
    import xarray as xr

FORMATS = ("wav", "flac", "ogg")


def encode(
    files: Sounds,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="Codes file to write: .nc or .zarr."),
    ],
    refine: Refine = 0,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Encode audio into a file of codes."""
    report = Report(as_json=as_json, quiet=quiet)
    output_file(output, CODES_SUFFIXES)
    sounds = find_sounds(files, report)
    refuse_to_overwrite([output], sounds)
    ds = encode_sounds(open_codec(codec, device), sounds, report, refine=refine) if sounds else None
    if ds is None:
        report.finish({"output": None, "clips": 0}, ["nothing was encoded"])
        return
    ds.qtok.save(output)
    report.finish({"output": output, **codes_summary(ds)}, [f"{output}: {codes_line(ds)}"])


def decode(
    codes: Annotated[Path, typer.Argument(metavar="CODES", help="A codes file (.nc or .zarr).")],
    output: Folder,
    codebooks: Codebooks = None,
    audio_format: Annotated[
        str, typer.Option("--format", metavar="|".join(FORMATS), help="Kind of audio file.")
    ] = "wav",
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Decode a file of codes into one audio file per clip, at its original rate and length."""
    from qtokfeatures.audio import write_audio
    from qtokfeatures.labelled import load_codes

    report = Report(as_json=as_json, quiet=quiet)
    if audio_format not in FORMATS:
        raise typer.BadParameter(
            f"{audio_format!r} is not one of {', '.join(FORMATS)}", param_hint="'--format'"
        )
    ds = load_codes(codes)
    check_codebook_count(codebooks, ds.sizes["codebook"])
    targets = _decoded_files(ds, output, audio_format)
    refuse_to_overwrite(targets, [codes, *ds["source"].values.tolist()])
    output_folder(output)
    decoder = codec_of(ds, codec, device)
    with report.tracked(targets, "decode") as shown:
        for index, target in enumerate(shown):
            y, sr = decoder.decode(
                ds.qtok.clip(index)[:codebooks],
                sr=int(ds["sample_rate"][index]),
                length=int(ds["n_samples"][index]),
            )
            write_audio(target, y, sr)
    report.finish(
        {"output": output, "files": targets},
        [f"{output}: {len(targets)} audio files decoded from {codes}"],
    )


def _decoded_files(ds: xr.Dataset, folder: Path, audio_format: str) -> list[Path]:
    from qtokfeatures.audio.paths import AUDIO_SUFFIXES

    stems = file_stems(map(str, ds["clip"].values), suffixes=AUDIO_SUFFIXES)
    return [folder / f"{stem}_decoded.{audio_format}" for stem in stems]
