"""Speech of the ASR bench: single digits, connected digits, and numbers read out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.clips import BenchClip, read_manifest, scale_peak
from qtokfeatures.benches.digits.recordings import load_digits
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError

SR: Final = 8000  # rate of the digits
NUMBERS_FOLDER: Final = "alphanumeric"  # any part of a manifest's path
CORPORA: Final = ("digits", "connected digits", "numbers")

_WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NUMBERS_LABEL: Final = "numbers"
_FEWEST_DIGITS: Final = 9  # ten were read; fewer than nine means a wrong transcript
_COLUMNS: Final = ("path", "speaker", "text", "label", "split", "truncated")
_ALONE: Final = 1 / 4
_MOST_JOINED: Final = 6
_EDGE_S: Final = (0.1, 0.3)
_PAUSE_S: Final = (0.05, 0.3)
_PEAK: Final = 0.5
_FLOOR: Final = 10 ** (-65 / 20)
_SEED: Final = 0


def load_utterances(folder: str | Path, *, per_digit: int = 15) -> list[BenchClip]:
    """Load the speech of the ASR bench, on which no codec was trained.

    Parameters
    ----------
    folder : str or Path
        Folder with ``manifest.csv``.
    per_digit : int, default 15
        Number of recordings of each digit by each speaker. A quarter are utterances of their own,
        the others are joined to utterances of two to six digits, with pauses.

    Returns
    -------
    list of BenchClip
        At 8 kHz; `kind` is "digits", "connected digits" or "numbers", `text` the words. Noise
        65 dB below full scale is added, so that no pause is silent.

    Raises
    ------
    InputError
        If the folder has no digits or no numbers.

    Examples
    --------
    >>> from qtokfeatures.benches import find_shared_audio
    >>> spoken = load_utterances(find_shared_audio(), per_digit=2)  # doctest: +SKIP
    >>> spoken[0].text  # doctest: +SKIP
    'zero five three'
    """
    root = Path(folder)
    digits = load_digits(root, per_digit=per_digit)
    rate = {clip.sr for clip in digits}
    if rate != {SR}:
        raise InputError(f"expected spoken digits at {SR} Hz, got {sorted(rate)}")
    spoken = [*_of_digits(digits), *_numbers(root)]
    return [replace(u, y=_with_floor(u.y, row)) for row, u in enumerate(spoken)]


def spell_digits(digits: str) -> str:
    """Words of digits: "407" is "four zero seven"."""
    return " ".join(_WORDS[int(digit)] for digit in digits)


def _of_digits(digits: Sequence[BenchClip]) -> Iterator[BenchClip]:
    for speaker in sorted({clip.speaker for clip in digits}):
        own = [clip for clip in digits if clip.speaker == speaker]
        rng = np.random.default_rng((_SEED, len(own), sum(map(ord, speaker))))
        shuffled = [own[i] for i in rng.permutation(len(own))]
        count = 0
        while shuffled:
            alone = rng.random() < _ALONE
            n = 1 if alone else int(rng.integers(2, _MOST_JOINED + 1))
            taken, shuffled = shuffled[:n], shuffled[n:]
            yield BenchClip(
                name=f"{speaker}-{count}",
                kind=CORPORA[0] if len(taken) == 1 else CORPORA[1],
                y=_joined(taken, rng),
                sr=SR,
                speaker=speaker,
                text=spell_digits("".join(clip.text for clip in taken)),
                split=taken[0].split,
            )
            count += 1


def _joined(clips: Sequence[BenchClip], rng: np.random.Generator) -> FloatArray:
    pauses = [_EDGE_S, *[_PAUSE_S] * (len(clips) - 1)]
    parts = [
        part
        for clip, pause in zip(clips, pauses, strict=True)
        for part in (_silence(pause, rng), clip.y)
    ]
    return np.concatenate([*parts, _silence(_EDGE_S, rng)])


def _silence(between_s: tuple[float, float], rng: np.random.Generator) -> FloatArray:
    return np.zeros(round(rng.uniform(*between_s) * SR), dtype=np.float32)


def _numbers(root: Path) -> list[BenchClip]:
    rows = [row for row in read_manifest(root, _COLUMNS) if _is_number(row)]
    if not rows:
        raise InputError(f"{root / 'manifest.csv'}: no numbers in a folder {NUMBERS_FOLDER!r}")
    return [
        BenchClip(
            name=row["path"],
            kind=CORPORA[2],
            y=scale_peak(load_audio(root / row["path"], target_sr=SR).y, peak=_PEAK),
            sr=SR,
            speaker=row["speaker"],
            text=spell_digits(row["text"].strip()),
            split=row["split"],
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
