"""Incremental steps on frames: deltas, normalisation, upsampling.

Whole clips pass through the same steps as streams, so both yield the same frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio.waveforms import stream_piece
from qtokfeatures.exceptions import StreamClosedError
from qtokfeatures.speech.frame_sources import Frames, PieceStream

_REACH = 2  # frames on either side of a slope, as in HTK
_SQUARES = 2 * sum(n * n for n in range(1, _REACH + 1))


class Deltas:
    """Append the slopes of some columns, by regression over five frames with repeated edges."""

    # sum(n * (x[t + n] - x[t - n])) / (2 * sum(n ** 2)) with n = 1, 2 (HTK Book 3.4, eq. 5.16).

    def __init__(self, columns: slice) -> None:
        self._columns = columns
        self._kept: Frames | None = None

    def push(self, frames: Frames) -> Frames:
        """Return the frames that the next frames complete."""
        if not len(frames):
            return self._empty(frames)
        if self._kept is None:
            self._kept = np.repeat(frames[:1], _REACH, axis=0)
        return self._ready(np.concatenate([self._kept, frames]))

    def flush(self) -> Frames:
        """Return the remaining frames at the end."""
        if self._kept is None:
            return np.zeros((0, 0), np.float32)
        end = np.repeat(self._kept[-1:], _REACH, axis=0)
        return self._ready(np.concatenate([self._kept, end]))

    def _ready(self, kept: Frames) -> Frames:
        n = max(0, len(kept) - 2 * _REACH)
        self._kept = kept[n:]
        if not n:
            return self._empty(kept)
        x = kept[:, self._columns]
        slopes = sum(
            k * (x[_REACH + k : _REACH + k + n] - x[_REACH - k : _REACH - k + n])
            for k in range(1, _REACH + 1)
        )
        ready = np.concatenate([kept[_REACH : _REACH + n], slopes / np.float32(_SQUARES)], axis=1)
        return np.asarray(ready, dtype=np.float32)

    def _empty(self, frames: Frames) -> Frames:
        width = frames.shape[1]
        return np.zeros((0, width + len(range(*self._columns.indices(width)))), np.float32)


class RunningNormalisation:
    """Normalise by the mean and variance of all frames so far and of `weight` typical frames."""

    def __init__(self, mean: Frames, std: Frames, weight: float) -> None:
        typical = np.asarray(mean, dtype=np.float64)
        self._n = weight
        self._sum = weight * typical
        self._squares = weight * (np.square(np.asarray(std, dtype=np.float64)) + typical**2)

    def push(self, frames: Frames) -> Frames:
        """Return the frames that the next frames complete."""
        if not len(frames):
            return frames
        x = frames.astype(np.float64)
        n = self._n + np.arange(1, len(x) + 1)[:, None]
        sums = np.cumsum(np.concatenate([self._sum[None], x]), axis=0)[1:]
        squares = np.cumsum(np.concatenate([self._squares[None], x**2]), axis=0)[1:]
        self._n, self._sum, self._squares = self._n + len(x), sums[-1], squares[-1]
        mean = sums / n
        std = np.sqrt(np.maximum(squares / n - mean**2, 0))
        return np.asarray((x - mean) / _safe(std), dtype=np.float32)

    def flush(self) -> Frames:
        """Return no frames, as none are held back."""
        return np.zeros((0, len(self._sum)), np.float32)


class Upsampling:
    """Repeat each frame, or interpolate linearly between the centres of frames."""

    def __init__(self, factor: int, *, linear: bool) -> None:
        self._factor, self._linear = factor, linear
        self._last: Frames | None = None
        self._n_in = self._n_out = 0

    def push(self, frames: Frames) -> Frames:
        """Return the frames that the next frames complete."""
        if not self._linear:
            return np.repeat(frames, self._factor, axis=0)
        if not len(frames):
            return frames
        known = frames if self._last is None else np.concatenate([self._last, frames])
        first = self._n_in - (0 if self._last is None else 1)
        self._n_in += len(frames)
        self._last = known[-1:]
        # Output frame j lies at (j + 0.5) / factor - 0.5 on the axis of input frames. Those up to
        # the centre of the last input frame are known.
        until = self._factor * (self._n_in - 1) + (self._factor + 1) // 2
        return self._between(known, first, until)

    def flush(self) -> Frames:
        """Return the remaining frames at the end."""
        if self._last is None:
            return np.zeros((0, 0), np.float32)
        return self._between(self._last, self._n_in - 1, self._factor * self._n_in)

    def _between(self, known: Frames, first: int, until: int) -> Frames:
        """Return output frames up to number `until`; `known` starts with input frame `first`."""
        at = (np.arange(self._n_out, until) + 0.5) / self._factor - 0.5
        self._n_out = max(self._n_out, until)
        at = np.clip(at - first, 0, len(known) - 1)
        left = np.floor(at).astype(np.int64)
        right = np.minimum(left + 1, len(known) - 1)
        share = (at - left)[:, None]
        return (known[left] * (1 - share) + known[right] * share).astype(np.float32)


def normalise_utterance(frames: Frames) -> Frames:
    """Normalise each feature that varies to mean 0 and variance 1."""
    x = frames.astype(np.float64)
    return np.asarray((x - x.mean(axis=0)) / _safe(x.std(axis=0)), dtype=np.float32)


def run_through(steps: Sequence[PieceStream], frames: Frames) -> Frames:
    """Return a whole clip (frame, feature) after new steps."""
    for step in steps:
        pushed = step.push(frames)
        rest = step.flush()
        frames = np.concatenate([pushed, rest]) if len(rest) else pushed
    return frames


def _safe(std: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(std > 1e-4, std, 1.0)


class FrontEndStream:
    """Stream of samples to frames, as returned by :meth:`ASRFrontEnd.stream`."""

    def __init__(self, source: PieceStream, steps: list[PieceStream], nothing: Frames) -> None:
        self._source, self._steps, self._nothing = source, steps, nothing
        self._open = True

    def push(self, y: npt.ArrayLike) -> Frames:
        """Return the frames (frame, feature) that the next samples at ``input_sr_`` complete."""
        self._check_open()
        return self._through(self._source.push(stream_piece(y)), 0)

    def flush(self) -> Frames:
        """Return the remaining frames and end the stream."""
        self._check_open()
        self._open = False
        parts = [self._through(self._source.flush(), 0)]
        for number, step in enumerate(self._steps):
            parts.append(self._through(step.flush(), number + 1))
        return np.concatenate(parts)

    def _check_open(self) -> None:
        if not self._open:
            raise StreamClosedError("this stream has ended; open another one")

    def _through(self, frames: Frames, first: int) -> Frames:
        for step in self._steps[first:]:
            if not len(frames):
                break
            frames = step.push(frames)
        return frames if len(frames) else self._nothing
