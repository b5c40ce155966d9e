"""Audio of any kind as one checked mono clip, or as its blocks."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, cast

import numpy as np

from qtokfeatures.audio.clip import AudioClip, Samples
from qtokfeatures.audio.excerpts import Excerpt, cut, excerpt_source
from qtokfeatures.audio.resampling import checked_rate, resample_blocks
from qtokfeatures.audio.sources import open_audio
from qtokfeatures.audio.stream import Limits, Stream
from qtokfeatures.audio.waveforms import is_array
from qtokfeatures.exceptions import AudioError, ChannelsWarning, InputError

_MAX_DOWNLOAD_S = 7200.0  # 1.4 GB at 48 kHz


def load_audio(
    audio: Any,
    *,
    sr: int | None = None,
    target_sr: int | None = None,
    offset: float = 0.0,
    duration: float | None = None,
    channel: int | Literal["mix"] | None = None,
    source: str | None = None,
    max_duration_s: float | None = None,
    timeout_s: float = 30.0,
    max_bytes: int = 2**30,
    allow_private: bool | None = None,
) -> AudioClip:
    """Load any kind of audio as mono float32.

    Files are read in blocks, so that only the result is held in memory.

    Parameters
    ----------
    audio : path, URL, bytes, str, file object, tuple, array, AudioSegment or AudioClip
        - a path (``str`` or `os.PathLike`; ``~`` is expanded) or ``file://`` URL of a file in any
          format that libsndfile reads (WAV, FLAC, OGG, Opus, MP3, AIFF, AU, CAF, W64, RF64, …);
        - an ``http://`` or ``https://`` URL;
        - the bytes of such a file; a ``data:`` URL; or its base64, taken for that only if no such
          path exists;
        - a binary file object, read from where it stands; it need not be seekable;
        - ``(y, sr)``: an array, ``(sample,)`` or ``(channel, sample)``, and its rate, as librosa
          gives them. The order of SciPy and Gradio, ``(sr, y)``, is recognised too; there y is
          ``(sample, channel)``;
        - a NumPy array, torch tensor or anything with ``__array__``, with `sr`. Floats have full
          scale ±1 and are kept beyond it; int8, int16 and int32 are divided by their full scale,
          uint8 is offset-binary (24-bit audio in int32 is expected left-justified, as soundfile
          reads it);
        - a pydub ``AudioSegment``;
        - an `AudioClip`, which is returned with the facts about its original unchanged;
        - an :class:`Excerpt`, a tuple ``(audio, start_s, end_s)``, or a path or URL with a media
          fragment, ``talk.wav#t=1.5,3.2``: a time range of any of these.
    sr : int, optional
        Rate of a bare array in Hz. Audio with a rate of its own must agree with it.
    target_sr : int, optional
        Rate wanted in Hz. None keeps the native rate.
    offset : float, default 0.0
        Where to start, in seconds of the original. Beyond the end is an error.
    duration : float, optional
        Seconds to load at most, as librosa does. None loads all. An :class:`Excerpt` instead
        raises where the audio ends before it.
    channel : int or "mix", optional
        The one channel to keep, counted from 0. ``"mix"`` averages them all, and so does None,
        which warns where the rows of an array may be clips instead of channels.
    source : str, optional
        Name of the audio in errors and in the clip; default is the path or URL.
    max_duration_s : float, optional
        Longest audio accepted, in seconds. None accepts any length, except two hours from a URL:
        a few kilobytes can decode to gigabytes. ``float("inf")`` accepts any.
    timeout_s : float, default 30
        Seconds for a whole download.
    max_bytes : int, default 2**30
        Most bytes read from a URL, a file object or encoded bytes; paths are not limited.
    allow_private : bool, optional
        Whether a URL may lead to an address that is not public: this machine, its network, a cloud
        host's metadata. None allows it where the URL itself does, not in a redirect. A server that
        takes URLs from strangers passes False, which refuses ``file://`` too.

    Returns
    -------
    AudioClip
        ``clip.y`` is float32 ``(sample,)`` at ``clip.sr``.

    Raises
    ------
    AudioError
        If the audio cannot be read or used; the message says why and what to do.
    InputError
        If another argument has a wrong value.

    See Also
    --------
    load_many : many clips, with errors in place of bad ones.
    iter_blocks : files too long to hold.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.audio import load_audio
    >>> stereo = np.zeros((2, 44_100), dtype=np.int16)
    >>> load_audio((stereo, 44_100), target_sr=24_000, channel="mix").y.shape
    (24000,)
    """
    limits = checked_limits(timeout_s, max_bytes, allow_private)
    target = None if target_sr is None else checked_rate(target_sr, name="target_sr")
    part = _checked_part(audio, offset, duration, channel)
    with open_part(audio, part, sr=sr, source=source, limits=limits) as stream:
        clip = cast(AudioClip, read_clip(stream, target, max_duration_s))
    if isinstance(audio, AudioClip) and part is None:
        return replace(clip, n_samples=audio.n_samples, sample_rate=audio.sample_rate)
    return clip


def read_clip(
    stream: Stream,
    target_sr: int | None,
    max_duration_s: float | None,
    *,
    long_s: float = math.inf,
) -> AudioClip | None:
    """Read a stream to its end as one clip; None as soon as it proves longer than `long_s`."""
    counted = Counted(stream, max_duration_s)
    wanted = target_sr or stream.sr
    pieces = []
    try:
        if (stream.promised or 0) > long_s * stream.sr:
            return None
        for piece in resample_blocks(counted, orig_sr=stream.sr, target_sr=wanted):
            pieces.append(piece)
            if counted.n_samples > long_s * stream.sr:
                return None
        y = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    except MemoryError as error:
        raise AudioError(
            f"{stream.source}: does not fit into memory after {counted.n_samples / stream.sr:.0f} "
            "s; read it with iter_blocks, load an excerpt, or set max_duration_s",
            source=stream.source,
        ) from error
    return AudioClip(y, wanted, stream.source, counted.n_samples, stream.sr)


def iter_blocks(
    source: Any,
    *,
    block_s: float = 10.0,
    target_sr: int | None = None,
    sr: int | None = None,
    offset: float = 0.0,
    duration: float | None = None,
    channel: int | Literal["mix"] | None = None,
    timeout_s: float = 30.0,
    max_bytes: int = 2**30,
    allow_private: bool | None = None,
) -> Iterator[Samples]:
    """Read audio of any length block by block, in bounded memory.

    The blocks together are the samples of ``load_audio(source, target_sr=target_sr).y``.
    An incomplete or damaged file raises only when its end or the damage is reached.

    Parameters
    ----------
    source : path, URL, …
        Any kind that :func:`load_audio` takes.
    block_s : float, default 10.0
        Length of a block in seconds, at least one sample. The last one may be shorter.
    target_sr : int, optional
        Rate wanted in Hz. None keeps the native rate.
    sr : int, optional
        Rate of a bare array in Hz.
    offset : float, default 0.0
        Where to start, in seconds of the original.
    duration : float, optional
        Seconds to read at most. None reads all.
    channel : int or "mix", optional
        The one channel to keep, or the average of all; see :func:`load_audio`.
    timeout_s : float, default 30
        Seconds for a whole download.
    max_bytes : int, default 2**30
        Most bytes read from a URL, a file object or encoded bytes.
    allow_private : bool, optional
        Whether a URL may lead to a private address; see :func:`load_audio`.

    Yields
    ------
    ndarray of float32, shape (sample,)
        Mono audio at `target_sr`.

    Raises
    ------
    AudioError
        As :func:`load_audio`.
    InputError
        If `block_s` is not a positive number.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.audio import iter_blocks
    >>> [len(block) for block in iter_blocks((np.zeros(2500), 1000), block_s=1.0)]
    [1000, 1000, 500]
    """
    if not _is_positive(block_s):
        raise InputError(f"block_s is a positive number of seconds, got {block_s!r}")
    target = None if target_sr is None else checked_rate(target_sr, name="target_sr")
    part = _checked_part(source, offset, duration, channel)
    return _blocks(
        source, part, sr, target, block_s, checked_limits(timeout_s, max_bytes, allow_private)
    )


def _blocks(
    audio: Any, part: Excerpt | None, sr: Any, target: int | None, block_s: float, limits: Limits
) -> Iterator[Samples]:
    with open_part(audio, part, sr=sr, source=None, limits=limits) as stream:
        yield from read_blocks(stream, target, None, block_s)[1]


@contextmanager
def open_part(
    audio: Any, part: Excerpt | None, *, sr: Any, source: str | None, limits: Limits
) -> Iterator[Stream]:
    """Open audio, cut as the arguments of a call ask for, which a shorter recording may end."""
    with open_audio(audio, sr=sr, source=source, limits=limits) as stream:
        if part is None:
            yield stream
        else:
            name = source or excerpt_source(stream.source, *part[1:])
            yield cut(replace(stream, source=name), part, is_exact=False)


def _checked_part(audio: Any, offset: Any, duration: Any, channel: Any) -> Excerpt | None:
    """Return the excerpt that the arguments of a call ask for; None for all of the audio."""
    is_number = isinstance(channel, (int, np.integer)) and not isinstance(channel, bool)
    if not (channel is None or channel == "mix" or is_number):
        raise InputError(f'channel is a number from 0, "mix" or None, got {channel!r}')
    if not (_is_positive(offset) or offset == 0) or isinstance(offset, bool):
        raise InputError(f"offset is 0 or more seconds, got {offset!r}")
    if duration is not None and not _is_positive(duration):
        raise InputError(f"duration is a positive number of seconds or None, got {duration!r}")
    if channel is None:
        _warn_of_rows(audio)
    end_s = None if duration is None else float(offset) + float(duration)
    part = Excerpt(None, float(offset), end_s, int(channel) if is_number else None)
    return None if part == Excerpt(None) else part


def _warn_of_rows(audio: Any) -> None:
    y = audio[0] if isinstance(audio, tuple) and len(audio) == 2 else audio
    shape = np.shape(y) if is_array(y) else ()
    if len(shape) == 2 and 1 < shape[0] < shape[1]:
        warnings.warn(
            f"the {shape[0]} rows of an array of shape {tuple(shape)} are averaged as channels of "
            'one clip; pass channel="mix" if they are, or give a batch of clips to load_many or '
            "encode_many",
            ChannelsWarning,
            stacklevel=_levels_to_caller(),
        )


def _levels_to_caller() -> int:
    """Return the stacklevel at which a warning names the first line outside this package."""
    frame, level = sys._getframe(1), 1  # noqa: SLF001
    package = __name__.partition(".")[0]
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level


def read_blocks(
    stream: Stream, target_sr: int | None, max_duration_s: float | None, block_s: float = 10.0
) -> tuple[Counted, Iterator[Samples]]:
    """Return what counts a stream's samples as they are read, and its blocks at `target_sr`."""
    wanted = target_sr or stream.sr
    counted = Counted(stream, max_duration_s)
    resampled = resample_blocks(counted, orig_sr=stream.sr, target_sr=wanted)
    return counted, _cut(resampled, max(1, round(block_s * wanted)))


