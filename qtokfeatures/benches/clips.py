"""Clips that benches measure on: chosen from a manifest, cut, and scaled to one peak."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from qtokfeatures.audio import load_audio
from qtokfeatures.evaluation.signals import FloatArray, check_mono
from qtokfeatures.exceptions import InputError, SkippedClipWarning
from qtokfeatures.tables import read_table

Row = TypeVar("Row")

KINDS: Final = ("speech", "instrument", "music", "environment")  # in the order of tables
_COLUMNS: Final = ("path", "kind", "split", "duration_s")
_MOST_TALKERS: Final = 40  # six are drawn for each clip: enough that few clips share them
_TALKER_S: Final = 10.0
_SHORTEST_TALKER_S: Final = 1.0


@dataclass(frozen=True, eq=False)
class BenchClip:
    """One clip to measure on, with its origin.

    Parameters
    ----------
    name : str
        Unique name among the clips of a bench.
    kind : str
        Kind of sound it is reported under. ``"speech"`` is also measured by STOI and PESQ.
    y : ndarray of float32, shape (sample,)
        Mono samples.
    sr : int
        Sampling rate of `y`, in Hz.
    speaker : str, default ""
        Speaker, where that is known.
    text : str, default ""
        Transcript, where that is known.
    split : str, default ""
        Split of the manifest, ``"dev"`` where it must not be used for tuning.

    Examples
    --------
    >>> import numpy as np
    >>> BenchClip("tone", "music", np.ones(12_000, dtype=np.float32), 24_000).duration_s
    0.5
    """

    name: str
    kind: str
    y: FloatArray
    sr: int
    speaker: str = ""
    text: str = ""
    split: str = ""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.y) / self.sr


@dataclass(frozen=True)
class ClipSelection:
    """Choice and preparation of the clips of a manifest.

    Parameters
    ----------
    split : str, default "dev"
        Value of the manifest's column ``split``.
    kinds : tuple of str, default ("speech", "instrument", "music", "environment")
        Kinds of sound to include, in the order of the tables.
    longer_than_s : float, default 0.8
        Shorter clips are left out, in seconds.
    first_s : float, default 5.0
        Seconds used from the start of each clip.
    peak : float, default 0.5
        Largest absolute sample after cutting, 0 … 1.
    without : tuple of str, default ("fsdd",)
        Folders (any part of ``path``) to leave out. Spoken digits of FSDD are 8 kHz and too short
        for PESQ.
    per_kind : int, optional
        Largest number of clips of each kind, evenly spread over the manifest's order. By default
        all.

    Examples
    --------
    >>> ClipSelection(kinds=("speech",), per_kind=3).describe()
    'Clips of split `dev` over 0.8 s, without fsdd, at most 3 a kind; the first 5 s, mono, ...'
    """

    split: str = "dev"
    kinds: tuple[str, ...] = KINDS
    longer_than_s: float = 0.8
    first_s: float = 5.0
    peak: float = 0.5
    without: tuple[str, ...] = ("fsdd",)
    per_kind: int | None = None

    def describe(self) -> str:
        """Return one sentence that describes the choice."""
        without = f", without {', '.join(self.without)}" if self.without else ""
        fewer = f", at most {self.per_kind} a kind" if self.per_kind is not None else ""
        return (
            f"Clips of split `{self.split}` over {self.longer_than_s:g} s{without}{fewer}; "
            f"the first {self.first_s:g} s, mono, scaled to a peak of {self.peak:g}."
        )


def select_clips(
    folder: str | Path, selection: ClipSelection | None = None, *, sr: int = 24_000
) -> list[BenchClip]:
    """Load the clips that a bench measures on.

    Parameters
    ----------
    folder : str or Path
        Folder with ``manifest.csv``, whose column ``path`` is relative to it and whose columns
        ``kind``, ``split`` and ``duration_s`` are used.
    selection : ClipSelection, optional
        Which clips, by default those of the published figures.
    sr : int, default 24000
        Sampling rate to resample to, in Hz.

    Returns
    -------
    list of BenchClip
        By kind in the selection's order, then in the manifest's order.

    Raises
    ------
    InputError
        If the manifest is missing or lacks a column, or no clip is left.
    AudioError
        If a file of the manifest cannot be read.

    Warns
    -----
    SkippedClipWarning
        For a silent clip, which cannot be scaled.

    Examples
    --------
    >>> clips = select_clips(find_shared_audio(), ClipSelection(per_kind=1))  # doctest: +SKIP
    """
    selection = selection or ClipSelection()
    root = Path(folder)
    rows = _choose(read_manifest(root, _COLUMNS), selection)
    clips = list(_load(root, rows, selection, sr))
    if not clips:
        raise InputError(
            f"{root / 'manifest.csv'}: no clip of split {selection.split!r} and kinds "
            f"{', '.join(selection.kinds)} is left to measure on"
        )
    return clips


def find_shared_audio() -> Path:
    """Return the folder of shared recordings: ``audio/`` in the folder that ``QTOK_SHARED`` names.

    Returns
    -------
    Path
        ``../shared/audio`` where the variable is not set.

    Raises
    ------
    InputError
        If the folder has no ``manifest.csv``.

    Examples
    --------
    >>> find_shared_audio()  # doctest: +SKIP
    PosixPath('../shared/audio')
    """
    folder = Path(os.environ.get("QTOK_SHARED") or "../shared") / "audio"
    if not (folder / "manifest.csv").is_file():
        raise InputError(
            f"{folder / 'manifest.csv'} does not exist: set QTOK_SHARED to the folder that holds "
            "audio/manifest.csv, or name a folder of your own"
        )
    return folder


def load_talkers(
    folder: str | Path,
    *,
    sr: int,
    split: str = "dev",
    within: str = "",
    without: Collection[str] = ("fsdd",),
    per_speaker: int | None = None,
) -> list[FloatArray]:
    """Speech for babble, the first 10 s of each clip: speakers in no tested folder (`without`)."""
    root = Path(folder)
    taken: Counter[str] = Counter()
    rows = []
    for row in read_manifest(root, ("path", "kind", "split", "speaker")):
        folders = set(Path(row["path"]).parts)
        if row["kind"] != "speech" or row["split"] != split or not folders.isdisjoint(without):
            continue
        if within and within not in folders:
            continue
        speaker = row["speaker"] or row["path"]
        taken[speaker] += 1
        if per_speaker is None or taken[speaker] <= per_speaker:
            rows.append(row)
    waves = (
        load_audio(root / row["path"], target_sr=sr).y[: round(_TALKER_S * sr)]
        for row in spread(rows, _MOST_TALKERS)
    )
    talkers = [y for y in waves if len(y) >= _SHORTEST_TALKER_S * sr and np.any(y)]
    if not talkers:
        raise InputError(f"{root / 'manifest.csv'}: no speech of split {split!r} for babble")
    return talkers


def read_manifest(folder: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of ``manifest.csv`` in a folder, whose header must have `columns`."""
    table = read_table(Path(folder) / "manifest.csv").require(columns)
    return list(table.rows.values())


