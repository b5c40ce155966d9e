"""The soundfonts that scores are played with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qtokfeatures.rendering import tools


@dataclass(frozen=True)
class Soundfont:
    """A General MIDI soundfont.

    Attributes
    ----------
    name : str
        Short, for the names of clips.
    title, licence : str
        For the listing.
    path : Path
        Where Debian and Ubuntu put it.
    """

    name: str
    title: str
    licence: str
    path: Path

    @property
    def source(self) -> str:
        """What made a sound of it, for the listing."""
        return f"FluidSynth, {self.title}"


FLUID: Final = Soundfont(
    "fluid", "FluidR3 GM", "MIT (FluidR3 GM soundfont, Frank Wen)", tools.SOUNDFONT
)
"""FluidR3 GM, of the package ``fluid-soundfont-gm``: always needed."""

MUSESCORE: Final = Soundfont(
    "musescore",
    "MuseScore General",
    "MIT (MuseScore General soundfont, S. Christian Collins and others; parts CC0, public domain)",
    Path("/usr/share/sounds/sf3/MuseScore_General.sf3"),
)
"""MuseScore General, of the package ``musescore-general-soundfont``: used where it is installed."""

TIMGM: Final = Soundfont(
    "timgm",
    "TimGM6mb",
    "GPL-2 (TimGM6mb soundfont, Tim Brechbill): for measuring only",
    Path("/usr/share/sounds/sf2/TimGM6mb.sf2"),
)
"""TimGM6mb, of the package ``timgm6mb-soundfont``: never for training, nor shipped."""


def installed_soundfonts() -> tuple[Soundfont, ...]:
    """Return FluidR3 GM, and MuseScore General where it is installed.

    The minutes asked for are shared between them. FluidR3 GM is always among them, so that its
    absence is an error rather than a corpus without instruments.
    """
    return (FLUID, MUSESCORE) if MUSESCORE.path.is_file() else (FLUID,)
