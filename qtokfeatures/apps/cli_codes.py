"""``qtok encode`` and ``qtok decode``: audio to codes files, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_inputs import (
    CODES_SUFFIXES,
    codec_of,
    encode_sounds,
    find_sounds,
    open_codec,
    output_file,
    output_folder,
)
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
from qtokfeatures.apps.file_names import file_stems, refuse_to_overwrite

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


def check_codebook_count(codebooks: int | None, available: int) -> None:
    """Refuse more codebooks than there are.

    Parameters
    ----------
    codebooks : int, optional
        What the user asked for.
    available : int
        How many there are.

    Raises
    ------
    typer.BadParameter
        If it is more than that.
    """
    if codebooks is not None and codebooks > available:
        raise typer.BadParameter(
            f"{codebooks} is more than the {available} codebooks there are",
            param_hint="'--codebooks'",
        )


def codes_summary(ds: xr.Dataset) -> dict[str, object]:
    """Describe codes for a machine."""
    spec = ds.qtok.spec
    return {
        "clips": ds.sizes["clip"],
        "frames": ds.sizes["frame"],
        "codebooks": ds.sizes["codebook"],
        "duration_s": float(ds["duration"].sum()),
        "codec": spec.name,
        "revision": spec.revision,
        "fingerprint": spec.fingerprint,
        "frame_rate": spec.frame_rate,
    }


def codes_line(ds: xr.Dataset) -> str:
    """Describe codes for people."""
    clips = ds.sizes["clip"]
    return (
        f"{clips:,} clip{'s' if clips != 1 else ''}, {float(ds['duration'].sum()):,.1f} s, "
        f"{ds.sizes['codebook']} × {ds.sizes['frame']:,} codes of {ds.qtok.spec.describe()}"
    )


def _decoded_files(ds: xr.Dataset, folder: Path, audio_format: str) -> list[Path]:
    from qtokfeatures.audio.paths import AUDIO_SUFFIXES

    stems = file_stems(map(str, ds["clip"].values), suffixes=AUDIO_SUFFIXES)
    return [folder / f"{stem}_decoded.{audio_format}" for stem in stems]
