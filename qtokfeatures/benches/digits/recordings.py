"""Spoken digits of the Free Spoken Digit Dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.clips import BenchClip, prepare, read_manifest, spread
from qtokfeatures.exceptions import InputError

DIGITS_FOLDER: Final = "fsdd"  # any part of a manifest's path
_COLUMNS: Final = ("path", "split", "speaker", "digit")
_PEAK: Final = 0.5


def load_digits(folder: str | Path, *, per_digit: int | None = 15) -> list[BenchClip]:
    """Load the Free Spoken Digit Dataset, at its own rate of 8 kHz.

    Parameters
    ----------
    folder : str or Path
        Folder with ``manifest.csv``.
    per_digit : int, optional
        Number of recordings of each digit by each speaker, evenly spread over the manifest's
        order, default 15. None loads all 50.

    Returns
    -------
    list of BenchClip
        Each scaled to a peak of 0.5, with its speaker and the digit ("0" … "9") as text.

    Raises
    ------
    InputError
        If there are no digits, or only of one speaker.

    Examples
    --------
    >>> from qtokfeatures.benches import find_shared_audio
    >>> digits = load_digits(find_shared_audio(), per_digit=1)  # doctest: +SKIP
    >>> digits[0].speaker, digits[0].text  # doctest: +SKIP
    ('george', '0')
    """
    root = Path(folder)
    groups: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for row in _digit_rows(root):
        groups[row["speaker"], row["digit"]].append(row)
    if len({speaker for speaker, _ in groups}) < 2:
        raise InputError(
            f"{root / 'manifest.csv'}: no digits by two or more speakers in a folder "
            f"{DIGITS_FOLDER!r}"
        )
    chosen = [row for rows in groups.values() for row in spread(rows, per_digit)]
    return [_load_digit(root, row) for row in chosen]


def digit_paths(folder: str | Path, *, at_most: int) -> list[Path]:
    """Files of spoken digits, evenly spread over all."""
    root = Path(folder)
    rows = _digit_rows(root)
    if not rows:
        raise InputError(f"{root / 'manifest.csv'}: no digits in a folder {DIGITS_FOLDER!r}")
    return [root / row["path"] for row in spread(rows, at_most)]


def _digit_rows(root: Path) -> list[dict[str, str]]:
    rows = read_manifest(root, _COLUMNS)
    return [row for row in rows if DIGITS_FOLDER in Path(row["path"]).parts and row["digit"]]


def _load_digit(root: Path, row: Mapping[str, str]) -> BenchClip:
    clip = load_audio(root / row["path"])
    return BenchClip(
        name=row["path"],
        kind="speech",
        y=prepare(clip.y, sr=clip.sr, peak=_PEAK),
        sr=clip.sr,
        speaker=row["speaker"],
        text=str(round(float(row["digit"]))),
        split=row["split"],
    )
