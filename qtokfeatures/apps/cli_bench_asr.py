"""``qtok bench asr``: recognising speech by tokens, beside MFCC and log-mel spectra, in noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtokfeatures.apps.bench_output import BenchOutput
from qtokfeatures.apps.cli_inputs import open_codec
from qtokfeatures.apps.cli_options import AsJson, BenchCard, BenchData, CodecName, Device

if TYPE_CHECKING:
    from qtokfeatures.evaluation.asr import System

_SR = 8000
_EPOCHS = 30
_CODEC_UPSAMPLE, _ACOUSTIC_STRIDE = 2, 4  # 25 steps a second for all
_SETTINGS = tuple(
    {"learning_rate": rate, "dropout": dropout}
    for rate in (0.005, 0.01, 0.02)
    for dropout in (0.1, 0.3)
)


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
    from qtokfeatures.evaluation import asr, find_shared_audio

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


def asr_systems(codec: Any, *, cache: Path, epochs: int = _EPOCHS) -> list[System]:
    """Return the front ends that are compared, each with the same recogniser.

    Parameters
    ----------
    codec : Codec
        The codec.
    cache : Path
        Folder of codes, which several front ends share.
    epochs : int
        Rounds of training.

    Returns
    -------
    list of System
        MFCC and log-mel with slopes first, which others are compared with.
    """
    from qtokfeatures.evaluation.asr import System
    from qtokfeatures.pipelines.asr import ASRFrontEnd, CTCRecognizer
    from qtokfeatures.pipelines.asr.frame_sources import ACOUSTIC_FEATURES

    def by_codec(features: str, codebooks: Any = None, **options: Any) -> Any:
        return ASRFrontEnd(
            features,
            codec=codec,
            codebooks=codebooks,
            upsample=_CODEC_UPSAMPLE,
            output="list",
            cache=cache,
            **options,
        )

    def acoustic(features: str, deltas: int) -> Any:
        return ASRFrontEnd(features, deltas=deltas, cmvn="utterance", sr=_SR, output="list")

    front_ends = {
        "MFCC": acoustic("mfcc", 2),
        "log-mel with slopes": acoustic("logmel", 2),
        "log-mel": acoustic("logmel", 0),
        "semantic": by_codec("semantic", interpolation="linear"),
        "codebook 0": by_codec("embedding", 1, interpolation="linear"),
        "embedding": by_codec("embedding", interpolation="linear"),
        "latent": by_codec("latent", interpolation="linear"),
        "tokens": by_codec("tokens"),
    }
    return [
        System(
            name,
            front_end,
            CTCRecognizer(
                stride=_ACOUSTIC_STRIDE if front_end.features in ACOUSTIC_FEATURES else 1,
                epochs=epochs,
                validation=0.0,
            ),
            _SETTINGS,
        )
        for name, front_end in front_ends.items()
    ]
