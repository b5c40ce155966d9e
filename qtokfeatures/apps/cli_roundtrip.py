"""``qtok roundtrip``: encode, decode, and compare by ear and eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtokfeatures.apps.cli_codes import check_codebook_count
from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_inputs import find_sounds, open_codec, output_folder
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
from qtokfeatures.exceptions import QtokError

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec
    from qtokfeatures.viz.roundtrip import Roundtrip


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
    from qtokfeatures.viz.roundtrip_page import roundtrip_report

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


def _there_and_back(
    codec: Codec,
    work: Sequence[tuple[str, Mapping[str, Path]]],
    codebooks: int | None,
    refine: int,
    report: Report,
) -> list[tuple[Roundtrip, dict[str, bytes]]]:
    from qtokfeatures.audio import load_audio
    from qtokfeatures.viz.roundtrip import make_roundtrip
    from qtokfeatures.viz.roundtrip_page import roundtrip_pictures

    warm_up(codec)
    done = []
    with report.tracked(work, "there and back") as shown:
        for sound, files in shown:
            try:
                clip = load_audio(sound)
                one = make_roundtrip(
                    codec, clip, name=Path(sound).name, codebooks=codebooks, refine=refine
                )
                pictures = roundtrip_pictures(one)
                _write(files, one, pictures)
            except QtokError as error:
                report.fail(sound, error)
                continue
            done.append((one, pictures))
    return done


def roundtrip_files(folder: Path, stem: str) -> dict[str, Path]:
    """Name the files of one roundtrip.

    Parameters
    ----------
    folder : Path
        Where they go.
    stem : str
        How their names begin.

    Returns
    -------
    dict of Path
        By what is in them.
    """
    kinds = {
        "original": "wav",
        "decoded": "wav",
        "waveform": "png",
        "spectrogram": "png",
        "tokens": "png",
    }
    return {kind: folder / f"{stem}_{kind}.{suffix}" for kind, suffix in kinds.items()}


def write_page(path: Path, html: str) -> None:
    """Write a page; it appears whole or not at all."""
    from qtokfeatures.viz.figures import write_whole

    write_whole(path, html.encode("utf-8"))


def warm_up(codec: Codec) -> None:
    """Let a codec do its first, slower run before it is timed."""
    import numpy as np

    silence = np.zeros(codec.spec.hop_length, dtype=np.float32)
    codec.decode(codec.encode(silence, sr=codec.spec.sample_rate))


def _write(files: Mapping[str, Path], one: Roundtrip, pictures: Mapping[str, bytes]) -> None:
    from qtokfeatures.audio import write_audio
    from qtokfeatures.viz.figures import write_whole

    write_audio(files["original"], one.y, one.sr)
    write_audio(files["decoded"], one.y_hat, one.sr)
    for kind, png in pictures.items():
        write_whole(files[kind], png)


def _line(clip: Mapping[str, Any]) -> str:
    from qtokfeatures.viz.roundtrip import speed_text

    refined = f" (refine={clip['refine']})" if clip["refine"] else ""
    return (
        f"{clip['name']}: {clip['duration_s']:.2f} s, {clip['codebooks']} × {clip['frames']} "
        f"codes, {clip['bit_rate']:,.0f} bit/s, log-mel distance {clip['log_mel_distance']:.3f}, "
        f"encoded{refined} {speed_text(clip['encode_speed'])} and decoded "
        f"{speed_text(clip['decode_speed'])} times faster than real time"
    )
