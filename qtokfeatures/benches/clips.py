"""The clips a codec is measured on: chosen from a manifest, cut, and brought to one level."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.manifest import read_manifest, spread
from qtokfeatures.evaluation.signals import FloatArray, check_mono
from qtokfeatures.exceptions import InputError, SkippedClipWarning

KINDS: Final = ("speech", "instrument", "music", "environment")
"""The kinds of sound that are reported one by one."""

_COLUMNS = ("path", "kind", "split", "duration_s")


@dataclass(frozen=True, eq=False)
class BenchClip:
    """One clip to measure on.

    Parameters
    ----------
    name : str
        What to call it, unique among the clips of a bench.
    kind : str
        The kind it is reported under; speech is also measured by STOI and PESQ.
    y : ndarray of float32, shape (sample,)
        Mono samples.
    sr : int
        Rate of `y`, in Hz.

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

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.y) / self.sr


@dataclass(frozen=True)
class ClipSelection:
    """Which clips of a manifest are measured, and how they are prepared.

    Parameters
    ----------
    split : str, default "dev"
        Value of the manifest's column ``split``.
    kinds : tuple of str, default KINDS
        Kinds to take, in the order they are reported.
    longer_than_s : float, default 0.8
        Clips must be longer than this, in seconds.
    first_s : float, default 5.0
        Only this much from the start is used, in seconds.
    peak : float, default 0.5
        Largest absolute sample after cutting; 0 … 1.
    without : tuple of str, default ("fsdd",)
        Folders (any part of ``path``) to leave out. Spoken digits of FSDD are 8 kHz and too short
        for PESQ.
    per_kind : int, optional
        Take only so many clips of each kind, evenly spread over the manifest's order.

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
        """Say in one sentence what was chosen."""
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
        Which clips; by default those of the published figures.
    sr : int, default 24000
        Rate to resample to, in Hz.

    Returns
    -------
    list of BenchClip
        By kind in the selection's order, then in the manifest's.

    Raises
    ------
    InputError
        If the manifest is missing or lacks a column, or no clip is left.
    AudioError
        If a file it names cannot be read.

    Warns
    -----
    SkippedClipWarning
        For a clip that is silent, which cannot be scaled.
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


def prepare(y: FloatArray, *, sr: int, first_s: float = 5.0, peak: float = 0.5) -> FloatArray:
    """Cut a clip and scale it.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        Mono samples.
    sr : int
        Their rate, in Hz.
    first_s : float, default 5.0
        Seconds to keep from the start.
    peak : float, default 0.5
        Largest absolute sample of what is kept.

    Returns
    -------
    ndarray of float32, shape (sample,)

    Raises
    ------
    InputError
        If what is kept is silent.

    Examples
    --------
    >>> import numpy as np
    >>> prepare(np.array([0.1, -0.2, 0.9], dtype=np.float32), sr=2, first_s=1.0)
    array([ 0.25, -0.5 ], dtype=float32)
    """
    y = check_mono(y, "the clip")[: round(first_s * sr)]
    if not y.any():
        raise InputError(f"the first {first_s:g} s are silent and cannot be scaled")
    return scale_peak(y, peak=peak)


def scale_peak(y: FloatArray, *, peak: float = 0.5) -> FloatArray:
    """Scale a clip that is not silent.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        Mono samples.
    peak : float, default 0.5
        Largest absolute sample of the result.

    Returns
    -------
    ndarray of float32, shape (sample,)

    Raises
    ------
    InputError
        If it is silent.

    Examples
    --------
    >>> import numpy as np
    >>> scale_peak(np.array([0.1, -0.2], dtype=np.float32))
    array([ 0.25, -0.5 ], dtype=float32)
    """
    loudest = float(np.abs(y).max(initial=0.0))
    if loudest == 0:
        raise InputError("the clip is silent and cannot be scaled")
    return y * np.float32(peak / loudest)


def find_shared_audio() -> Path:
    """Find the shared recordings: ``audio/`` in the folder that ``QTOK_SHARED`` names.

    Returns
    -------
    Path
        The folder, beside the working folder's parent (``../shared/audio``) by default.

    Raises
    ------
    InputError
        If there is no manifest there.
    """
    folder = Path(os.environ.get("QTOK_SHARED") or "../shared") / "audio"
    if not (folder / "manifest.csv").is_file():
        raise InputError(
            f"{folder / 'manifest.csv'} is not there: set QTOK_SHARED to the folder that holds "
            "audio/manifest.csv, or name a folder of your own"
        )
    return folder


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
