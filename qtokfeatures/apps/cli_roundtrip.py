"""``qtok roundtrip``: encode, decode, and compare by ear and eye."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_inputs import output_folder
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
from qtokfeatures.studio.inputs import check_codebook_count, find_sounds, open_codec
from qtokfeatures.studio.roundtrip_page import _there_and_back, roundtrip_files, write_page

if TYPE_CHECKING:
    pass


def roundtrip(
    files: Sounds,
    output: Folder,
    codebooks: Codebooks = None,
    refine: Refine = 0,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Encode and decode audio; write both versions, pictures, numbers and a page to compare."""
    from qtokfeatures.audio.paths import AUDIO_SUFFIXES
    from qtokfeatures.studio.roundtrip_page import roundtrip_report

    report = Report(as_json=as_json, quiet=quiet)
    output_folder(output)
    sounds = find_sounds(files, report, output=output)
    stems = file_stems([Path(sound).name for sound in sounds], suffixes=AUDIO_SUFFIXES)
    outputs = [roundtrip_files(output, stem) for stem in stems]
    page = output / "report.html"
    refuse_to_overwrite([page, *(path for made in outputs for path in made.values())], sounds)
    opened = open_codec(codec, device)
    check_codebook_count(codebooks, opened.spec.n_codebooks)
    done = _there_and_back(
        opened, list(zip(sounds, outputs, strict=True)), codebooks, refine, report
    )
    if not done:
        report.finish({"output": None, "clips": []}, ["nothing was encoded"])
        return
    html = roundtrip_report([one for one, _ in done], pictures=[drawn for _, drawn in done])
    write_page(page, html)
    clips = [{"name": one.name, **one.numbers} for one, _ in done]
    report.finish(
        {"output": output, "report": page, "clips": clips},
        [*map(_line, clips), f"Open {page} in a browser to listen and compare."],
    )


def _line(clip: Mapping[str, Any]) -> str:
    from qtokfeatures.studio.roundtrip import speed_text

    refined = f" (refine={clip['refine']})" if clip["refine"] else ""
    return (
        f"{clip['name']}: {clip['duration_s']:.2f} s, {clip['codebooks']} × {clip['frames']} "
        f"codes, {clip['bit_rate']:,.0f} bit/s, log-mel distance {clip['log_mel_distance']:.3f}, "
        f"encoded{refined} {speed_text(clip['encode_speed'])} and decoded "
        f"{speed_text(clip['decode_speed'])} times faster than real time"
    )
