"""``qtok bench digits`` and ``qtok bench robustness``: what tokens of speech are worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtokfeatures.apps.bench_output import BenchOutput
from qtokfeatures.apps.cli_inputs import open_codec
from qtokfeatures.apps.cli_options import (
    AsJson,
    BenchCard,
    BenchData,
    BenchPeers,
    BenchRefine,
    CodecName,
    Device,
)
from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    from qtokfeatures.evaluation.robustness import RobustnessResult


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
    from qtokfeatures.evaluation import digits, find_shared_audio

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
    from qtokfeatures.evaluation import ClipSelection, find_shared_audio, select_clips
    from qtokfeatures.evaluation import robustness as bench
    from qtokfeatures.evaluation.digits import load_talkers

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
    from qtokfeatures.estimators import TokenHistogram
    from qtokfeatures.evaluation import digits as bench
    from qtokfeatures.evaluation import find_shared_audio

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


def digit_features() -> dict[str, Any]:
    """Return the features of tokens that digits are told apart by: name in tables, transformer."""
    from qtokfeatures.estimators import CodeEmbedding, TokenHistogram

    return {
        "codebook 0, histogram": TokenHistogram(codebooks=1, bins=None),
        "codebook 0, histogram of 128 bins": TokenHistogram(codebooks=1),
        "codebook 0, embedding, mean and std": CodeEmbedding(codebooks=1),
        "codebook 0, embedding, 3 segments": CodeEmbedding(codebooks=1, segments=3),
        "codebooks 0–3, histograms of 128 bins": TokenHistogram(codebooks=4),
        "all codebooks, embedding, mean and std": CodeEmbedding(),
        "all codebooks, embedding, 3 segments": CodeEmbedding(segments=3),
    }


def _read_result(path: Path) -> RobustnessResult:
    from qtokfeatures.evaluation.robustness import RobustnessResult

    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    return RobustnessResult.from_dict(values)
