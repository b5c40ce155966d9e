"""Audio of any kind as one checked mono clip, or as its blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from qtokfeatures.audio.clip import AudioClip, Samples
from qtokfeatures.audio.resampling import checked_rate, resample_blocks
from qtokfeatures.audio.sources import Limits, MonoStream, open_audio
from qtokfeatures.exceptions import AudioError, InputError


def load_audio(
    audio: Any,
    *,
    sr: int | None = None,
    target_sr: int | None = None,
    source: str | None = None,
    max_duration_s: float | None = None,
    timeout_s: float = 30.0,
    max_bytes: int = 2**30,
) -> AudioClip:
    """Load any kind of audio as mono float32.

    Channels are averaged. Files are read in blocks, so that only the result is held in memory.

    Parameters
    ----------
    audio : path, URL, bytes, str, file object, tuple, array, AudioSegment or AudioClip
        - a path (``str`` or `os.PathLike`; ``~`` is expanded) or ``file://`` URL of a file in any
          format that libsndfile reads (WAV, FLAC, OGG, Opus, MP3, AIFF, AU, CAF, W64, RF64, …);
        - an ``http://`` or ``https://`` URL;
        - the bytes of such a file; a ``data:`` URL; or its base64, taken for that only if no such
          path exists;
        - a binary file object, read from where it stands; it need not be seekable;
        - ``(y, sr)``: an array ``(..., sample)`` and its rate, as librosa gives them. The order
          of SciPy and Gradio, ``(sr, y)``, is recognised too; there y is ``(sample, channel)``;
        - a NumPy array, torch tensor or anything with ``__array__``, with `sr`. Floats have full
          scale ±1 and are kept beyond it; int8, int16 and int32 are divided by their full scale,
          uint8 is offset-binary (24-bit audio in int32 is expected left-justified, as soundfile
          reads it);
        - a pydub ``AudioSegment``;
        - an `AudioClip`, which is returned with the facts about its original unchanged.
    sr : int, optional
        Rate of a bare array in Hz. Audio with a rate of its own must agree with it.
    target_sr : int, optional
        Rate wanted in Hz. None keeps the native rate.
    source : str, optional
        Name of the audio in errors and in the clip; default is the path or URL.
    max_duration_s : float, optional
        Longest audio accepted, in seconds. None accepts any.
    timeout_s : float, default 30
        Seconds for a whole download.
    max_bytes : int, default 2**30
        Most bytes read from a URL, a file object or encoded bytes; paths are not limited.

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
    >>> load_audio((stereo, 44_100), target_sr=24_000).y.shape
    (24000,)
    """
    limits = _checked_limits(timeout_s, max_bytes)
    target = None if target_sr is None else checked_rate(target_sr, name="target_sr")
    with open_audio(audio, sr=sr, source=source, limits=limits) as stream:
        counted = Counted(stream, max_duration_s)
        wanted = target or stream.sr
        pieces = list(resample_blocks(counted, orig_sr=stream.sr, target_sr=wanted))
    y = _joined(pieces)
    if isinstance(audio, AudioClip):
        return AudioClip(y, wanted, stream.source, audio.n_samples, audio.sample_rate)
    return AudioClip(y, wanted, stream.source, counted.n_samples, stream.sr)


def iter_blocks(
    source: Any,
    *,
    block_s: float = 10.0,
    target_sr: int | None = None,
    sr: int | None = None,
    timeout_s: float = 30.0,
    max_bytes: int = 2**30,
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
    timeout_s : float, default 30
        Seconds for a whole download.
    max_bytes : int, default 2**30
        Most bytes read from a URL, a file object or encoded bytes.

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
    return _blocks(source, sr, target, block_s, _checked_limits(timeout_s, max_bytes))


def _blocks(
    audio: Any, sr: Any, target: int | None, block_s: float, limits: Limits
) -> Iterator[Samples]:
    with open_audio(audio, sr=sr, limits=limits) as stream:
        yield from read_blocks(stream, target, block_s)[1]


def read_blocks(
    stream: MonoStream, target_sr: int | None, block_s: float = 10.0
) -> tuple[Counted, Iterator[Samples]]:
    """Return what counts a stream's samples as they are read, and its blocks at `target_sr`."""
    wanted = target_sr or stream.sr
    counted = Counted(stream, None)
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

    def __init__(self, stream: MonoStream, max_duration_s: float | None) -> None:
        if max_duration_s is not None and not _is_positive(max_duration_s):
            raise InputError(
                f"max_duration_s is a positive number of seconds or None, got {max_duration_s!r}"
            )
        self._stream, self._max_s = stream, max_duration_s
        self.n_samples = 0
        if stream.promised is not None:
            self._check_duration(stream.promised)

    def __iter__(self) -> Iterator[Samples]:
        for block in self._stream.blocks:
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
                f"max_duration_s={self._max_s:g}; allow more, or cut it into pieces",
                source=source,
            )


def _joined(pieces: list[Samples]) -> Samples:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _checked_limits(timeout_s: float, max_bytes: int) -> Limits:
    if not _is_positive(timeout_s):
        raise InputError(f"timeout_s is a positive number of seconds, got {timeout_s!r}")
    if not _is_positive(max_bytes):
        raise InputError(f"max_bytes is a positive number of bytes, got {max_bytes!r}")
    return Limits(float(timeout_s), int(max_bytes))


def _is_positive(value: Any) -> bool:
    try:
        return not isinstance(value, (bool, str)) and 0 < float(value) < float("inf")
    except (TypeError, ValueError):
        return False
