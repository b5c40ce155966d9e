"""N-gram model of words or phones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from qtokfeatures.exceptions import InputError
from qtokfeatures.parameters import whole
from qtokfeatures.speech.symbols import split

_START, _END = "<s>", "</s>"


class NGram:
    """N-gram model of words or phones, interpolated with lower orders.

    The probability of a word is ``(count(history, word) + p(word | shorter history)) /
    (count(history) + 1)``: the prior of MacKay and Peto ("A hierarchical Dirichlet language
    model", Natural Language Engineering 1, 1995) with a mass of one.

    Parameters
    ----------
    order : int, default=2
        Length of the n-grams, 1 or more. 2 is a bigram model.

    Examples
    --------
    >>> model = NGram(2).fit(["one two", "one two", "one three"])
    >>> model.log_prob("two", ["one"]) > model.log_prob("three", ["one"])
    True
    """

    def __init__(self, order: int = 2) -> None:
        self.order = whole("order", order, at_least=1)
        self.counts: dict[tuple[str, ...], Counter[str]] = {}

    def fit(self, transcripts: Iterable[str]) -> NGram:
        """Count the words of transcripts.

        Parameters
        ----------
        transcripts : iterable of str
            Transcripts with words separated by spaces.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If there are no transcripts, or one is not text.
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
            raise InputError("expected at least one transcript, got none")
        return self

    @property
    def words(self) -> list[str]:
        """Sorted words of the fitted transcripts."""
        return sorted(set(self.counts.get((), ())) - {_END})

    def log_prob(self, word: str, history: Sequence[str]) -> float:
        """Return the log-probability of a word given the words before it.

        Parameters
        ----------
        word : str
            Next word.
        history : sequence of str
            All previous words of the sentence.

        Returns
        -------
        float
            Natural logarithm of the probability.
        """
        padded = [*[_START] * (self.order - 1), *history]
        kept = tuple(padded[len(padded) - self.order + 1 :]) if self.order > 1 else ()
        return math.log(self._probability(word, kept))

    def log_prob_end(self, history: Sequence[str]) -> float:
        """Return the log-probability that a sentence ends.

        Parameters
        ----------
        history : sequence of str
            All words of the sentence.

        Returns
        -------
        float
            Natural logarithm of the probability.
        """
        return self.log_prob(_END, history)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as JSON types.

        Returns
        -------
        dict
            Order and counts.
        """
        counts = [[list(history), dict(found)] for history, found in self.counts.items()]
        return {"order": self.order, "counts": counts}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> NGram:
        """Return the model stored by :meth:`to_dict`.

        Parameters
        ----------
        stored : dict
            Result of :meth:`to_dict`.

        Returns
        -------
        NGram
            Fitted model.
        """
        model = cls(stored["order"])
        model.counts = {tuple(history): Counter(found) for history, found in stored["counts"]}
        return model

    def _probability(self, word: str, history: tuple[str, ...]) -> float:
        found = self.counts.get(history, Counter())
        if history:
            prior = self._probability(word, history[1:])
        else:
            prior = 1 / (len(self.counts.get((), ())) + 1)  # one more for all unknown words
        return (found[word] + prior) / (found.total() + 1)
