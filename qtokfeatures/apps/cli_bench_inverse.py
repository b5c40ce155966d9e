"""``qtok bench inverse``: how close sounds made for pooled features come to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtokfeatures.apps.bench_output import BenchOutput
from qtokfeatures.apps.cli_inputs import open_codec
from qtokfeatures.apps.cli_options import AsJson, BenchCard, BenchData, CodecName, Device

if TYPE_CHECKING:
    from qtokfeatures.evaluation import BenchClip

_FEATURES = ("histogram", "embedding", "both")
_HELD_OUT_OF_BUNDLED = 4


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
    from qtokfeatures.estimators import QTokenizer
    from qtokfeatures.evaluation import ClipSelection, find_shared_audio, select_clips
    from qtokfeatures.evaluation import inverse_bench as bench

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


def bundled_clips() -> tuple[list[BenchClip], list[BenchClip]]:
    """Return the bundled sounds: those to fit on, and those held out."""
    from qtokfeatures.audio import load_audio
    from qtokfeatures.evaluation import BenchClip
    from qtokfeatures.examples_audio import example_files

    loaded: list[Any] = [load_audio(file) for file in example_files()]
    clips = [BenchClip(clip.source, "bundled", clip.y, clip.sr) for clip in loaded]
    held_out = clips[::_HELD_OUT_OF_BUNDLED]
    return [clip for clip in clips if clip not in held_out], held_out
