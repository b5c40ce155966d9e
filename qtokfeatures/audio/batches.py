"""Many clips one after another; bad ones are reported, long files read in blocks."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from qtokfeatures.audio.clip import AudioClip, Samples
from qtokfeatures.audio.loading import load_audio, read_blocks
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.audio.sources import Limits, is_file_object, is_segment, open_audio
from qtokfeatures.audio.waveforms import is_array
from qtokfeatures.exceptions import AudioError, InputError, SkippedClipWarning

OnError = Literal["raise", "skip", "warn"]

_LEAST_BYTES_PER_S = 500  # smaller files cannot be long, so that they are opened once
_LONGEST_NAME = 4096  # characters; longer strings are base64


class LongClip:
    """A long file: iterating reads its blocks, after which its facts are known.

    Parameters
    ----------
    path : path
        The file.
    source : str
        Its name in errors and datasets.
    target_sr : int, optional
        Rate of the blocks in Hz; the file's own when None.
    limits : Limits
        As for other audio.

    Attributes
    ----------
    n_samples, sample_rate : int
        Of the original; 0 samples until it has been read.
    """

    def __init__(self, path: Any, *, source: str, target_sr: int | None, limits: Limits) -> None:
        self.source, self.n_samples, self.sample_rate = source, 0, 0
        self._path, self._target_sr, self._limits = path, target_sr, limits

    def __iter__(self) -> Iterator[Samples]:
        """Yield blocks of samples; each iteration reads the file again."""
        with open_audio(self._path, source=self.source, limits=self._limits) as stream:
            counted, blocks = read_blocks(stream, self._target_sr)
            yield from blocks
            self.n_samples, self.sample_rate = counted.n_samples, stream.sr


def load_many(
    items: Any,
    *,
    sr: int | None = None,
    target_sr: int | None = None,
    on_error: OnError = "raise",
    max_duration_s: float | None = None,
    timeout_s: float = 30.0,
    max_bytes: int = 2**30,
) -> Iterator[tuple[int, AudioClip | AudioError]]:
    """Load many clips lazily, each with its place in `items`.

    Parameters
    ----------
    items : iterable of audio, or array
        A list, generator, pandas Series or array of anything that :func:`load_audio` takes,
        mixed as you like. A 2-D array of numbers is one clip a row, a 3-D one
        ``(clip, channel, sample)``. One bare path, ``(y, sr)`` or 1-D array is refused: put it in
        a list.
    sr : int, optional
        Rate in Hz of bare arrays, and only of them: files and pairs have their own.
    target_sr : int, optional
        Rate wanted in Hz. None keeps each clip's own.
    on_error : {"raise", "skip", "warn"}, default "raise"
        What to do with a clip that cannot be used: raise its error; or yield the `AudioError` in
        its place and continue, silently or with a `SkippedClipWarning`.
    max_duration_s : float, optional
        Longest clip accepted, in seconds. None accepts any.
    timeout_s : float, default 30
        Seconds for each whole download.
    max_bytes : int, default 2**30
        Most bytes read of a clip from a URL, a file object or encoded bytes.

    Yields
    ------
    index : int
        Position in `items`, from 0; also of a pandas Series, whose index does not matter.
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
    options = {"max_duration_s": max_duration_s, "timeout_s": timeout_s, "max_bytes": max_bytes}
    found = _checked(items, sr, target_sr, on_error, options, None)
    return cast("Iterator[tuple[int, AudioClip | AudioError]]", found)  # none is long


def load_or_open(
    items: Any, *, sr: int | None, target_sr: int, on_error: OnError, long_s: float
) -> Iterator[tuple[int, AudioClip | LongClip | AudioError]]:
    """Load many clips as :func:`load_many` does, but leave long files to be read block by block.

    Parameters
    ----------
    items : iterable of audio, or array
        As for :func:`load_many`; so are `sr` and `on_error`.
    sr : int or None
        Rate in Hz of bare arrays.
    target_sr : int
        Rate wanted in Hz.
    on_error : {"raise", "skip", "warn"}
        What to do with a clip that cannot be used. Errors while a long file is read are the
        caller's.
    long_s : float
        Files whose header promises more seconds come as a `LongClip`.

    Returns
    -------
    iterator of (int, AudioClip, LongClip or AudioError)
        Position in `items` and clip.
    """
    options = {"max_duration_s": None, "timeout_s": 30.0, "max_bytes": 2**30}
    return _checked(items, sr, target_sr, on_error, options, long_s)


def _checked(
    items: Any,
    sr: int | None,
    target_sr: int | None,
    on_error: OnError,
    options: dict[str, Any],
    long_s: float | None,
) -> Iterator[tuple[int, AudioClip | LongClip | AudioError]]:
    if on_error not in ("raise", "skip", "warn"):
        raise InputError(f'on_error is "raise", "skip" or "warn", got {on_error!r}')
    array_sr = None if sr is None else checked_rate(sr)
    target = None if target_sr is None else checked_rate(target_sr, name="target_sr")
    options = {**options, "target_sr": target}
    return _loaded(_checked_items(items), array_sr, on_error, options, long_s)


def _loaded(
    items: Iterable[Any],
    sr: int | None,
    on_error: OnError,
    options: dict[str, Any],
    long_s: float | None,
) -> Iterator[tuple[int, AudioClip | LongClip | AudioError]]:
    for index, item in enumerate(items):
        clip = _load_item(item, index, sr, options, long_s)
        if isinstance(clip, AudioError):
            if on_error == "raise":
                raise clip
            if on_error == "warn":
                warnings.warn(f"skipped {clip}", SkippedClipWarning, stacklevel=2)
            clip = clip.with_traceback(None)  # whose frames hold what had been read
        yield index, clip


def _load_item(
    item: Any, index: int, sr: int | None, options: dict[str, Any], long_s: float | None
) -> AudioClip | LongClip | AudioError:
    array_sr = sr if is_array(item) else None
    try:
        if long_s is not None:
            limits = Limits(options["timeout_s"], options["max_bytes"])
            long = _long_clip(item, over_s=long_s, target_sr=options["target_sr"], limits=limits)
            if long is not None:
                return long
        return load_audio(item, sr=array_sr, source=_name(item, index), **options)
    except AudioError as error:
        return error


def _long_clip(
    item: Any, *, over_s: float, target_sr: int | None, limits: Limits
) -> LongClip | None:
    """Return `item` as a LongClip, if it is a file whose header promises more than `over_s`."""
    if not isinstance(item, (str, os.PathLike)) or len(str(item)) > _LONGEST_NAME:
        return None
    path = Path(item).expanduser()
    if not path.is_file() or path.stat().st_size < over_s * _LEAST_BYTES_PER_S:
        return None
    with open_audio(item, limits=limits) as stream:
        if stream.promised is None or stream.promised <= over_s * stream.sr:
            return None
        return LongClip(item, source=stream.source, target_sr=target_sr, limits=limits)


def _name(item: Any, index: int) -> str | None:
    """Name what has no name of its own after its position."""
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
            "that holds the paths"
        )
    return array
