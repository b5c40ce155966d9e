"""Synthetic speech with timed phones and words, English and other languages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soxr

from qtokfeatures.rendering import speaker
from qtokfeatures.rendering.clips import Rendered, Span, at_level
from qtokfeatures.rendering.phones import SILENCE, phone_of_flite, phones_of_ipa
from qtokfeatures.rendering.sentences import english_text, foreign_sentence, phrases, voices
from qtokfeatures.rendering.tools import SAMPLE_RATE, ToolError, ToolMissingError

ESPEAK_LICENCE: Final = "output of espeak-ng (program GPL-3.0-or-later; text by this project)"
FLITE_LICENCE: Final = "output of CMU Flite (BSD-like voices; text by this project)"

_MEAN_S: Final = 2.45
_FOREIGN_MEAN_S: Final = 3.3
_FLITE_SHARE: Final = 0.25
_LONGEST_PAUSE_S: Final = 0.15

FloatArray = npt.NDArray[np.float32]

_TIMEOUT_S: Final = 120
_QUIET: Final = 0.05  # share of the utterance's level below which a nameless span is a pause


def render_speech(
    *, minutes: float, seed: int = 0, part: tuple[int, int] = (0, 1)
) -> Iterator[Rendered]:
    """Render English texts, timed, each with a random voice, rate and pitch."""
    n_clips = max(1, round(minutes * 60 / _MEAN_S))
    for number in range(part[0], n_clips, part[1]):
        rng = np.random.default_rng((seed, 4, number))
        by_flite = rng.random() < _FLITE_SHARE
        yield _flite(f"{number:05d}", rng) if by_flite else _espeak(f"{number:05d}", "en", rng)


def render_foreign(
    *, minutes: float, seed: int = 0, part: tuple[int, int] = (0, 1)
) -> Iterator[Rendered]:
    """Render phrases of other languages with timed phones."""
    n_clips = max(1, round(minutes * 60 / _FOREIGN_MEAN_S))
    for number in range(part[0], n_clips, part[1]):
        rng = np.random.default_rng((seed, 6, number))
        yield _espeak(f"{number:05d}", str(rng.choice(list(phrases()))), rng)


def _flite(name: str, rng: np.random.Generator) -> Rendered:
    voice = str(rng.choice(voices("flite")))
    spoken = say_flite(
        english_text(rng),
        voice=voice,
        stretch=float(rng.uniform(0.7, 1.45)),
        pitch_factor=float(rng.uniform(0.75, 1.4)),
    )
    return _rendered(f"{name}_flite-{voice}", spoken, FLITE_LICENCE, "flite", rng)


def _espeak(name: str, language: str, rng: np.random.Generator) -> Rendered:
    english = language == "en"
    accent = str(rng.choice(voices("english"))) if english else language
    voice = f"{accent}+{rng.choice(voices('variants'))}"
    spoken = say_espeak(
        english_text(rng) if english else foreign_sentence(language, rng),
        voice=voice,
        words_per_minute=int(rng.integers(110, 261)),
        pitch=int(rng.integers(10, 95)),
        pitch_range=int(rng.integers(15, 95)),
        word_gap=int(rng.choice([0, 0, 0, 2, 6, 12])),
    )
    if not english:  # only English words are training targets
        spoken = Spoken(spoken.y, spoken.phones, ())
    name = f"{name}_espeak-{voice.replace('+', '-')}"
    return _rendered(name, spoken, ESPEAK_LICENCE, "espeak-ng", rng)


def _rendered(
    name: str, spoken: Spoken, licence: str, source: str, rng: np.random.Generator
) -> Rendered:
    before, after = (rng.uniform(0, _LONGEST_PAUSE_S, 2) * SAMPLE_RATE).round().astype(int).tolist()
    whole = padded(spoken, before=before, after=after)
    y = at_level(whole.y, rng)
    return Rendered(name, "speech", y, licence, source, phones=whole.phones, words=whole.words)


@dataclass(frozen=True)
class Spoken:
    """An utterance: samples at 24 kHz, phones without gaps, words in lower case."""

    y: FloatArray
    phones: tuple[Span, ...]
    words: tuple[Span, ...]


def say_espeak(
    text: str,
    *,
    voice: str,
    words_per_minute: int = 160,
    pitch: int = 50,
    pitch_range: int = 50,
    word_gap: int = 0,
) -> Spoken:
    """Speak with libespeak-ng; rates from 80 to 450, pitch values from 0 to 99."""
    answer, y = _ask(
        engine="espeak",
        text=text,
        voice=voice,
        words_per_minute=words_per_minute,
        pitch=pitch,
        pitch_range=pitch_range,
        word_gap=word_gap,
    )
    english = voice.startswith("en")
    phones = _timed(answer["phones"], answer["sample_rate"], y.size)
    level = float(np.sqrt(np.mean(y**2)))
    named: list[Span] = []
    for phone in phones:
        named += _named(phone, y, english=english, quiet=_QUIET * level)
    return _spoken(y, named, _timed(answer["words"], answer["sample_rate"], y.size))


def say_flite(text: str, *, voice: str, stretch: float = 1.0, pitch_factor: float = 1.0) -> Spoken:
    """Speak English with libflite; `stretch` and `pitch_factor` multiply durations and pitch."""
    answer, y = _ask(
        engine="flite", text=text, voice=voice, stretch=stretch, pitch_factor=pitch_factor
    )
    phones = [
        span._replace(label=phone_of_flite(span.label))
        for span in _timed(answer["phones"], answer["sample_rate"], y.size)
    ]
    return _spoken(y, phones, _timed(answer["words"], answer["sample_rate"], y.size))


def padded(spoken: Spoken, *, before: int, after: int) -> Spoken:
    """The utterance with samples of silence before and after."""
    y = np.pad(spoken.y, (before, after))
    shifted = [
        span._replace(start=span.start + before, end=span.end + before) for span in spoken.phones
    ]
    phones = [Span(SILENCE, 0, before), *shifted, Span(SILENCE, y.size - after, y.size)]
    words = tuple(
        span._replace(start=span.start + before, end=span.end + before) for span in spoken.words
    )
    return replace(spoken, y=y, phones=_joined(phones), words=words)


def _ask(**request: Any) -> tuple[dict[str, Any], FloatArray]:
    program = [sys.executable, "-I", "-S", str(Path(speaker.__file__))]
    try:
        done = subprocess.run(
            program,
            input=json.dumps(request).encode(),
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{request['engine']} took more than {_TIMEOUT_S} s") from error
    message = done.stderr.decode(errors="replace").strip()
    if done.returncode == speaker.MISSING:
        raise ToolMissingError(f"{request['engine']} is not installed: {message}")
    if done.returncode:
        raise ToolError(f"{request['engine']} failed with status {done.returncode}: {message}")
    head, _, samples = done.stdout.partition(b"\n")
    answer = json.loads(head)
    y = np.frombuffer(samples, np.int16).astype(np.float32) / 32768
    y = soxr.resample(y, answer["sample_rate"], SAMPLE_RATE, quality="HQ")
    return answer, np.asarray(y, np.float32)


def _timed(events: Sequence[tuple[str, int]], rate: float, n_samples: int) -> list[Span]:
    """Spans from each event to the next, in samples at 24 kHz."""
    starts = [min(n_samples, round(start * SAMPLE_RATE / rate)) for _, start in events]
    ends = [*starts[1:], n_samples]
    return [
        Span(label, start, max(start, end))
        for (label, _), start, end in zip(events, starts, ends, strict=True)
    ]


def _named(phone: Span, y: FloatArray, *, english: bool, quiet: float) -> list[Span]:
    """Spans of a phone of espeak-ng; "" for a glide without a name."""
    classes = phones_of_ipa(phone.label, english=english)
    if not classes:
        sounding = y[phone.start : phone.end]
        silent = sounding.size == 0 or float(np.sqrt(np.mean(sounding**2))) < quiet
        classes = (SILENCE,) if silent else ("",)
    edges = np.linspace(phone.start, phone.end, len(classes) + 1).round().astype(int).tolist()
    return [
        Span(name, start, end)
        for name, start, end in zip(classes, edges[:-1], edges[1:], strict=True)
    ]


def _spoken(y: FloatArray, phones: Sequence[Span], words: Sequence[Span]) -> Spoken:
    first = phones[0].start if phones else y.size
    whole = _joined([Span(SILENCE, 0, first), *phones])
    return Spoken(y, whole, tuple(_trimmed(words, whole)))


def _joined(phones: Sequence[Span]) -> tuple[Span, ...]:
    """Spans without empty ones; adjacent silences, and nameless spans with the previous, joined."""
    out: list[Span] = []
    for span in phones:
        if span.start == span.end:
            continue
        silences = out and out[-1].label == span.label == SILENCE
        if out and (silences or not span.label):
            out[-1] = out[-1]._replace(end=span.end)
        else:
            out.append(span._replace(label=span.label or SILENCE))
    return tuple(out)


def _trimmed(words: Sequence[Span], phones: Sequence[Span]) -> list[Span]:
    """Words without the silences around them."""
    out = []
    for word in words:
        inside = [
            phone
            for phone in phones
            if phone.label != SILENCE and phone.end > word.start and phone.start < word.end
        ]
        label = word.label.strip(" ,.:?!").lower()
        if inside and label and " " not in label:  # "in the" may be spoken as one
            start, end = max(word.start, inside[0].start), min(word.end, inside[-1].end)
            out.append(Span(label, start, end))
    return out
