"""TODO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    from qtokfeatures.rendering.notes import Note


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
    from qtokfeatures.rendering.notes import render_notes
    from qtokfeatures.rendering.soundfonts import FLUID, MUSESCORE, TIMGM

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
