"""Texts to speak: sentences, digits, words, numbers and dates.

Words, forms of sentences and phrases, all written for this project, are in ``texts.json``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS: Final = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

# Fields of the sentences in the order in which they are drawn, and sorts of words to say alone.
_FIELDS: Final = (
    *("adjective", "noun", "verb", "past", "adverb", "place", "name", "animal", "food", "colour"),
    *("day", "month", "ordinal", "digit", "command"),
)
_ALONE: Final = (
    *("command", "command", "name", "animal", "noun", "food", "colour", "month", "day", "letter"),
    *("adjective", "verb", "teen", "tens", "ordinal"),
)


@functools.cache
def phrases() -> dict[str, tuple[str, ...]]:
    """Phrases in other languages, by espeak-ng's name of the language."""
    return {language: tuple(texts) for language, texts in _texts()["phrases"].items()}


def english_text(rng: np.random.Generator) -> str:
    """Random English text without numerals: a sentence, digits, words, a number or a date."""
    shares = [share for _, share in _TEXTS]
    make, _ = _TEXTS[rng.choice(len(_TEXTS), p=np.array(shares) / sum(shares))]
    return make(rng)


def english_sentence(rng: np.random.Generator) -> str:
    """Random English sentence."""
    forms = _texts()["questions" if rng.random() < 0.25 else "statements"]
    fields: dict[str, str] = {"number": number_in_words(int(rng.integers(2, 1000)))}
    for field in _FIELDS:
        fields[field] = _pick(field, rng)
        fields[f"{field}2"] = _pick(field, rng)
    form: str = forms[rng.integers(len(forms))]
    return form.format_map(fields)


def spoken_digits(rng: np.random.Generator) -> str:
    """Three to nine digits, with or without pauses."""
    digits = [_pick("digit", rng) for _ in range(rng.integers(3, 10))]
    return _row(digits, rng)


def one_digit(rng: np.random.Generator) -> str:
    """A random digit."""
    return _pick("digit", rng)


def one_word(rng: np.random.Generator) -> str:
    """A random word."""
    return _pick(_ALONE[rng.integers(len(_ALONE))], rng)


def few_words(rng: np.random.Generator) -> str:
    """Two to five random words and digits."""
    return _row(
        [
            one_digit(rng) if rng.random() < 0.3 else one_word(rng)
            for _ in range(rng.integers(2, 6))
        ],
        rng,
    )


def spelled(rng: np.random.Generator) -> str:
    """Spelled letters, sometimes with digits."""
    letters = [_pick("letter", rng).upper() for _ in range(rng.integers(2, 7))]
    digits = [one_digit(rng) for _ in range(rng.integers(0, 4))]
    return _row([*letters, *digits], rng)


def spoken_numbers(rng: np.random.Generator) -> str:
    """One to four numbers up to a million."""
    limits = 10 ** rng.integers(2, 7, rng.integers(1, 5))
    return ", ".join(number_in_words(int(rng.integers(0, limit))) for limit in limits)


def date_or_time(rng: np.random.Generator) -> str:
    """A date or a time of day."""
    if rng.random() < 0.5:
        year = number_in_words(int(rng.integers(1, 100)))
        month, ordinal = _pick("month", rng), _pick("ordinal", rng)
        return f"{_pick('day', rng)}, {month} {ordinal}, twenty {year}."
    hour, minute = (number_in_words(int(rng.integers(1, limit))) for limit in (13, 60))
    return f"at {hour} {minute} in the {rng.choice(['morning', 'evening', 'afternoon'])}."


_TEXTS: Final[tuple[tuple[Callable[[np.random.Generator], str], float], ...]] = (
    (english_sentence, 0.42),
    (spoken_digits, 0.13),
    (one_digit, 0.16),
    (one_word, 0.1),
    (few_words, 0.08),
    (spelled, 0.04),
    (spoken_numbers, 0.04),
    (date_or_time, 0.03),
)


def foreign_sentence(language: str, rng: np.random.Generator) -> str:
    """Random phrase in a language of :func:`phrases`, half of them with a number."""
    choices = phrases()[language]
    phrase = choices[rng.integers(len(choices))]
    return f"{phrase}, {rng.integers(2, 10_000)}." if rng.random() < 0.5 else f"{phrase}."


def number_in_words(number: int) -> str:
    """A number from 0 to 999,999 in words."""
    if number < 10:
        return DIGITS[number]
    if number < 20:
        return _TEENS[number - 10]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _TENS[tens - 2] + (f" {DIGITS[rest]}" if rest else "")
    size, name, joint = (100, "hundred", " and ") if number < 1000 else (1000, "thousand", " ")
    count, rest = divmod(number, size)
    return f"{number_in_words(count)} {name}" + (f"{joint}{number_in_words(rest)}" if rest else "")


def _row(items: list[str], rng: np.random.Generator) -> str:
    joint = (" ", ", ", ", ", ". ")[rng.integers(4)]
    return joint.join(items)


def _pick(sort: str, rng: np.random.Generator) -> str:
    choices = _words()[sort]
    return choices[rng.integers(len(choices))]


@functools.cache
def _words() -> dict[str, tuple[str, ...]]:
    """Words by their role in a sentence."""
    stored = {sort: " ".join(text).split() for sort, text in _texts()["words"].items()}
    return {
        **{sort: tuple(own) for sort, own in stored.items()},
        "place": tuple(_texts()["places"]),
        "digit": DIGITS,
        "teen": _TEENS,
        "tens": _TENS,
        "letter": tuple("abcdefghijklmnopqrstuvwxyz"),
    }


@functools.cache
def voices(group: str) -> tuple[str, ...]:
    """Voices of "flite", of "english" by espeak-ng, or "variants" of espeak-ng; some repeated."""
    return tuple(" ".join(_texts()["voices"][group]).split())


@functools.cache
def _texts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("texts.json").read_text("utf-8"))
    return found
