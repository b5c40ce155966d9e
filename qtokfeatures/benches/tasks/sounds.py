"""Recordings of each task, with labels and splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.clips import read_manifest, spread
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError
from qtokfeatures.progress import Progress

if TYPE_CHECKING:
    from qtokfeatures.rendering.notes import Note

SAMPLE_RATE: Final = 24_000
_LONGEST_S: Final = 6.0

Index = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Sounds:
    """Recordings at 24 kHz, the instance (instrument or source) of each, and their origin.

    Clips of one instance are no independent evidence.
    """

    waves: list[FloatArray]
    instances: Names
    about: str


@dataclass(frozen=True, eq=False)
class Task:
    """Labels (clip,) to learn, with pairs of clips to train and to test on; clustering has none."""

    name: str
    sounds: Sounds
    labels: Names
    splits: tuple[tuple[Index, Index], ...] = ()


def note_sounds(notes: Sequence[Note]) -> Sounds:
    """Sounds of rendered notes; an instance is an instrument of a soundfont."""
    instances = np.array([f"{note.soundfont}/{note.instrument}" for note in notes])
    fonts = ", ".join(dict.fromkeys(note.soundfont for note in notes))
    kinds = len({note.instrument for note in notes})
    about = f"{len(notes)} rendered notes of {kinds} instruments, soundfonts {fonts}"
    return Sounds([note.y for note in notes], instances, about)


def across_soundfonts(notes: Sequence[Note], sounds: Sounds, *, apart: str = "timgm") -> Task:
    """Instruments in a soundfont that was not learnt from.

    The soundfont `apart` shares no ancestry with the others: it is tested after learning from
    them, and they after learning from it.
    """
    is_apart = np.array([note.soundfont == apart for note in notes])
    if is_apart.all() or not is_apart.any():
        raise InputError(f"expected notes of soundfont {apart!r} and of another one")
    one, other = np.flatnonzero(~is_apart), np.flatnonzero(is_apart)
    labels = np.array([note.instrument for note in notes])
    return Task(
        "rendered instruments, another soundfont", sounds, labels, ((one, other), (other, one))
    )


def family_clusters(notes: Sequence[Note], sounds: Sounds) -> Task:
    """Clusters of rendered notes, compared with the families of their instruments."""
    families = np.array([note.family for note in notes])
    return Task("rendered instrument families, clustered", sounds, families)


def load_instruments(folder: str | Path, *, per_instance: int | None = None) -> Task:
    """Recorded instruments; each fold tests one instance of a class that has others."""
    rows = [
        row
        for row in read_manifest(folder, ("path", "kind", "instrument", "instance"))
        if row["kind"] == "instrument" and row["instance"]
    ]
    by_instance: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        by_instance.setdefault((row["instrument"], row["instance"]), []).append(row)
    kept = [row for each in by_instance.values() for row in spread(each, per_instance)]
    labels = np.array([row["instrument"] for row in kept])
    instances = np.array([row["instance"] for row in kept])
    about = f"{len(kept)} recorded instrument sounds of {len(set(instances))} instances"
    if per_instance is not None:
        about += f", at most {per_instance} of each"
    sounds = Sounds(_read(folder, kept), instances, about)
    return Task(
        "recorded instruments, another instance", sounds, labels, _one_out(labels, instances)
    )


def load_environments(folder: str | Path, *, per_class: int | None = None) -> Task:
    """Classes of ESC-10, with the folds of that dataset."""
    rows = [
        row
        for row in read_manifest(folder, ("path", "label", "note"))
        if row["note"].startswith("ESC-10 fold")
    ]
    if not rows:
        raise InputError(f"{folder}: no rows of ESC-10 in the manifest")
    by_class: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        by_class.setdefault((row["label"], row["note"]), []).append(row)
    kept = [row for each in by_class.values() for row in spread(each, per_class)]
    folds = np.array([row["note"] for row in kept])
    # A name such as 1-187207-A is fold, recording, take.
    sources = np.array([Path(row["path"]).stem.rsplit("-", 1)[0] for row in kept])
    splits = tuple(
        (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)
    )
    sounds = Sounds(_read(folder, kept), sources, f"{len(kept)} clips of ESC-10")
    return Task("environments, ESC-10", sounds, np.array([r["label"] for r in kept]), splits)


def _one_out(labels: Names, instances: Names) -> tuple[tuple[Index, Index], ...]:
    splits = []
    for label in np.unique(labels):
        own = np.unique(instances[labels == label])
        for instance in own if len(own) > 1 else ():
            tested = np.flatnonzero((labels == label) & (instances == instance))
            splits.append((np.flatnonzero(instances != instance), tested))
    return tuple(splits)


def _read(folder: str | Path, rows: Sequence[dict[str, str]]) -> list[FloatArray]:
    longest = round(_LONGEST_S * SAMPLE_RATE)
    return [
        load_audio(Path(folder) / row["path"], target_sr=SAMPLE_RATE).y[:longest] for row in rows
    ]


def render_all(per_instrument: int, on_progress: Progress) -> list[Note]:
    """Notes of every instrument of three soundfonts."""
    from qtokfeatures.rendering.notes import render_notes
    from qtokfeatures.rendering.tools import FLUID, MUSESCORE, TIMGM

    found: list[Note] = []
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
