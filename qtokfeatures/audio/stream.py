"""Streams: checked blocks of samples at their original rate, one interface for all sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from qtokfeatures.audio.clip import Samples
from qtokfeatures.audio.resampling import checked_rate
from qtokfeatures.audio.waveforms import mean_of_channels
from qtokfeatures.exceptions import AudioError

_END_SLACK_S = 0.1  # times in annotations are rounded, and lossy files end a few frames early


@dataclass(frozen=True)
class Limits:
    """Limits on encoded audio from elsewhere; files on disk are read in blocks and not limited."""

    timeout_s: float = 30.0  # for a whole download
    max_bytes: int = 2**30
    allow_private: bool | None = None  # see load_audio


@dataclass(frozen=True)
class Stream:
    """An open source; ``read(start)`` yields blocks (channel, sample) from that sample on."""

    source: str
    sr: int
    n_channels: int
    read: Callable[[int], Iterator[Samples]] = field(repr=False)
    promised: int | None = None  # samples per channel, where they are known beforehand
    is_encoded: bool = True  # decoding it may need far more memory than it has bytes
    is_download: bool = False
    container: str = ""  # such as "WAV", as libsndfile calls it; empty for arrays
    encoding: str = ""  # such as "PCM_16"

    def mono(self) -> Iterator[Samples]:
        """Yield blocks (sample,), the mean of the channels."""
        return (mean_of_channels(block) for block in self.read(0))

    def only(self, channel: int) -> Stream:
        """Return one channel of the stream, counted from 0."""
        if isinstance(channel, bool) or not 0 <= channel < self.n_channels:
            count = "1 channel" if self.n_channels == 1 else f"{self.n_channels} channels"
            raise AudioError(
                f"{self.source}: has {count}, counted from 0; there is no channel={channel!r}",
                source=self.source,
            )
        read = self.read
        return replace(
            self,
            n_channels=1,
            read=lambda start: (block[channel : channel + 1] for block in read(start)),
        )

    def part(self, start_s: float, end_s: float | None, *, is_exact: bool) -> Stream:
        """Return an excerpt, which raises where it starts, or exactly ends, beyond the audio."""
        first = round(start_s * self.sr)
        length = None if end_s is None else max(1, round(end_s * self.sr) - first)
        promised = None
        if self.promised is not None:
            self._check_part(first, length, self.promised, is_exact)
            promised = self.promised - first if length is None else length
            promised = min(promised, self.promised - first)

        def read(start: int) -> Iterator[Samples]:
            done = start
            for block in self.read(first + start):
                kept = block if length is None else block[:, : length - done]
                done += kept.shape[1]
                yield kept
                if done == length:
                    return
            self._check_part(first, length, first + done, is_exact)

        return replace(self, read=read, promised=promised)

    def _check_part(self, first: int, length: int | None, there: int, is_exact: bool) -> None:
        starts_in_it = first < there
        slack = _END_SLACK_S * self.sr
        if starts_in_it and not (is_exact and length and first + length > there + slack):
            return
        what, at = ("ends", first + (length or 0)) if starts_in_it else ("starts", first)
        known = f", which is {there / self.sr:.2f} s long" if there > first or self.promised else ""
        raise AudioError(
            f"{self.source}: the excerpt {what} at {at / self.sr:.2f} s, beyond the end of the "
            f"audio{known}; correct its times",
            source=self.source,
        )


def check_agreement(own: int, sr: Any, *, source: str) -> None:
    """Raise if `sr` differs from the rate that the audio itself has."""
    if sr is not None and checked_rate(sr, source=source) != own:
        raise AudioError(
            f"{source}: has its own rate, {own} Hz, and sr={sr} contradicts it; leave sr out, "
            "or pass target_sr= to resample",
            source=source,
        )
