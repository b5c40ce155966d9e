"""``qtok info``: facts about audio files, codes files and codecs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from qtokfeatures.apps.cli_console import Report, print_table, say
from qtokfeatures.apps.cli_options import AsJson
from qtokfeatures.exceptions import QtokError
from qtokfeatures.progress import Progress, with_progress
from qtokfeatures.studio.descriptions import codes_line, describe_audio, describe_codes
from qtokfeatures.studio.failures import Failure
from qtokfeatures.studio.inputs import find_sounds, is_codes, open_codec


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
    """Describe files of audio or codes, and codecs."""
    report = Report(as_json=as_json)
    stores = [name for name in what if is_codes(name)]
    codecs = [name for name in what if name not in stores and _is_codec_name(name)]
    sounds, failures = find_sounds(
        [name for name in what if name not in stores and name not in codecs]
    )
    with report.stages() as on_progress:
        codes, unreadable = _described(stores, _describe_store, on_progress)
        audio, more = _described(sounds, describe_audio, on_progress)
    specs = [asdict(open_codec(name, "cpu").spec) for name in codecs]
    result = {"codecs": specs, "codes": codes, "audio": audio}
    if not as_json:
        _show(result)
    report.finish(result, failures=[*unreadable, *failures, *more])


def _is_codec_name(name: str) -> bool:
    """Tell a codec's name from a file's, without loading torch for files."""
    if Path(name).suffix == ".safetensors":
        return True
    if Path(name).exists() or Path(name).suffix or "*" in name or "://" in name:
        return False
    from qtokfeatures.codecs import list_codecs

    return name in list_codecs()


def _described(
    sources: Sequence[str], describe: Callable[[str], dict[str, Any]], on_progress: Progress
) -> tuple[list[dict[str, Any]], list[Failure]]:
    described, failures = [], []
    for source in with_progress(sources, "read", on_progress):
        try:
            described.append({"source": source, **describe(source)})
        except (QtokError, OSError) as error:
            failures.append(Failure.of(source, error))
    return described, failures


def _describe_store(source: str) -> dict[str, Any]:
    from qtokfeatures.labelled import load_codes
    from qtokfeatures.labelled.schema import label_names

    ds = load_codes(source)
    return {**describe_codes(ds), "labels": label_names(ds), "summary": codes_line(ds)}


def _show(result: dict[str, Any]) -> None:
    for spec in result["codecs"]:
        print_table({"codec": "left", spec["name"]: "left"}, list(spec.items())[1:])
    for codes in result["codes"]:
        labels = ", ".join(codes["labels"]) or "none"
        say(f"{codes['source']}: {codes['summary']}; labels: {labels}")
    if result["audio"]:
        print_table(
            {
                "seconds": "right",
                "Hz": "right",
                "channels": "right",
                "bits": "right",
                "samples": "right",
                "peak": "right",
                "file": "left",
            },
            [
                (
                    f"{clip['duration_s']:,.3f}",
                    clip["sample_rate"],
                    clip["channels"],
                    clip["bits"] or "",
                    f"{clip['n_samples']:,}",
                    f"{clip['peak']:.3f}",
                    clip["source"],
                )
                for clip in result["audio"]
            ],
        )
