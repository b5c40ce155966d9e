"""How likely words follow each other: a small n-gram model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from qtokfeatures.exceptions import InputError
from qtokfeatures.speech.symbols import split

_START, _END = "<s>", "</s>"


class NGram:
    """An n-gram model of words, or of phones, interpolated with shorter ones.

    The probability of a word is ``(count(history, word) + p(word | shorter history)) /
    (count(history) + 1)``: the prior of MacKay and Peto ("A hierarchical Dirichlet language
    model", Natural Language Engineering 1, 1995) with a mass of one.

    Parameters
    ----------
    order : int, default=2
        Words that count, the last included: 2 is a bigram.

    Examples
    --------
    >>> model = NGram(2).fit(["one two", "one two", "one three"])
    >>> model.log_prob("two", ["one"]) > model.log_prob("three", ["one"])
    True
    """

    def __init__(self, order: int = 2) -> None:
        if order < 1:
            raise InputError(f"order must be 1 or more, got {order}")
        self.order = order
        self.counts: dict[tuple[str, ...], Counter[str]] = {}

    def fit(self, transcripts: Iterable[str]) -> NGram:
        """Count the words of transcripts.

        Parameters
        ----------
        transcripts : iterable of str
            What was said; words stand apart by spaces.

        Returns
        -------
        self
        """
        self.counts = {}
        for transcript in transcripts:
            words = [*split(transcript, "word"), _END]
            history = [_START] * (self.order - 1)
            for word in words:
                for n in range(self.order):
                    key = tuple(history[len(history) - n :])
                    self.counts.setdefault(key, Counter())[word] += 1
                history = [*history, word][1:] if self.order > 1 else []
        if not self.counts:
            raise InputError("an n-gram model needs at least one transcript, got none")
        return self

    @property
    def words(self) -> list[str]:
        """All words it has met, sorted."""
        return sorted(set(self.counts.get((), ())) - {_END})

    def log_prob(self, word: str, history: Sequence[str]) -> float:
        """Return the log-probability of a word after others.

        Parameters
        ----------
        word : str
            The word.
        history : sequence of str
            The words before it, from the beginning on.

        Returns
        -------
        float
            Natural logarithm.
        """
        padded = [*[_START] * (self.order - 1), *history]
        kept = tuple(padded[len(padded) - self.order + 1 :]) if self.order > 1 else ()
        return math.log(self._probability(word, kept))

    def log_prob_end(self, history: Sequence[str]) -> float:
        """Return the log-probability that nothing follows."""
        return self.log_prob(_END, history)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as JSON types."""
        counts = [[list(history), dict(found)] for history, found in self.counts.items()]
        return {"order": self.order, "counts": counts}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> NGram:
        """Return the model that :meth:`to_dict` stored."""
        model = cls(stored["order"])
        model.counts = {tuple(history): Counter(found) for history, found in stored["counts"]}
        return model

    def _probability(self, word: str, history: tuple[str, ...]) -> float:
        found = self.counts.get(history, Counter())
        if history:
            prior = self._probability(word, history[1:])
        else:
            prior = 1 / (len(self.counts.get((), ())) + 1)  # one more for all words never met
        return (found[word] + prior) / (found.total() + 1)
