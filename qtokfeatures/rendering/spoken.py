"""Synthesised speech with the time of every phone and word."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import soxr

from qtokfeatures.rendering import speaker
from qtokfeatures.rendering.phones import SILENCE, phone_of_flite, phones_of_ipa
from qtokfeatures.rendering.tools import SAMPLE_RATE, ToolError, ToolMissingError

FloatArray = npt.NDArray[np.float32]

_TIMEOUT_S: Final = 120
_QUIET: Final = 0.05  # of the utterance's level: what espeak-ng leaves unnamed is a pause below it


class Span(NamedTuple):
    """A phone or a word, and the samples from ``start`` up to ``end`` in which it sounds."""

    label: str
    start: int
    end: int


@dataclass(frozen=True)
class Spoken:
    """An utterance.

    Attributes
    ----------
    y : numpy.ndarray
        float32 (sample,), 24 kHz.
    phones : tuple of Span
        Of :data:`qtokfeatures.rendering.phones.PHONES`, from the first sample to the last
        without gaps.
    words : tuple of Span
        In lower case, in the order spoken; silence belongs to none.
    """

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
    """Speak with libespeak-ng.

    Parameters
    ----------
    text : str
        What to say, in the voice's language.
    voice : str
        Name of a voice with an optional variant: ``"en-us"``, ``"de+f2"``; ``"en"`` is British.
    words_per_minute : int, default 160
        Rate, 80 … 450.
    pitch, pitch_range : int, default 50
        Height and liveliness of the pitch, 0 … 99.
    word_gap : int, default 0
        Pause between words in units of 10 ms at the usual rate.

    Returns
    -------
    Spoken
        The sound, its phones and its words.

    Raises
    ------
    ToolMissingError
        If libespeak-ng is not installed.
    ToolError
        If there is no such voice.
    """
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
    """Speak English with libflite.

    Parameters
    ----------
    text : str
        What to say.
    voice : str
        ``"rms"``, ``"slt"``, ``"awb"``, ``"kal16"`` or ``"kal"``.
    stretch : float, default 1.0
        Durations are multiplied by it.
    pitch_factor : float, default 1.0
        The pitch is multiplied by it; of "rms", which has one pitch, by 0.85 … 1.2 only, and its
        formants too.

    Returns
    -------
    Spoken
        The sound, its phones and its words.

    Raises
    ------
    ToolMissingError
        If libflite or the voice is not installed.
    """
    answer, y = _ask(
        engine="flite", text=text, voice=voice, stretch=stretch, pitch_factor=pitch_factor
    )
    phones = [
        span._replace(label=phone_of_flite(span.label))
        for span in _timed(answer["phones"], answer["sample_rate"], y.size)
    ]
    return _spoken(y, phones, _timed(answer["words"], answer["sample_rate"], y.size))


def padded(spoken: Spoken, *, before: int, after: int) -> Spoken:
    """Put samples of silence before and after an utterance."""
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
        raise ToolMissingError(f"install {request['engine']}: {message}")
    if done.returncode:
        raise ToolError(f"{request['engine']} failed with status {done.returncode}: {message}")
    head, _, samples = done.stdout.partition(b"\n")
    answer = json.loads(head)
    y = np.frombuffer(samples, np.int16).astype(np.float32) / 32768
    y = soxr.resample(y, answer["sample_rate"], SAMPLE_RATE, quality="HQ")
    return answer, np.asarray(y, np.float32)


def _timed(events: Sequence[tuple[str, int]], rate: float, n_samples: int) -> list[Span]:
    """Let each event last until the next one, at the rate of the resampled sound."""
    starts = [min(n_samples, round(start * SAMPLE_RATE / rate)) for _, start in events]
    ends = [*starts[1:], n_samples]
    return [
        Span(label, start, max(start, end))
        for (label, _), start, end in zip(events, starts, ends, strict=True)
    ]


def _named(phone: Span, y: FloatArray, *, english: bool, quiet: float) -> list[Span]:
    """Give one of espeak-ng's phones our classes; "" for a glide without a name of its own."""
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
    """Drop empty spans; join neighbouring silences, and nameless spans to the one before."""
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
    """Take the silences before and after each word off it; leave out what then is empty."""
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
