"""What transcripts are made of: words, characters or phones, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError

UNITS: Final = ("word", "character", "phone")
"""What a recogniser can spell with. Words and phones stand apart by spaces."""


@dataclass(frozen=True)
class Alphabet:
    """The symbols of transcripts; number 0 is CTC's blank.

    Parameters
    ----------
    unit : {"word", "character", "phone"}
        What a symbol is.
    symbols : tuple of str
        Symbols 1, 2, ….

    Examples
    --------
    >>> alphabet = Alphabet.learn(["one two", "two"], "word")
    >>> alphabet.encode("two one", clip="a").tolist()
    [2, 1]
    >>> alphabet.decode([1, 1])
    'one one'
    """

    unit: str
    symbols: tuple[str, ...]

    @classmethod
    def learn(cls, transcripts: Iterable[str], unit: str) -> Alphabet:
        """Collect the symbols of transcripts, sorted.

        Parameters
        ----------
        transcripts : iterable of str
            What was said.
        unit : {"word", "character", "phone"}
            What a symbol is.

        Returns
        -------
        Alphabet

        Raises
        ------
        InputError
            If the unit is unknown.
        """
        if unit not in UNITS:
            raise InputError(f"unit must be one of {', '.join(UNITS)}; got {unit!r}")
        return cls(unit, tuple(sorted({s for text in transcripts for s in split(text, unit)})))

    @property
    def size(self) -> int:
        """How many symbols there are, the blank among them."""
        return 1 + len(self.symbols)

    def encode(self, transcript: str, *, clip: str) -> npt.NDArray[np.int64]:
        """Return the numbers of a transcript's symbols.

        Parameters
        ----------
        transcript : str
            What was said.
        clip : str
            The clip, to name it in errors.

        Returns
        -------
        ndarray of int64 (symbol,)

        Raises
        ------
        InputError
            If the transcript is empty, or has a symbol that is not in the alphabet.
        """
        found = split(transcript, self.unit)
        if not found:
            raise InputError(f"{clip}: its transcript is empty; leave the clip out")
        number = {symbol: index for index, symbol in enumerate(self.symbols, start=1)}
        unknown = sorted({symbol for symbol in found if symbol not in number})
        if unknown:
            raise InputError(
                f"{clip}: the {self.unit} {unknown[0]!r} of its transcript {transcript!r} is not "
                f"in the alphabet of {len(self.symbols)} symbols: {some_of(self.symbols)}"
            )
        return np.array([number[symbol] for symbol in found], dtype=np.int64)

    def decode(self, numbers: Sequence[int] | npt.NDArray[np.int64]) -> str:
        """Return the transcript of symbols.

        Parameters
        ----------
        numbers : sequence of int
            Numbers of symbols, no blanks.

        Returns
        -------
        str
        """
        joint = "" if self.unit == "character" else " "
        return joint.join(self.symbols[int(number) - 1] for number in numbers).strip()


def split(transcript: str, unit: str) -> list[str]:
    """Split a transcript into symbols; runs of white space count as one space.

    Parameters
    ----------
    transcript : str
        What was said.
    unit : {"word", "character", "phone"}
        What a symbol is.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        If it is no text.

    Examples
    --------
    >>> split(" no  way ", "word"), split(" a  b", "character")
    (['no', 'way'], ['a', ' ', 'b'])
    """
    if not isinstance(transcript, str):
        raise InputError(f"a transcript must be text, got {transcript!r}")
    words = transcript.split()
    return list(" ".join(words)) if unit == "character" else words


def some_of(symbols: Sequence[str], most: int = 30) -> str:
    """Name the first symbols, for an error."""
    return " ".join(map(repr, symbols[:most])) + (" …" if len(symbols) > most else "")
