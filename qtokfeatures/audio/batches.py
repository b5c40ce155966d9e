"""Many clips one after another; bad ones are reported, long files read in blocks."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
import soundfile as sf

from qtokfeatures.audio.clip import AudioClip, Samples
from qtokfeatures.audio.excerpts import as_excerpt, excerpt_source
from qtokfeatures.audio.loading import checked_limits, read_blocks, read_clip
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.audio.sources import is_file_object, is_segment, open_audio, reopenable
from qtokfeatures.audio.splicing import UNKNOWN_LENGTH
from qtokfeatures.audio.stream import Limits, Stream
from qtokfeatures.audio.waveforms import is_array
from qtokfeatures.exceptions import AudioError, InputError, SkippedClipWarning

OnError = Literal["raise", "skip", "warn"]
Channels = Literal["mix", "separate"]


class LongClip:
    """A long clip: iterating reads its blocks, and then sets `n_samples` and `sample_rate`."""

    def __init__(
        self,
        audio: Any,
        *,
        source: str,
        target_sr: int | None,
        limits: Limits,
        channel: int | None = None,
        max_duration_s: float | None = None,
        sample_rate: int = 0,
    ) -> None:
        self.source, self.n_samples, self.sample_rate = source, 0, sample_rate
        self.target_sr = target_sr
        self._audio, self._channel = audio, channel
        self._limits, self._max_duration_s = limits, max_duration_s

    def resampled(self, target_sr: int) -> LongClip:
        """Return the same clip, to be read at another rate."""
        clip = copy(self)
        clip.target_sr = target_sr
        return clip

    def __iter__(self) -> Iterator[Samples]:
        """Yield blocks of samples; each iteration reads the file again."""
        with open_audio(self._audio, source=self.source, limits=self._limits) as stream:
            chosen = stream if self._channel is None else stream.only(self._channel)
            counted, blocks = read_blocks(chosen, self.target_sr, self._max_duration_s)
            yield from blocks
            self.n_samples, self.sample_rate = counted.n_samples, stream.sr


def load_many(
    items: Any,
    *,
    sr: int | None = None,
    target_sr: int | None = None,
    channels: Channels = "mix",
    on_error: OnError = "raise",
    max_duration_s: float | None = None,
    timeout_s: float = 30.0,
    max_bytes: int = 2**30,
    allow_private: bool | None = None,
) -> Iterator[tuple[int, AudioClip | AudioError]]:
    """Load many clips lazily, each with its place in `items`.

    Parameters
    ----------
    items : iterable of audio, or array
        A list, generator, pandas Series or array of anything that :func:`load_audio` takes,
        also mixed; ``(file, start_s, end_s)`` is an :class:`Excerpt`. A 2-D array of numbers holds
        one clip per row, a 3-D one is ``(clip, channel, sample)``. One bare path, ``(y, sr)`` or
        1-D array is refused: put it in a list.
    sr : int, optional
        Rate in Hz of bare arrays, and only of them: files and pairs have their own.
    target_sr : int, optional
        Rate wanted in Hz. None keeps each clip's own.
    channels : {"mix", "separate"}, default "mix"
        Average the channels of each clip, or yield each channel as a clip of its own, with the
        same index and the source ``"talk.wav#channel=0"``.
    on_error : {"raise", "skip", "warn"}, default "raise"
        What to do with a clip that cannot be used: raise its error; or yield the `AudioError` in
        its place and continue, silently or with a `SkippedClipWarning`.
    max_duration_s : float, optional
        Longest clip accepted, in seconds. None accepts any length, except two hours from a URL.
    timeout_s : float, default 30
        Seconds for each whole download.
    max_bytes : int, default 2**30
        Most bytes read of a clip from a URL, a file object or encoded bytes.
    allow_private : bool, optional
        Whether a URL may lead to a private address; see :func:`load_audio`.

    Yields
    ------
    index : int
        Position in `items`, from 0; also of a pandas Series, whose index is ignored.
    clip : AudioClip or AudioError
        The error only unless ``on_error="raise"``. Arrays and bytes are called
        ``"<array 3>"`` and so on, after their position.

    Raises
    ------
    InputError
        If `items` is a single piece of audio, or an argument has a wrong value.
    AudioError
        If a clip cannot be used and ``on_error="raise"``.

    Examples
    --------
    >>> import numpy as np
    >>> from qtokfeatures.audio import load_many
    >>> rows = np.zeros((2, 8000))
    >>> [(index, clip.duration_s) for index, clip in load_many(rows, sr=8000)]
    [(0, 1.0), (1, 1.0)]
    >>> [(index, error)] = load_many(["missing.wav"], on_error="skip")
    >>> error.source
    'missing.wav'
    """
    limits = checked_limits(timeout_s, max_bytes, allow_private)
    loader = _Loader(sr, target_sr, channels, max_duration_s, limits)
    found = _loaded(_checked_items(items), loader, _checked_on_error(on_error))
    return cast("Iterator[tuple[int, AudioClip | AudioError]]", found)  # none is long


def load_or_open(
    items: Any,
    *,
    sr: int | None,
    target_sr: int | None,
    on_error: OnError,
    long_s: float,
    channels: Channels = "mix",
    max_duration_s: float | None = None,
    allow_private: bool | None = None,
) -> Iterator[tuple[int, AudioClip | LongClip | AudioError]]:
    """Load many clips as :func:`load_many`; encoded audio of more than `long_s` s comes unread."""
    limits = Limits(allow_private=allow_private)
    loader = _Loader(sr, target_sr, channels, max_duration_s, limits, long_s)
    return _loaded(_checked_items(items), loader, _checked_on_error(on_error))


def item_list(audio: Any) -> list[Any]:
    """Items that :func:`load_many` takes; one piece of audio becomes a list of one."""
    if is_array(audio):
        is_numeric = hasattr(audio, "detach") or np.asarray(audio).dtype.kind in "biufc"
        return [audio] if is_numeric and audio.ndim < 2 else list(_checked_items(audio))
    return [audio] if _single_kind(audio) else list(_checked_items(audio))


def promised_s(item: Any) -> float:
    """Return the seconds that the header of a file promises; 0.0 where that is unknown."""
    if isinstance(item, AudioClip):
        return item.duration_s
    if not isinstance(item, (str, os.PathLike)) or not os.path.isfile(item):  # noqa: PTH113
        return 0.0
    try:
        info = sf.info(os.fsdecode(item))
    except (sf.LibsndfileError, OSError, UnicodeError):
        return 0.0
    return float(info.duration) if info.frames < UNKNOWN_LENGTH else 0.0


def _checked_on_error(on_error: Any) -> OnError:
    if on_error not in ("raise", "skip", "warn"):
        raise InputError(f'on_error is "raise", "skip" or "warn", got {on_error!r}')
    return cast(OnError, on_error)


def _loaded(
    items: Iterable[Any], loader: _Loader, on_error: OnError
) -> Iterator[tuple[int, AudioClip | LongClip | AudioError]]:
    for index, item in enumerate(items):
        try:
            clips: Sequence[AudioClip | LongClip | AudioError] = loader.clips(item, index)
        except AudioError as error:
            if on_error == "raise":
                raise
            if on_error == "warn":
                warnings.warn(f"skipped {error}", SkippedClipWarning, stacklevel=2)
            clips = [error.with_traceback(None)]  # whose frames hold what had been read
        for clip in clips:
            yield index, clip


@dataclass(frozen=True)
class _Loader:
    """Arguments that hold for all clips of a batch."""

    sr: int | None
    target_sr: int | None
    channels: Channels
    max_duration_s: float | None
    limits: Limits
    long_s: float = math.inf

    def __post_init__(self) -> None:
        for name in ("sr", "target_sr"):
            if getattr(self, name) is not None:
                checked_rate(getattr(self, name), name=name)
        if self.channels not in ("mix", "separate"):
            raise InputError(f'channels is "mix" or "separate", got {self.channels!r}')

    def clips(self, item: Any, index: int) -> list[AudioClip | LongClip]:
        """Load one item: one clip, or one for each channel."""
        name = _name(item, index)
        if self.long_s < math.inf:  # it may be read again
            item = reopenable(item, name, self.limits)
        excerpt = as_excerpt(item)
        sr = self.sr if is_array(item if excerpt is None else excerpt.audio) else None
        with open_audio(item, sr=sr, source=name, limits=self.limits) as stream:
            if self.channels == "mix" or stream.n_channels == 1:
                return [self._clip(item, stream, None)]
            return [self._clip(item, stream, channel) for channel in range(stream.n_channels)]

    def _clip(self, item: Any, stream: Stream, channel: int | None) -> AudioClip | LongClip:
        if channel is not None:
            source = excerpt_source(stream.source, 0, None, channel)
            stream = replace(stream.only(channel), source=source)
        long_s = self.long_s if stream.is_encoded else math.inf
        clip = read_clip(stream, self.target_sr, self.max_duration_s, long_s=long_s)
        if clip is None:
            return LongClip(
                item,
                source=stream.source,
                target_sr=self.target_sr,
                limits=self.limits,
                channel=channel,
                max_duration_s=self.max_duration_s,
                sample_rate=stream.sr,
            )
        if isinstance(item, AudioClip):
            return replace(clip, n_samples=item.n_samples, sample_rate=item.sample_rate)
        return clip


def _name(item: Any, index: int) -> str | None:
    """Name what has no name of its own after its position."""
    excerpt = as_excerpt(item)
    if excerpt is not None:
        name = _name(excerpt.audio, index)
        return None if name is None else excerpt_source(name, *excerpt[1:])
    if is_array(item) or isinstance(item, tuple):
        return f"<array {index}>"
    if isinstance(item, (bytes, bytearray, memoryview)):
        return f"<bytes {index}>"
    if item is None or isinstance(item, (int, float)):
        return f"<item {index}>"
    return None


def _checked_items(items: Any) -> Iterable[Any]:
    single = _single_kind(items)
    if single is not None:
        raise InputError(f"expected several clips, got {single}; put it in a list: [audio]")
    if isinstance(items, (Mapping, Set)):
        raise InputError(
            f"expected clips in an order, got a {type(items).__name__}; pass a list of its values"
        )
    if is_array(items):
        return _rows(items)
    if not isinstance(items, Iterable):
        raise InputError(f"expected a list of clips, got {type(items).__name__}")
    return items


def _single_kind(items: Any) -> str | None:
    if isinstance(items, (str, os.PathLike)):
        return f"one path or URL, {str(items)[:80]!r}"
    if isinstance(items, (bytes, bytearray, memoryview)):
        return "the bytes of one"
    if isinstance(items, AudioClip) or is_segment(items):
        return f"one {type(items).__name__}"
    if is_file_object(items):
        return "one file object"
    if as_excerpt(items) is not None:
        return "one excerpt"
    if isinstance(items, tuple) and len(items) == 2 and any(np.isscalar(i) for i in items):
        is_pair = any(is_array(i) for i in items) and not any(
            isinstance(i, (str, bytes)) for i in items
        )
        return "one (y, sr)" if is_pair else None
    return None


def _rows(items: Any) -> Iterable[Any]:
    array = items if hasattr(items, "detach") else np.asarray(items)
    if array.ndim == 0:
        raise InputError("expected several clips, got a single value")
    is_numeric = not isinstance(array, np.ndarray) or array.dtype.kind in "biufc"
    if array.ndim == 1 and is_numeric and len(array):
        raise InputError(
            f"a 1-D array of {len(array)} numbers is one clip; pass [y], or y[None, :] for one row"
        )
    if array.ndim > 1 and not is_numeric:
        raise InputError(
            f"expected one column of clips, got a table of shape {array.shape}; pass the column "
            "that holds the paths, or excerpts (file, start_s, end_s) as a list of tuples"
        )
    return array
