"""Synthesised speech: timed phones and words."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from qtokfeatures.rendering import ToolError, ToolMissingError, missing_tools, speaker
from qtokfeatures.rendering.phones import PHONES, SILENCE, phone_of_flite, phones_of_ipa
from qtokfeatures.rendering.sentences import DIGITS
from qtokfeatures.rendering.speech import (
    Spoken,
    padded,
    render_foreign,
    render_speech,
    say_espeak,
    say_flite,
)

SR = 24_000

needs_voices = pytest.mark.skipif(
    bool({"espeak-ng", "flite"} & set(missing_tools())),
    reason=f"not installed: {', '.join(missing_tools())}",
)

VOICES: dict[str, Callable[[str], Spoken]] = {
    "espeak": lambda text: say_espeak(text, voice="en-us", words_per_minute=150),
    "espeak british": lambda text: say_espeak(text, voice="en+f2", words_per_minute=220),
    "flite": lambda text: say_flite(text, voice="slt"),
    "flite slow": lambda text: say_flite(text, voice="kal", stretch=1.4),
}

# The vowel in the middle of each digit.
VOWELS = {
    "zero": "IH IY R",
    "one": "AH AA",  # as in "won" or, British, in "gone"
    "two": "UW",
    "three": "IY",
    "four": "AO",
    "five": "AY",
    "six": "IH",
    "seven": "EH",
    "eight": "EY",
    "nine": "AY",
}


def level(y: np.ndarray) -> float:
    return float(np.sqrt(np.mean(y**2)))


def assert_whole(spoken: Spoken) -> None:
    starts = [span.start for span in spoken.phones]
    ends = [span.end for span in spoken.phones]
    assert starts == [0, *ends[:-1]]
    assert ends[-1] == spoken.y.size
    assert all(start < end for start, end in zip(starts, ends, strict=True))
    assert {span.label for span in spoken.phones} <= set(PHONES)
    for before, after in zip(spoken.words[:-1], spoken.words[1:], strict=True):
        assert before.end <= after.start


@needs_voices
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("digit", DIGITS)
def test_the_vowel_of_a_digit_is_in_its_middle(voice: str, digit: str):
    spoken = VOICES[voice](digit)
    assert_whole(spoken)
    ((word, start, end),) = spoken.words
    assert word == digit
    inside = [span for span in spoken.phones if span.end > start and span.start < end]
    quarter = (end - start) / 4
    middle = {
        span.label for span in inside if span.start < end - quarter and span.end > start + quarter
    }
    assert middle & set(VOWELS[digit].split())


@needs_voices
@pytest.mark.parametrize("voice", VOICES)
def test_vowels_are_loud_and_silence_is_not(voice: str):
    spoken = VOICES[voice]("seven, four, nine.")
    sounding = level(spoken.y)
    pauses = [span for span in spoken.phones if span.label == SILENCE]
    assert len(pauses) >= 3
    silence = np.concatenate([spoken.y[start:end] for _, start, end in pauses])
    assert level(silence) < 0.25 * sounding
    for label, start, end in spoken.phones:
        if label in ("EH", "AO", "AY"):
            assert level(spoken.y[start:end]) > 0.8 * sounding


@needs_voices
@pytest.mark.parametrize("voice", VOICES)
def test_words_come_in_the_order_spoken(voice: str):
    spoken = VOICES[voice]("Six six, eight five. Henry chose water!")
    assert_whole(spoken)
    said = [word.label for word in spoken.words]
    assert said == ["six", "six", "eight", "five", "henry", "chose", "water"]


@needs_voices
def test_two_words_spoken_as_one_are_no_word():
    spoken = say_espeak("the cat is in the garden", voice="en-us")
    assert [word.label for word in spoken.words] == ["the", "cat", "is", "garden"]


@needs_voices
def test_other_words_between_do_not_change_an_utterance():
    first = say_espeak("seven", voice="en-us+klatt")
    say_espeak("eleven elephants", voice="en-us+whisper")
    again = say_espeak("seven", voice="en-us+klatt")
    np.testing.assert_array_equal(first.y, again.y)
    assert first.phones == again.phones


@needs_voices
def test_faster_is_shorter_and_higher_is_higher():
    slow, fast = (say_espeak("seven", voice="en", words_per_minute=rate) for rate in (110, 250))
    assert fast.y.size < 0.8 * slow.y.size
    for voice in ("slt", "rms"):
        low, high = (say_flite("seven", voice=voice, pitch_factor=factor) for factor in (0.8, 1.4))
        assert pitch(high) > 1.3 * pitch(low)


def pitch(spoken: Spoken) -> float:
    start, end = next((start, end) for label, start, end in spoken.phones if label == "EH")
    y = spoken.y[start:end]
    lags = np.arange(SR // 300, SR // 60)
    return SR / lags[np.argmax([y[:-lag] @ y[lag:] for lag in lags])]


@needs_voices
def test_silence_before_and_after_moves_the_times():
    spoken = VOICES["espeak"]("nine")
    longer = padded(spoken, before=1000, after=500)
    assert_whole(longer)
    assert longer.y.size == spoken.y.size + 1500
    assert longer.words[0].start == spoken.words[0].start + 1000
    assert longer.phones[0].label == longer.phones[-1].label == SILENCE


@needs_voices
def test_rendered_english_has_phones_and_words_and_other_languages_phones():
    for clip in render_speech(minutes=1.0, part=(0, 3)):
        assert_whole(Spoken(clip.y, clip.phones, clip.words))
        assert len(clip.phones) >= 3
        assert clip.words
    for clip in render_foreign(minutes=1.0, part=(0, 5)):
        assert_whole(Spoken(clip.y, clip.phones, clip.words))
        assert len(clip.phones) > 10
        assert not clip.words


@needs_voices
def test_unknown_voices_are_named():
    with pytest.raises(ToolError, match="no voice 'zzz'"):
        say_espeak("Hello.", voice="zzz")
    with pytest.raises(ToolMissingError, match=r"flite is not installed.*zzz"):
        say_flite("Hello.", voice="zzz")


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch):
    def load(name: str, **_: object) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert not speaker.is_installed("espeak")
    assert {"espeak-ng", "flite"} <= set(missing_tools())


def test_inventory_has_no_doubles_and_starts_with_silence():
    assert len(set(PHONES)) == len(PHONES) == 48
    assert PHONES[0] == SILENCE


@pytest.mark.parametrize(
    ("ipa", "english", "classes"),
    [
        ("a", True, ("AE",)),
        ("a", False, ("AA",)),
        ("tʃ", True, ("CH",)),
        ("ɪɹ", True, ("IH", "R")),
        ("ç", False, ("KH",)),
        ("ɐ̃ʊ̃", False, ("AH", "UH")),
        ("tʲ", False, ("T",)),
        ("(en)", False, ()),
        ("", True, ()),
    ],
)
def test_ipa_becomes_classes(ipa: str, english: bool, classes: tuple[str, ...]):
    assert phones_of_ipa(ipa, english=english) == classes


def test_flite_s_phones_are_arpabet():
    assert [phone_of_flite(name) for name in ("pau", "ax", "zh")] == ["SIL", "AX", "ZH"]