def spread(rows: Sequence[Row], at_most: int | None) -> Sequence[Row]:
    """At most so many rows, evenly spread over all: ``spread("abcdef", 3)`` is a, c, e."""
    if at_most is None or len(rows) <= at_most:
        return rows
    return [rows[index * len(rows) // at_most] for index in range(at_most)]


def single_rate(clips: Iterable[BenchClip]) -> int:
    """The sampling rate that all clips share, in Hz."""
    rates = {clip.sr for clip in clips}
    if not rates:
        raise InputError("expected clips to measure on, got none")
    if len(rates) > 1:
        raise InputError(f"clips must be of one rate, got {sorted(rates)} Hz")
    return rates.pop()


def prepare(y: FloatArray, *, sr: int, first_s: float = 5.0, peak: float = 0.5) -> FloatArray:
    """The first seconds of a clip, scaled to `peak`."""
    y = check_mono(y, "the clip")[: round(first_s * sr)]
    if not y.any():
        raise InputError(f"the first {first_s:g} s are silent and cannot be scaled")
    return scale_peak(y, peak=peak)


def scale_peak(y: FloatArray, *, peak: float = 0.5) -> FloatArray:
    """A clip scaled so that its largest absolute sample is `peak`."""
    loudest = float(np.abs(y).max(initial=0.0))
    if loudest == 0:
        raise InputError("the clip is silent and cannot be scaled")
    return y * np.float32(peak / loudest)


def _choose(rows: Sequence[Mapping[str, str]], selection: ClipSelection) -> list[Mapping[str, str]]:
    without = set(selection.without)
    kept = [
        row
        for row in rows
        if row["split"] == selection.split
        and _duration_s(row) > selection.longer_than_s
        and not without & set(Path(row["path"]).parts)
    ]
    by_kind = ([row for row in kept if row["kind"] == kind] for kind in selection.kinds)
    return [row for of_kind in by_kind for row in spread(of_kind, selection.per_kind)]


def _duration_s(row: Mapping[str, str]) -> float:
    try:
        return float(row["duration_s"])
    except ValueError as error:
        raise InputError(
            f"{row['path']}: duration_s in the manifest must be seconds, got {row['duration_s']!r}"
        ) from error


def _load(
    root: Path, rows: Sequence[Mapping[str, str]], selection: ClipSelection, sr: int
) -> Iterator[BenchClip]:
    for row in rows:
        clip = load_audio(root / row["path"], target_sr=sr)
        try:
            y = prepare(clip.y, sr=sr, first_s=selection.first_s, peak=selection.peak)
        except InputError as error:
            warnings.warn(f"{row['path']}: {error}; left out", SkippedClipWarning, stacklevel=3)
            continue
        yield BenchClip(name=row["path"], kind=row["kind"], y=y, sr=sr)
