"""The recordings of the digit bench: spoken digits, and the talkers that babble is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.clips import prepare
from qtokfeatures.benches.manifest import read_manifest, spread
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError

DIGITS_FOLDER: Final = "fsdd"
"""Folder of the digits, any part of a manifest's ``path``."""

_RESERVED: Final = ("alphanumeric",)  # speech that no codec was trained on, whatever its split
_COLUMNS: Final = ("path", "kind", "split", "speaker", "digit")
_PEAK: Final = 0.5
_TALKER_S: Final = 10.0
_SHORTEST_TALKER_S: Final = 1.0


@dataclass(frozen=True, eq=False)
class DigitClip:
    """One spoken digit.

    Parameters
    ----------
    name : str
        Its path in the manifest.
    speaker : str
        Who said it.
    digit : int
        What was said, 0 … 9.
    y : ndarray of float32, shape (sample,)
        Mono samples.
    sr : int
        Their rate, in Hz.
    """

    name: str
    speaker: str
    digit: int
    y: FloatArray
    sr: int


def load_digits(folder: str | Path, *, per_digit: int | None = 15) -> list[DigitClip]:
    """Load the Free Spoken Digit Dataset, at its own rate.

    Parameters
    ----------
    folder : str or Path
        Folder with ``manifest.csv``.
    per_digit : int, optional
        Recordings of each digit by each speaker, evenly spread over the manifest's order; all 50
        by default None.

    Returns
    -------
    list of DigitClip
        Each scaled to a peak of 0.5.

    Raises
    ------
    InputError
        If there are no digits, or of fewer than two speakers.
    """
    root = Path(folder)
    groups: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for row in read_manifest(root, _COLUMNS):
        if _is_digit(row):
            groups[row["speaker"], row["digit"]].append(row)
    if len({speaker for speaker, _ in groups}) < 2:
        raise InputError(
            f"{root / 'manifest.csv'}: no digits by two or more speakers in a folder "
            f"{DIGITS_FOLDER!r}"
        )
    chosen = [row for rows in groups.values() for row in spread(rows, per_digit)]
    return [_load_digit(root, row) for row in chosen]


def digit_paths(folder: str | Path, *, at_most: int) -> list[Path]:
    """Find files of spoken digits, evenly spread over all.

    Parameters
    ----------
    folder : str or Path
        Folder with ``manifest.csv``.
    at_most : int
        How many.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If there is none.
    """
    root = Path(folder)
    rows = [row for row in read_manifest(root, _COLUMNS) if _is_digit(row)]
    if not rows:
        raise InputError(f"{root / 'manifest.csv'}: no digits in a folder {DIGITS_FOLDER!r}")
    return [root / row["path"] for row in spread(rows, at_most)]


def load_talkers(folder: str | Path, *, sr: int, for_tests: bool = True) -> list[FloatArray]:
    """Load speech for babble that no codec was trained on and that has no digits of the bench.

    Parameters
    ----------
    folder : str or Path
        Folder with ``manifest.csv``.
    sr : int
        Rate to resample to, in Hz.
    for_tests : bool, default True
        The talkers of split ``dev``, whom classifiers are tested with; False gives other people,
        for training classifiers on noisy speech.

    Returns
    -------
    list of ndarray of float32, shape (sample,)
        The first 10 s of each clip, or of every other one where there are many.

    Raises
    ------
    InputError
        If there is none.
    """
    root = Path(folder)
    rows = [row for row in read_manifest(root, _COLUMNS) if _is_talker(row, for_tests=for_tests)]
    if not rows:
        raise InputError(f"{root / 'manifest.csv'}: there is no speech to make babble of")
    return list(_load_talkers(root, spread(rows, 40), sr))


def _is_digit(row: Mapping[str, str]) -> bool:
    return DIGITS_FOLDER in Path(row["path"]).parts and bool(row["digit"])


def _is_talker(row: Mapping[str, str], *, for_tests: bool) -> bool:
    folders = set(Path(row["path"]).parts)
    if row["kind"] != "speech" or DIGITS_FOLDER in folders:
        return False
    return row["split"] == "dev" if for_tests else row["split"] != "dev" and _reserved(folders)


def _reserved(folders: set[str]) -> bool:
    return not folders.isdisjoint(_RESERVED)


def _load_digit(root: Path, row: Mapping[str, str]) -> DigitClip:
    clip = load_audio(root / row["path"])
    y = prepare(clip.y, sr=clip.sr, peak=_PEAK)
    digit = round(float(row["digit"]))
    return DigitClip(row["path"], row["speaker"], digit, y, clip.sr)


def _load_talkers(root: Path, rows: Sequence[Mapping[str, str]], sr: int) -> Iterator[FloatArray]:
    for row in rows:
        y = load_audio(root / row["path"], target_sr=sr).y[: round(_TALKER_S * sr)]
        if len(y) >= _SHORTEST_TALKER_S * sr and np.any(y):
            yield y
