"""``qtok bench tasks``: what tokens are worth for telling sounds apart, beside MFCC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtokfeatures.apps.bench_output import BenchOutput
from qtokfeatures.apps.cli_inputs import open_codec
from qtokfeatures.apps.cli_options import AsJson, BenchCard, BenchData, CodecName, Device
from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    from qtokfeatures.training.render.notes import Note


def tasks(
    data: BenchData = None,
    notes: Annotated[
        int,
        typer.Option("--notes", metavar="N", min=2, help="Notes of each instrument, rendered."),
    ] = 16,
    clips: Annotated[
        int,
        typer.Option(
            "--clips",
            metavar="N",
            min=1,
            help="At most N recordings of each instance, and of each class in a fold of ESC-10.",
        ),
    ] = 10,
    card: BenchCard = None,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Tell instruments and environments apart by tokens, beside MFCC, log-mel and openSMILE."""
    from qtokfeatures.evaluation import find_shared_audio
    from qtokfeatures.evaluation import tasks as bench

    output = BenchOutput("tasks", as_json=as_json, card=card)
    opened, folder = open_codec(codec, device), data or find_shared_audio()
    with output.stages() as on_progress:
        rendered = _rendered(notes, on_progress)
        sounds = bench.note_sounds(rendered)
        result = bench.bench_tasks(
            opened,
            (
                bench.across_soundfonts(rendered, sounds),
                bench.load_instruments(folder, per_instance=clips),
                bench.load_environments(folder, per_class=clips),
                bench.family_clusters(rendered, sounds),
            ),
            token_features=task_features(),
            on_progress=on_progress,
        )
    output.show(
        result.to_dict(),
        bench.task_tables(result),
        lambda command: bench.task_notes(result, command=command),
    )


def task_features() -> dict[str, Any]:
    """Return the token features to choose from: name in tables, transformer."""
    from qtokfeatures.estimators import CodeEmbedding, TokenHistogram
    from qtokfeatures.features import BY_LOUDNESS

    return {
        "histogram, 4 codebooks": TokenHistogram(codebooks=4),
        "embedding, mean and std": CodeEmbedding(),
        "embedding, mean, std and delta": CodeEmbedding(pooling=("mean", "std", "delta")),
        "embedding, these and by loudness": CodeEmbedding(pooling=BY_LOUDNESS),
    }


def _rendered(per_instrument: int, on_progress: Any) -> list[Note]:
    from qtokfeatures.training.render.notes import render_notes
    from qtokfeatures.training.render.soundfonts import FLUID, MUSESCORE, TIMGM

    found = []
    soundfonts = (FLUID, MUSESCORE, TIMGM)
    for done, soundfont in enumerate(soundfonts):
        if not soundfont.path.is_file():
            raise InputError(
                f"no soundfont {str(soundfont.path)!r}: install fluidsynth, fluid-soundfont-gm, "
                "musescore-general-soundfont and timgm6mb-soundfont"
            )
        on_progress("render notes", done, len(soundfonts))
        found += list(render_notes(soundfont, per_instrument=per_instrument))
    return found