def _cut(pieces: Iterable[Samples], size: int) -> Iterator[Samples]:
    """Regroup pieces into blocks of `size` samples."""
    held: list[Samples] = []
    n_held = 0
    for piece in pieces:
        held.append(piece)
        n_held += piece.size
        if n_held < size:
            continue
        joined = np.concatenate(held)
        whole = n_held - n_held % size
        for start in range(0, whole, size):
            yield joined[start : start + size].copy()
        held, n_held = [joined[whole:]], n_held - whole
    if n_held:
        yield np.concatenate(held)


class Counted:
    """The blocks of a stream, counted, and refused when there are none or too many."""

    def __init__(self, stream: Stream, max_duration_s: float | None) -> None:
        if max_duration_s is None and stream.is_download:
            max_duration_s = _MAX_DOWNLOAD_S
        if max_duration_s not in (None, math.inf) and not _is_positive(max_duration_s):
            raise InputError(
                f"max_duration_s is a positive number of seconds or None, got {max_duration_s!r}"
            )
        self._stream, self._max_s = stream, max_duration_s
        self.n_samples = 0
        if stream.promised is not None:
            self._check_duration(stream.promised)

    def __iter__(self) -> Iterator[Samples]:
        for block in self._stream.mono():
            self.n_samples += block.size
            self._check_duration(self.n_samples)
            yield block
        if self.n_samples == 0:
            source = self._stream.source
            raise AudioError(f"{source}: has no samples", source=source)

    def _check_duration(self, n_samples: int) -> None:
        duration_s = n_samples / self._stream.sr
        if self._max_s is not None and duration_s > self._max_s:
            source = self._stream.source
            raise AudioError(
                f"{source}: {duration_s:.2f} s or more is longer than "
                f"max_duration_s={self._max_s:g}; allow more, or load an excerpt",
                source=source,
            )


def checked_limits(timeout_s: float, max_bytes: int, allow_private: bool | None) -> Limits:
    """Return the limits of encoded audio; raise InputError where one is not positive."""
    if not _is_positive(timeout_s):
        raise InputError(f"timeout_s is a positive number of seconds, got {timeout_s!r}")
    if not _is_positive(max_bytes):
        raise InputError(f"max_bytes is a positive number of bytes, got {max_bytes!r}")
    if allow_private not in (None, True, False):
        raise InputError(f"allow_private is True, False or None, got {allow_private!r}")
    return Limits(float(timeout_s), int(max_bytes), allow_private)


def _is_positive(value: Any) -> bool:
    try:
        return not isinstance(value, (bool, str)) and 0 < float(value) < float("inf")
    except (TypeError, ValueError):
        return False
