"""One utterance from libespeak-ng or libflite, with the onsets of phones and words.

A program of its own with the standard library only: JSON request on standard input; a line of JSON
and the int16 samples on standard output. Both libraries keep state between utterances and may
crash, so each utterance gets its own process.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from ctypes import POINTER, RTLD_GLOBAL, c_char_p, c_float, c_int, c_short, c_uint, c_void_p
from typing import Any, Final

LIBRARIES: Final = {"espeak": "libespeak-ng.so.1", "flite": "libflite.so.1"}

# Exit codes: a library is not installed, or it failed.
MISSING, FAILED = 3, 4

_SYNCHRONOUS, _PHONEME_EVENTS, _PHONEME_IPA = 2, 1, 2
_UTF8 = 1
_RATE, _PITCH, _RANGE, _WORD_GAP = 1, 3, 4, 7
_END_OF_LIST, _WORD, _PHONEME = 0, 1, 7


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of ``speak_lib.h``."""

    _fields_ = (
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("string", ctypes.c_char * 8),
    )


_CALLBACK: Final = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


class _Wave(ctypes.Structure):
    """``cst_wave`` of ``cst_wave.h``."""

    _fields_ = (
        ("type", c_char_p),
        ("sample_rate", c_int),
        ("num_samples", c_int),
        ("num_channels", c_int),
        ("samples", POINTER(c_short)),
    )


class _Voice(ctypes.Structure):
    """First fields of ``cst_voice`` of ``cst_voice.h``."""

    _fields_ = (("name", c_char_p), ("features", c_void_p))


def say_with_espeak(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Speak with libespeak-ng; phones are named in IPA."""
    library = ctypes.CDLL(LIBRARIES["espeak"])
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _PHONEME_IPA)
    if library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        raise RuntimeError(f"espeak-ng has no voice {request['voice']!r}")
    for parameter, name in (
        (_RATE, "words_per_minute"),
        (_PITCH, "pitch"),
        (_RANGE, "pitch_range"),
        (_WORD_GAP, "word_gap"),
    ):
        library.espeak_SetParameter(parameter, request[name], 0)
    samples, phones = bytearray(), []
    words: list[tuple[int, int]] = []
    text: str = request["text"]

    def receive(wave: Any, n_samples: int, events: Any) -> int:
        if wave and n_samples > 0:
            samples.extend(ctypes.string_at(wave, 2 * n_samples))
        index = 0
        while events[index].type != _END_OF_LIST:
            event = events[index]
            if event.type == _PHONEME:
                phones.append([event.string.decode(errors="replace"), event.sample])
            elif event.type == _WORD:
                words.append((event.text_position - 1, event.sample))
            index += 1
        return 0

    callback = _CALLBACK(receive)
    library.espeak_SetSynthCallback(callback)
    data = text.encode() + b"\0"
    status = library.espeak_Synth(data, len(data), 0, 0, 0, _UTF8, None, None)
    if status != 0 or not samples:
        raise RuntimeError(f"espeak-ng did not speak: status {status}")
    # A label spans from one event to the next: "in the" may be one event.
    ends = [*(position for position, _ in words[1:]), len(text)]
    named = [[text[at:end], sample] for (at, sample), end in zip(words, ends, strict=True)]
    return {"sample_rate": rate, "phones": phones, "words": named}, bytes(samples)


def say_with_flite(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Speak with libflite; phones are named as in its US English voices."""
    library = ctypes.CDLL(LIBRARIES["flite"], mode=RTLD_GLOBAL)
    for name in ("cmulex", "usenglish"):
        ctypes.CDLL(f"libflite_{name}.so.1", mode=RTLD_GLOBAL)
    name = f"cmu_us_{request['voice']}"
    register = getattr(ctypes.CDLL(f"libflite_{name}.so.1"), f"register_{name}")
    register.restype, register.argtypes = c_void_p, [c_char_p]
    call = _flite_functions(library)
    library.flite_init()
    voice = register(None)
    features = ctypes.cast(voice, POINTER(_Voice))[0].features
    faster = _played_faster(request["voice"], request["pitch_factor"])
    call["feat_set_float"](features, b"duration_stretch", request["stretch"] * faster)
    call["feat_set_float"](features, b"f0_shift", request["pitch_factor"])
    utterance = call["flite_synth_text"](request["text"].encode(), voice)
    wave = call["utt_wave"](utterance)[0]
    rate = wave.sample_rate
    phones, words, start, before = [], [], 0, None
    segment = call["relation_head"](call["utt_relation"](utterance, b"Segment"))
    while segment:
        phones.append([call["ffeature_string"](segment, b"name").decode(), start])
        word = call["item_parent"](call["item_parent"](call["item_as"](segment, b"SylStructure")))
        if word and word != before:
            words.append([call["ffeature_string"](word, b"name").decode(), start])
        before = word
        start = round(call["ffeature_float"](segment, b"end") * rate)
        segment = call["item_next"](segment)
    samples = ctypes.string_at(wave.samples, 2 * wave.num_samples)
    return {"sample_rate": rate * faster, "phones": phones, "words": words}, samples


def _played_faster(voice: str, pitch_factor: float) -> float:
    """Playback speed of "rms", whose pitch flite cannot shift, within limits."""
    return min(max(pitch_factor, 0.85), 1.2) if voice == "rms" else 1.0


def _flite_functions(library: ctypes.CDLL) -> dict[str, Callable[..., Any]]:
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "flite_synth_text": (c_void_p, [c_char_p, c_void_p]),
        "utt_wave": (POINTER(_Wave), [c_void_p]),
        "utt_relation": (c_void_p, [c_void_p, c_char_p]),
        "relation_head": (c_void_p, [c_void_p]),
        "item_next": (c_void_p, [c_void_p]),
        "item_as": (c_void_p, [c_void_p, c_char_p]),
        "item_parent": (c_void_p, [c_void_p]),
        "ffeature_string": (c_char_p, [c_void_p, c_char_p]),
        "ffeature_float": (c_float, [c_void_p, c_char_p]),
        "feat_set_float": (None, [c_void_p, c_char_p, c_float]),
    }
    functions: dict[str, Callable[..., Any]] = {}
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
        functions[name] = function
    return functions


def is_installed(engine: str) -> bool:
    """True if the library of "espeak" or "flite" is installed."""
    try:
        ctypes.CDLL(LIBRARIES[engine])
    except OSError:
        return False
    return True


def main() -> int:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    say = say_with_espeak if request["engine"] == "espeak" else say_with_flite
    try:
        answer, samples = say(request)
    except OSError as error:
        sys.stderr.write(str(error))
        return MISSING
    except (RuntimeError, AttributeError) as error:
        sys.stderr.write(str(error))
        return FAILED
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + samples)
    return 0


if __name__ == "__main__":
    sys.exit(main())
