"""``qtok info``: what a file, or a codec, is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from qtokfeatures.apps.cli_console import Report, print_table
from qtokfeatures.apps.cli_options import AsJson
from qtokfeatures.exceptions import QtokError
from qtokfeatures.studio.inputs import codes_line, codes_summary, find_sounds, is_codes, open_codec


def info(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...",
            help="Audio files, folders or globs; codes files; codecs by name or .safetensors file.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Show what files of audio or codes hold, or what a codec is."""
    report = Report(as_json=as_json)
    stores = [name for name in what if is_codes(name)]
    codecs = [name for name in what if name not in stores and _is_codec_name(name)]
    others = [name for name in what if name not in stores and name not in codecs]
    result = {
        "codecs": [asdict(open_codec(name, "cpu").spec) for name in codecs],
        "codes": _describe_all(stores, _describe_codes, report),
        "audio": _describe_all(find_sounds(others, report), _describe_audio, report),
    }
    if not as_json:
        _show(result)
    report.finish(result)


def _is_codec_name(name: str) -> bool:
    """Tell a codec's name from a file's, without loading torch for files."""
    if Path(name).suffix == ".safetensors":
        return True
    if Path(name).exists() or Path(name).suffix or "*" in name or "://" in name:
        return False
    from qtokfeatures.codecs import list_codecs

    return name in list_codecs()


def _describe_all(
    sources: Sequence[str], describe: Callable[[str], dict[str, Any]], report: Report
) -> list[dict[str, Any]]:
    described = []
    with report.tracked(sources, "read") as shown:
        for source in shown:
            try:
                described.append({"source": source, **describe(source)})
            except (QtokError, OSError) as error:
                report.fail(source, error)
    return described


def _describe_audio(source: str) -> dict[str, Any]:
    from qtokfeatures.audio import load_audio

    clip = load_audio(source)
    return {
        "duration_s": clip.duration_s,
        "sample_rate": clip.sample_rate,
        "n_samples": clip.n_samples,
        "peak": float(abs(clip.y).max()),
    }


def _describe_codes(source: str) -> dict[str, Any]:
    from qtokfeatures.labelled import load_codes
    from qtokfeatures.labelled.schema import label_names

    ds = load_codes(source)
    return {**codes_summary(ds), "labels": label_names(ds), "summary": codes_line(ds)}


def _show(result: dict[str, Any]) -> None:
    for spec in result["codecs"]:
        print_table({"codec": "left", spec["name"]: "left"}, list(spec.items())[1:])
    for codes in result["codes"]:
        labels = ", ".join(codes["labels"]) or "none"
        typer.echo(f"{codes['source']}: {codes['summary']}; labels: {labels}")
    if result["audio"]:
        print_table(
            {
                "seconds": "right",
                "Hz": "right",
                "samples": "right",
                "peak": "right",
                "file": "left",
            },
            [
                (
                    f"{clip['duration_s']:,.3f}",
                    clip["sample_rate"],
                    f"{clip['n_samples']:,}",
                    f"{clip['peak']:.3f}",
                    clip["source"],
                )
                for clip in result["audio"]
            ],
        )
