"""Files too long to hold, to be read block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtokfeatures.audio.clip import Samples
from qtokfeatures.audio.loading import read_blocks
from qtokfeatures.audio.sources import open_audio
from qtokfeatures.audio.streams import Limits

_LEAST_BYTES_A_SECOND = 500
_LONGEST_NAME = 4096


class LongClip:
    """A long file: iterating reads its blocks, after which its facts are known.

    Parameters
    ----------
    path : path
        The file.
    source : str
        What it is called.
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
        """Read the file; every iteration anew."""
        with open_audio(self._path, source=self.source, limits=self._limits) as stream:
            counted, blocks = read_blocks(stream, self._target_sr)
            yield from blocks
            self.n_samples, self.sample_rate = counted.n_samples, stream.sr


def long_clip(
    item: Any, *, over_s: float, target_sr: int | None, limits: Limits
) -> LongClip | None:
    """Return `item` as a LongClip, if it is a file whose header promises more than `over_s`.

    Raises
    ------
    AudioError
        It cannot be opened.
    """
    if not isinstance(item, (str, os.PathLike)) or len(str(item)) > _LONGEST_NAME:
        return None
    path = Path(item).expanduser()
    if not path.is_file() or path.stat().st_size < over_s * _LEAST_BYTES_A_SECOND:
        return None
    with open_audio(item, limits=limits) as stream:
        if stream.promised is None or stream.promised <= over_s * stream.sr:
            return None
        return LongClip(item, source=stream.source, target_sr=target_sr, limits=limits)
