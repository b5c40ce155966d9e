"""Symbols of transcripts: words, characters or phones, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError
from qtokfeatures.parameters import one_of

UNITS: Final = ("word", "character", "phone")  # words and phones are separated by spaces


@dataclass(frozen=True)
class Alphabet:
    """Symbols 1, 2, … of transcripts; number 0 is the blank of CTC."""

    unit: str
    symbols: tuple[str, ...]

    @classmethod
    def learn(cls, transcripts: Iterable[str], unit: str) -> Alphabet:
        """Collect the symbols of transcripts, sorted."""
        one_of("unit", unit, UNITS)
        return cls(unit, tuple(sorted({s for text in transcripts for s in split(text, unit)})))

    @property
    def size(self) -> int:
        """Number of symbols, including the blank."""
        return 1 + len(self.symbols)

    def encode(self, transcript: str, *, clip: str) -> npt.NDArray[np.int64]:
        """Return the numbers of the symbols of a transcript, (symbol,)."""
        found = split(transcript, self.unit)
        if not found:
            raise InputError(f"{clip}: its transcript is empty; remove the clip")
        number = {symbol: index for index, symbol in enumerate(self.symbols, start=1)}
        unknown = sorted({symbol for symbol in found if symbol not in number})
        if unknown:
            raise InputError(
                f"{clip}: the {self.unit} {unknown[0]!r} of its transcript {transcript!r} is not "
                f"in the alphabet of {len(self.symbols)} symbols: {some_of(self.symbols)}"
            )
        return np.array([number[symbol] for symbol in found], dtype=np.int64)

    def decode(self, numbers: Sequence[int] | npt.NDArray[np.int64]) -> str:
        """Return the transcript of numbers without blanks."""
        joint = "" if self.unit == "character" else " "
        return joint.join(self.symbols[int(number) - 1] for number in numbers).strip()


def split(transcript: str, unit: str) -> list[str]:
    """Split a transcript into symbols; runs of white space count as one space."""
    if not isinstance(transcript, str):
        raise InputError(f"a transcript must be text, got {transcript!r}")
    words = transcript.split()
    return list(" ".join(words)) if unit == "character" else words


def some_of(symbols: Sequence[str], most: int = 30) -> str:
    """Name the first symbols, for an error."""
    return " ".join(map(repr, symbols[:most])) + (" …" if len(symbols) > most else "")


def check_transcripts(y: Any, clips: Sequence[str]) -> list[str]:
    """Return one transcript per clip; an error names the clip."""
    if y is None or isinstance(y, str):
        raise InputError(f"y must be one transcript for each clip, got {y!r}")
    texts = list(y)
    if len(texts) != len(clips):
        raise InputError(f"y has {len(texts)} transcripts for {len(clips)} clips")
    for name, text in zip(clips, texts, strict=True):
        if not isinstance(text, str):
            raise InputError(f"{name}: its transcript must be text, got {text!r}")
    return [str(text) for text in texts]
