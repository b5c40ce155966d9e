"""Decoding and alignment, beside trying everything."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtokfeatures.exceptions import InputError
from qtokfeatures.speech.alignment import _cuts, _extents, align_symbols, steps_needed
from qtokfeatures.speech.decoding import WordScorer, beam_search, best_path
from qtokfeatures.speech.ngram import NGram
from qtokfeatures.speech.symbols import Alphabet, split

WORDS = Alphabet("word", ("one", "two"))
LETTERS = Alphabet("character", (" ", "a", "b"))


def log_probs(seed: int, n_steps: int, n_symbols: int) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, 2, (n_steps, n_symbols))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def spelled(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def every_spelling(probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """Probability of everything that can be spelled, over all paths."""
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(probs.shape[1]), repeat=len(probs)):
        found[spelled(path)] += math.exp(sum(probs[t, k] for t, k in enumerate(path)))
    return found


def scored(scorer: WordScorer, symbols: tuple[int, ...]) -> float:
    steps = [scorer.step(symbols[:i], symbol) for i, symbol in enumerate(symbols)]
    return sum(steps) + scorer.end(symbols)


sizes = st.tuples(st.integers(0, 10_000), st.integers(1, 5), st.integers(2, 4))


@settings(deadline=None, max_examples=60)
@given(sizes)
def test_a_wide_beam_finds_the_most_probable_spelling(size: tuple[int, int, int]) -> None:
    probs = log_probs(*size)
    every = every_spelling(probs)
    found = beam_search(probs, beam_width=1000)
    assert every[found] == pytest.approx(max(every.values()))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_with_a_language_model_too(seed: int, n_steps: int) -> None:
    model = NGram(2).fit(["one two", "two two", "one two one"])
    scorer = WordScorer(WORDS, language_model=model, weight=1.5)
    every = every_spelling(log_probs(seed, n_steps, 3))
    total = {symbols: math.log(p) + scored(scorer, symbols) for symbols, p in every.items()}
    found = beam_search(log_probs(seed, n_steps, 3), beam_width=1000, scorer=scorer)
    assert total[found] == pytest.approx(max(total.values()))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 5), st.booleans())
def test_only_words_that_there_are(seed: int, n_steps: int, with_model: bool) -> None:
    model = NGram(1).fit(["ab b", "b"]) if with_model else None
    scorer = WordScorer(LETTERS, lexicon=["ab", "b"], language_model=model)
    probs = log_probs(seed, n_steps, 4)
    total = {s: math.log(p) + scored(scorer, s) for s, p in every_spelling(probs).items()}
    found = beam_search(probs, beam_width=1000, scorer=scorer)
    assert total[found] == pytest.approx(max(total.values()))
    assert set(LETTERS.decode(found).split()) <= {"ab", "b"}


@settings(deadline=None, max_examples=60)
@given(sizes)
def test_the_best_path_spells_the_best_symbol_of_each_step(size: tuple[int, int, int]) -> None:
    probs = log_probs(*size)
    assert best_path(probs) == spelled(tuple(probs.argmax(axis=1).tolist()))


def test_a_lexicon_of_no_words_is_an_error() -> None:
    with pytest.raises(InputError, match="the lexicon has no words"):
        WordScorer(WORDS, lexicon=[])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 6), st.lists(st.integers(1, 2), max_size=3))
def test_an_alignment_is_the_most_probable_path(seed: int, n_steps: int, wanted: list[int]) -> None:
    if steps_needed(wanted) > n_steps:
        return
    probs = log_probs(seed, n_steps, 3)
    paths = [
        path
        for path in itertools.product(range(3), repeat=n_steps)
        if spelled(path) == tuple(wanted)
    ]
    best = max(sum(probs[t, k] for t, k in enumerate(path)) for path in paths)
    spans = align_symbols(probs, wanted)
    path = np.zeros(n_steps, dtype=int)
    for (start, end), symbol in zip(spans, wanted, strict=True):
        path[start:end] = symbol
    assert spelled(tuple(path.tolist())) == tuple(wanted)
    assert sum(probs[t, k] for t, k in enumerate(path)) == pytest.approx(best)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 5))
def test_extents_are_in_order_and_hold_the_most_weight(seed: int, count: int, more: int) -> None:
    n_frames = count + more
    weights = np.random.default_rng(seed).exponential(size=(count, n_frames)) ** 3
    spans = _extents(weights)
    assert (spans[:, 0] < spans[:, 1]).all()
    assert (spans[1:, 0] >= spans[:-1, 1]).all()
    assert spans[0, 0] >= 0
    assert spans[-1, 1] <= n_frames
    mass = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    cuts = _cuts(mass)
    padded = np.pad(mass, ((0, 0), (1, 0)))

    def held(edges: tuple[int, ...]) -> float:
        return sum(
            padded[k, z] - padded[k, a] for k, (a, z) in enumerate(itertools.pairwise(edges))
        )

    every = [
        held((0, *inner, n_frames))
        for inner in itertools.combinations(range(1, n_frames), count - 1)
    ]
    assert held(tuple(cuts)) == pytest.approx(max(every))


def test_extents_end_where_the_weights_do() -> None:
    weights = np.array([[0, 1, 5, 5, 1, 0, 0, 0, 0], [0, 0, 0, 0.0, 0, 4, 4, 4, 0]])
    assert _extents(weights).tolist() == [[1, 5], [5, 8]]
    assert _extents(np.zeros((2, 3))).shape == (2, 2)


class TestNGram:
    def test_probabilities_of_all_words_and_the_end_add_up(self) -> None:
        model = NGram(3).fit(["one two", "two one two", "one"])
        for history in ([], ["one"], ["one", "two"], ["new"]):
            known = [math.exp(model.log_prob(word, history)) for word in model.words]
            total = sum(known) + math.exp(model.log_prob_end(history))
            assert total + math.exp(model.log_prob("unknown", history)) == pytest.approx(1)

    def test_it_comes_back_from_json(self) -> None:
        model = NGram(2).fit(["one two", "two one"])
        again = NGram.from_dict(model.to_dict())
        assert again.log_prob("two", ["one"]) == model.log_prob("two", ["one"])
        assert again.words == ["one", "two"]

    def test_nothing_to_count_is_an_error(self) -> None:
        with pytest.raises(InputError, match="at least one transcript"):
            NGram(2).fit([])
        with pytest.raises(InputError, match="order"):
            NGram(0)


class TestAlphabet:
    def test_what_is_encoded_is_decoded(self) -> None:
        for unit in ("word", "character", "phone"):
            alphabet = Alphabet.learn(["a bc", "c  a"], unit)
            assert alphabet.decode(alphabet.encode("c a", clip="x")) == "c a"

    def test_an_unknown_symbol_names_clip_and_symbol(self) -> None:
        with pytest.raises(InputError, match=r"x\.wav: the character 'ß' of its transcript 'aß'"):
            Alphabet("character", ("a",)).encode("aß", clip="x.wav")

    def test_an_empty_transcript_names_the_clip(self) -> None:
        with pytest.raises(InputError, match=r"x\.wav: its transcript is empty"):
            WORDS.encode("  ", clip="x.wav")

    def test_an_unknown_unit(self) -> None:
        with pytest.raises(InputError, match="unit must be 'word', 'character' or 'phone'"):
            Alphabet.learn(["a"], "syllable")

    def test_numbers_are_no_text(self) -> None:
        with pytest.raises(InputError, match="must be text, got 7"):
            split(7, "word")  # type: ignore[arg-type]
