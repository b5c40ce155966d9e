"""Decoding of log-probabilities: best path and prefix beam search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from qtokfeatures.exceptions import InputError
from qtokfeatures.speech.frame_batch import FrameBatch
from qtokfeatures.speech.network import BLANK, SpeechNetwork
from qtokfeatures.speech.ngram import NGram
from qtokfeatures.speech.symbols import Alphabet, some_of, split

Prefix: TypeAlias = tuple[int, ...]
LogProbs: TypeAlias = npt.NDArray[np.floating[Any]]

_NEVER = -np.inf

_BEAM_WIDTH: Final = 16  # of searches that only a scorer requires


class Scorer(Protocol):
    """Scores of prefixes that do not depend on the audio; −inf forbids a prefix."""

    def step(self, prefix: Prefix, symbol: int) -> float:
        """Return the log-score that appending a symbol adds."""

    def end(self, prefix: Prefix) -> float:
        """Return the log-score that ending after a prefix adds."""


class WordScorer(Scorer):
    """Scores by a lexicon and by an n-gram model with a weight."""

    def __init__(
        self,
        alphabet: Alphabet,
        *,
        lexicon: Iterable[str] | None = None,
        language_model: NGram | None = None,
        weight: float = 0.5,
    ) -> None:
        self._alphabet, self._model, self._weight = alphabet, language_model, weight
        self._words = None if lexicon is None else set(lexicon)
        self._beginnings = {w[:n] for w in self._words or () for n in range(len(w) + 1)}
        if self._words is not None and not self._words:
            raise InputError("the lexicon has no words; pass some, or None to allow any word")
        if self._words is not None and not any(map(self._can_be_said, self._words)):
            raise InputError(
                f"no word of the lexicon ({some_of(sorted(self._words))}) can be spelled with the "
                f"learned {alphabet.unit}s: {some_of(alphabet.symbols)}"
            )

    def _can_be_said(self, word: str) -> bool:
        return all(symbol in self._alphabet.symbols for symbol in split(word, self._alphabet.unit))

    def step(self, prefix: Prefix, symbol: int) -> float:
        """Return the log-score that appending a symbol adds."""
        added = self._alphabet.symbols[symbol - 1]
        if self._alphabet.unit != "character":
            return self._word(self._history(prefix), added)
        words = self._spelled(prefix)
        if added == " ":
            return self._word(words[:-1], words[-1]) if words[-1] else _NEVER
        known = self._words is None or words[-1] + added in self._beginnings
        return 0.0 if known else _NEVER

    def end(self, prefix: Prefix) -> float:
        """Return the log-score that ending after a prefix adds."""
        words, last = self._history(prefix), 0.0
        if self._alphabet.unit == "character" and prefix:
            words = self._spelled(prefix)
            last = self._word(words[:-1], words[-1]) if words[-1] else _NEVER
        if self._model is None or last == _NEVER:
            return last
        return last + self._weight * self._model.log_prob_end(words)

    def _word(self, history: list[str], word: str) -> float:
        if self._words is not None and word not in self._words:
            return _NEVER
        return 0.0 if self._model is None else self._weight * self._model.log_prob(word, history)

    def _history(self, prefix: Prefix) -> list[str]:
        return [self._alphabet.symbols[symbol - 1] for symbol in prefix]

    def _spelled(self, prefix: Prefix) -> list[str]:
        return "".join(self._history(prefix)).split(" ")


def best_path(log_probs: LogProbs) -> Prefix:
    """Return the symbols of the most probable path, without repeats and blanks."""
    best = np.asarray(log_probs).argmax(axis=1)
    changed = np.diff(best, prepend=-1) != 0
    return tuple(int(symbol) for symbol in best[changed] if symbol != BLANK)


def beam_search(
    log_probs: LogProbs, *, beam_width: int = 16, scorer: Scorer | None = None
) -> Prefix:
    """Return the symbols with the highest total probability of all paths that spell them."""
    # Prefix beam search (Graves, "Sequence Transduction with Recurrent Neural Networks", 2012;
    # Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition", 2014). Each
    # prefix keeps two log-probabilities, of paths that end in a blank and of those that end in its
    # last symbol: after a blank, that symbol is a new one, otherwise it is a repeat. The search is
    # exact if beam_width is at least the number of prefixes.
    beam: dict[Prefix, tuple[float, float]] = {(): (0.0, _NEVER)}
    extra: dict[Prefix, float] = {(): 0.0}
    for frame in np.asarray(log_probs, dtype=np.float64):
        grown: dict[Prefix, tuple[float, float]] = {}
        for prefix, (blank, symbol) in beam.items():
            both = np.logaddexp(blank, symbol)
            repeat = symbol + frame[prefix[-1]] if prefix else _NEVER
            _add(grown, prefix, both + frame[BLANK], repeat)
            for k in range(1, len(frame)):
                longer = (*prefix, k)
                if longer not in extra:
                    extra[longer] = extra[prefix] + (scorer.step(prefix, k) if scorer else 0.0)
                if extra[longer] > _NEVER:
                    before = blank if prefix and prefix[-1] == k else both
                    _add(grown, longer, _NEVER, before + frame[k])
        kept = sorted(grown, key=lambda p: -(np.logaddexp(*grown[p]) + extra[p]))[:beam_width]
        beam = {prefix: grown[prefix] for prefix in kept}
    ends = {p: np.logaddexp(*beam[p]) + extra[p] + (scorer.end(p) if scorer else 0) for p in beam}
    best = max(ends, key=lambda prefix: ends[prefix])
    return best if ends[best] > _NEVER else ()


def _add(
    beam: dict[Prefix, tuple[float, float]], prefix: Prefix, blank: float, symbol: float
) -> None:
    known = beam.get(prefix, (_NEVER, _NEVER))
    beam[prefix] = (
        float(np.logaddexp(known[0], blank)),
        float(np.logaddexp(known[1], symbol)),
    )


def log_probs_of(network: SpeechNetwork, batch: FrameBatch) -> list[npt.NDArray[np.float32]]:
    """Return the log-probabilities (step, symbol) of each clip; similar lengths share a batch."""
    found: dict[int, npt.NDArray[np.float32]] = {}
    for rows in batch.groups():
        frames, counts = torch.from_numpy(batch.padded(rows)), torch.from_numpy(batch.counts[rows])
        with torch.inference_mode():
            log_probs = network(frames, counts).numpy()
        steps = network.steps_of(counts).tolist()
        found |= {row: log_probs[i, : steps[i]] for i, row in enumerate(rows)}
    return [found[row] for row in range(len(batch))]


def spell(
    log_probs: Sequence[LogProbs], *, beam_width: int | None, scorer: Scorer | None
) -> list[Prefix]:
    """Return the symbols of each clip by best path, or by beam search with a width or scorer."""
    if beam_width is None and scorer is None:
        return [best_path(each) for each in log_probs]
    width = _BEAM_WIDTH if beam_width is None else beam_width
    return [beam_search(each, beam_width=width, scorer=scorer) for each in log_probs]
