"""Excerpts: a time range or one channel of a recording, wherever audio is expected."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from qtokfeatures.audio.stream import Stream
from qtokfeatures.exceptions import AudioError

_FRAGMENT = re.compile(
    r"(?P<audio>.+)#(?:t=(?P<start>\d+(?:\.\d*)?)?(?:,(?P<end>\d+(?:\.\d*)?))?)?"
    r"(?P<joint>&)?(?:channel=(?P<channel>\d+))?",
    re.DOTALL,
)


class Excerpt(NamedTuple):
    """A time range of a recording, one of its channels, or both.

    An item of :func:`load_many`, ``encode_many`` or ``QTokenizer`` as any other audio; a plain
    tuple ``(audio, start_s, end_s)`` means the same. The clip's source is the recording's with a
    media fragment, ``talk.wav#t=1.5,3.2&channel=1``, which :func:`load_audio` reads, too.

    Parameters
    ----------
    audio : path, URL, …
        Any audio that :func:`load_audio` takes.
    start_s : float, default 0.0
        First moment, in seconds.
    end_s : float, optional
        Last moment, in seconds; None is the end of the recording. An end more than 0.1 s beyond
        the recording is an error; up to there, what exists is used.
    channel : int, optional
        The one channel to keep, counted from 0. None averages all.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.audio import Excerpt, load_audio
    >>> recording = (np.stack([np.zeros(3000), np.ones(3000)]), 1000)
    >>> clip = load_audio(Excerpt(recording, 0.5, 2.0, channel=1))
    >>> clip.duration_s, float(clip.y.mean()), clip.source
    (1.5, 1.0, '<array#t=0.5,2&channel=1>')
    """

    audio: Any
    start_s: float = 0.0
    end_s: float | None = None
    channel: int | None = None


def as_excerpt(audio: Any) -> Excerpt | None:
    """Return an Excerpt for one, for ``(audio, start_s, end_s)`` and for a media fragment."""
    if isinstance(audio, Excerpt):
        return audio
    if isinstance(audio, tuple) and len(audio) == 3:
        start_s, end_s = audio[1:]
        if _is_number(start_s) and (end_s is None or _is_number(end_s)):
            return Excerpt(*audio)
    return None


def from_fragment(text: str) -> Excerpt | None:
    """Parse ``talk.wav#t=1.5,3.2&channel=1``; None where there is no such fragment."""
    found = _FRAGMENT.fullmatch(text) if "#" in text else None
    if found is None:
        return None
    audio, start, end, joint, channel = found.groups()
    has_time = start is not None or end is not None
    if (joint is not None) != (has_time and channel is not None) or not (has_time or channel):
        return None
    end_s = None if end is None else float(end)
    return Excerpt(audio, float(start or 0), end_s, None if channel is None else int(channel))


def excerpt_source(source: str, start_s: float, end_s: float | None, channel: int | None) -> str:
    """Append a media fragment to a source, inside its angle brackets if it has them."""
    parts = []
    if start_s or end_s is not None:
        parts.append(f"t={_seconds(start_s)}" + ("" if end_s is None else f",{_seconds(end_s)}"))
    if channel is not None:
        parts.append(f"channel={channel}")
    if not parts:
        return source
    bare, bracket = (source[:-1], ">") if source.endswith(">") else (source, "")
    joint = "#" if from_fragment(bare) is None else "&"
    return f"{bare}{joint}{'&'.join(parts)}{bracket}"


def _seconds(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def cut(stream: Stream, excerpt: Excerpt, *, is_exact: bool = True) -> Stream:
    """Apply the times and the channel of an excerpt to the stream of its recording."""
    start_s, end_s = checked_times(excerpt.start_s, excerpt.end_s, source=stream.source)
    if excerpt.channel is not None:
        stream = stream.only(excerpt.channel)
    if start_s or end_s is not None:
        stream = stream.part(start_s, end_s, is_exact=is_exact)
    return stream


def checked_times(start_s: Any, end_s: Any, *, source: str) -> tuple[float, float | None]:
    """Return the times of an excerpt as floats; raise unless 0 <= start < end."""
    are_numbers = _is_number(start_s) and (end_s is None or _is_number(end_s))
    end = np.inf if end_s is None else end_s
    if not are_numbers or not 0 <= start_s < end or end_s == np.inf:
        raise AudioError(
            f"{source}: an excerpt is (audio, start_s, end_s) with 0 <= start_s < end_s in "
            f"seconds, got start_s={start_s!r} and end_s={end_s!r}",
            source=source,
        )
    return float(start_s), None if end_s is None else float(end_s)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
