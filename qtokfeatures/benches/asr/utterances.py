"""The speech of the ASR bench: digits alone, digits joined, and numbers read out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.clips import scale_peak
from qtokfeatures.benches.digits.recordings import DigitClip, load_digits
from qtokfeatures.benches.manifest import read_manifest
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError

SR: Final = 8000
"""Rate of everything in the bench, in Hz: that of the digits."""

NUMBERS_FOLDER: Final = "alphanumeric"
"""Folder of the numbers, any part of a manifest's ``path``."""

CORPORA: Final = ("digits", "connected digits", "numbers")

_WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NUMBERS_LABEL: Final = "numbers"
_FEWEST_DIGITS: Final = 9  # ten were read; fewer than nine are not what was said
_COLUMNS: Final = ("path", "speaker", "text", "label", "split", "truncated")
_ALONE: Final = 1 / 4
_MOST_JOINED: Final = 6
_EDGE_S: Final = (0.1, 0.3)
_PAUSE_S: Final = (0.05, 0.3)
_PEAK: Final = 0.5
_FLOOR: Final = 10 ** (-65 / 20)
_SEED: Final = 0


@dataclass(frozen=True, eq=False)
class Utterance:
    """Something said.

    Parameters
    ----------
    name : str
        What to call it.
    corpus : str
        One of :data:`CORPORA`.
    speaker : str
        Who said it.
    transcript : str
        What was said, in words.
    y : ndarray of float32, shape (sample,)
        Mono samples at :data:`SR`.
    tunable : bool
        Whether it may be used for choosing settings: it is of split ``train``.
    """

    name: str
    corpus: str
    speaker: str
    transcript: str
    y: FloatArray
    tunable: bool


def load_utterances(folder: str | Path, *, per_digit: int = 15) -> list[Utterance]:
    """Load the bench's speech, which no codec was trained on.

    Parameters
    ----------
    folder : str or Path
        Folder with ``manifest.csv``.
    per_digit : int, default 15
        Recordings of each digit by each speaker. A quarter are utterances of their own, the
        others are joined to utterances of two to six digits, with pauses.

    Returns
    -------
    list of Utterance
        Each with noise 65 dB below full scale, so that no pause is silent.

    Raises
    ------
    InputError
        If the folder has no digits or no numbers.
    """
    root = Path(folder)
    digits = load_digits(root, per_digit=per_digit)
    rate = {clip.sr for clip in digits}
    if rate != {SR}:
        raise InputError(f"expected spoken digits at {SR} Hz, got {sorted(rate)}")
    dev = {row["path"] for row in read_manifest(root, _COLUMNS) if row["split"] == "dev"}
    spoken = [*_of_digits(digits, dev), *_numbers(root)]
    return [replace(u, y=_with_floor(u.y, row)) for row, u in enumerate(spoken)]


def spell_digits(digits: str) -> str:
    """Return the words of digits.

    Parameters
    ----------
    digits : str
        Only digits.

    Returns
    -------
    str

    Examples
    --------
    >>> spell_digits("407")
    'four zero seven'
    """
    return " ".join(_WORDS[int(digit)] for digit in digits)


def _of_digits(digits: Sequence[DigitClip], dev: set[str]) -> Iterator[Utterance]:
    for speaker in sorted({clip.speaker for clip in digits}):
        own = [clip for clip in digits if clip.speaker == speaker]
        rng = np.random.default_rng((_SEED, len(own), sum(map(ord, speaker))))
        shuffled = [own[i] for i in rng.permutation(len(own))]
        count = 0
        while shuffled:
            alone = rng.random() < _ALONE
            n = 1 if alone else int(rng.integers(2, _MOST_JOINED + 1))
            taken, shuffled = shuffled[:n], shuffled[n:]
            yield Utterance(
                name=f"{speaker}-{count}",
                corpus=CORPORA[0] if len(taken) == 1 else CORPORA[1],
                speaker=speaker,
                transcript=" ".join(_WORDS[clip.digit] for clip in taken),
                y=_joined(taken, rng),
                tunable=taken[0].name not in dev,
            )
            count += 1


def _joined(clips: Sequence[DigitClip], rng: np.random.Generator) -> FloatArray:
    pauses = [_EDGE_S, *[_PAUSE_S] * (len(clips) - 1)]
    parts = [
        part
        for clip, pause in zip(clips, pauses, strict=True)
        for part in (_silence(pause, rng), clip.y)
    ]
    return np.concatenate([*parts, _silence(_EDGE_S, rng)])


def _silence(between_s: tuple[float, float], rng: np.random.Generator) -> FloatArray:
    return np.zeros(round(rng.uniform(*between_s) * SR), dtype=np.float32)


def _numbers(root: Path) -> list[Utterance]:
    rows = [row for row in read_manifest(root, _COLUMNS) if _is_number(row)]
    if not rows:
        raise InputError(f"{root / 'manifest.csv'}: no numbers in a folder {NUMBERS_FOLDER!r}")
    return [
        Utterance(
            name=row["path"],
            corpus=CORPORA[2],
            speaker=row["speaker"],
            transcript=spell_digits(row["text"].strip()),
            y=scale_peak(load_audio(root / row["path"], target_sr=SR).y, peak=_PEAK),
            tunable=row["split"] != "dev",
        )
        for row in rows
    ]


def _is_number(row: Mapping[str, str]) -> bool:
    text = row["text"].strip()
    return (
        NUMBERS_FOLDER in Path(row["path"]).parts
        and row["label"] == _NUMBERS_LABEL
        and text.isdigit()
        and len(text) >= _FEWEST_DIGITS
        and not row["truncated"]
    )


def _with_floor(y: FloatArray, seed: int) -> FloatArray:
    rng = np.random.default_rng((_SEED, seed))
    return y + np.float32(_FLOOR) * rng.standard_normal(len(y), dtype=np.float32)
