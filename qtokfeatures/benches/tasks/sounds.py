"""The recordings of each task, and which of them are learnt from and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.manifest import read_manifest, spread
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError

SAMPLE_RATE: Final = 24_000
_LONGEST_S: Final = 6.0

Index = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Sounds:
    """Recordings, at 24 kHz.

    Parameters
    ----------
    waves : list of ndarray of float32, shape (sample,)
        The clips.
    instances : ndarray of str, shape (clip,)
        The physical or sampled instrument, or the source, that a clip is of: clips of one are no
        independent evidence.
    about : str
        Where they come from, for the notes below tables.
    """

    waves: list[FloatArray]
    instances: Names
    about: str


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be told apart.

    Parameters
    ----------
    name : str
        Name in tables.
    sounds : Sounds
        The recordings; tasks may share them.
    labels : ndarray of str, shape (clip,)
        What is right.
    splits : tuple of (ndarray of int, ndarray of int)
        Clips to learn from and clips to test, for each fold. A task without is one of clustering.
    """

    name: str
    sounds: Sounds
    labels: Names
    splits: tuple[tuple[Index, Index], ...] = ()


class RenderedNote(Protocol):
    """A note that a synthesiser played; see :func:`across_soundfonts`."""

    @property
    def y(self) -> FloatArray:
        """Samples at 24 kHz."""

    @property
    def instrument(self) -> str:
        """What plays."""

    @property
    def family(self) -> str:
        """What it belongs to."""

    @property
    def soundfont(self) -> str:
        """Whose recording of it."""


def note_sounds(notes: Sequence[RenderedNote]) -> Sounds:
    """Collect rendered notes; an instance is an instrument of a soundfont.

    Parameters
    ----------
    notes : sequence of RenderedNote
        The notes.

    Returns
    -------
    Sounds
    """
    instances = np.array([f"{note.soundfont}/{note.instrument}" for note in notes])
    fonts = ", ".join(dict.fromkeys(note.soundfont for note in notes))
    kinds = len({note.instrument for note in notes})
    about = f"{len(notes)} rendered notes of {kinds} instruments, soundfonts {fonts}"
    return Sounds([note.y for note in notes], instances, about)


def across_soundfonts(
    notes: Sequence[RenderedNote], sounds: Sounds, *, apart: str = "timgm"
) -> Task:
    """Tell instruments apart in a soundfont that was not learnt from.

    Parameters
    ----------
    notes : sequence of RenderedNote
        Notes of two soundfonts at least.
    sounds : Sounds
        What :func:`note_sounds` made of them.
    apart : str, default "timgm"
        The soundfont that shares no ancestry with the others: it is tested after learning from
        them, and they after learning from it.

    Returns
    -------
    Task

    Raises
    ------
    InputError
        If there is nothing on one of the two sides.
    """
    is_apart = np.array([note.soundfont == apart for note in notes])
    if is_apart.all() or not is_apart.any():
        raise InputError(f"notes of soundfont {apart!r} and of another one are needed")
    one, other = np.flatnonzero(~is_apart), np.flatnonzero(is_apart)
    labels = np.array([note.instrument for note in notes])
    return Task(
        "rendered instruments, another soundfont", sounds, labels, ((one, other), (other, one))
    )


def family_clusters(notes: Sequence[RenderedNote], sounds: Sounds) -> Task:
    """Cluster rendered notes; what is right is the family of the instrument.

    Parameters
    ----------
    notes : sequence of RenderedNote
        The notes.
    sounds : Sounds
        What :func:`note_sounds` made of them.

    Returns
    -------
    Task
    """
    families = np.array([note.family for note in notes])
    return Task("rendered instrument families, clustered", sounds, families)


def load_instruments(folder: str | Path, *, per_instance: int | None = None) -> Task:
    """Read recorded instruments; each fold tests one instance of a class that has others.

    Parameters
    ----------
    folder : str or Path
        Recordings with ``manifest.csv``.
    per_instance : int, optional
        At most so many clips of each instance.

    Returns
    -------
    Task
        All other instances of all classes are learnt from.
    """
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
    """Read the classes of ESC-10, with the folds of that dataset.

    Parameters
    ----------
    folder : str or Path
        Recordings with ``manifest.csv``.
    per_class : int, optional
        At most so many clips of each class and fold.

    Returns
    -------
    Task
    """
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
    # 1-187207-A: fold, recording, take.
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
