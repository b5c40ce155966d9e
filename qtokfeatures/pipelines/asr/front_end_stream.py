"""Frames of speech as the sound comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio.waveforms import stream_piece
from qtokfeatures.exceptions import StreamClosedError
from qtokfeatures.pipelines.asr.frame_sources import PieceStream
from qtokfeatures.pipelines.asr.frame_steps import FrameStep

Frames = npt.NDArray[Any]


class FrontEndStream:
    """Audio in pieces → frames in pieces; made by :meth:`ASRFrontEnd.stream`.

    Parameters
    ----------
    source : PieceStream
        What makes frames.
    steps : list of FrameStep
        What is done to them.
    nothing : ndarray (0, feature)
        No frames.
    """

    def __init__(self, source: PieceStream, steps: list[FrameStep], nothing: Frames) -> None:
        self._source, self._steps, self._nothing = source, steps, nothing
        self._open = True

    def push(self, y: npt.ArrayLike) -> Frames:
        """Take more samples, and return the frames that became ready.

        Parameters
        ----------
        y : array_like, shape (sample,)
            Mono samples at the front end's ``input_sr_``, any number: floats, or integers, which
            are divided by their full scale.

        Returns
        -------
        ndarray (frame, feature)

        Raises
        ------
        AudioError
            If they are not mono, not finite or no audio.
        StreamClosedError
            After :meth:`flush`.
        """
        self._check_open()
        return self._through(self._source.push(stream_piece(y)), 0)

    def flush(self) -> Frames:
        """Return the frames that were waiting, and end the stream.

        Returns
        -------
        ndarray (frame, feature)

        Raises
        ------
        StreamClosedError
            If it has ended already.
        """
        self._check_open()
        self._open = False
        parts = [self._through(self._source.flush(), 0)]
        for number, step in enumerate(self._steps):
            parts.append(self._through(step.flush(), number + 1))
        return np.concatenate(parts)

    def _check_open(self) -> None:
        if not self._open:
            raise StreamClosedError("this stream has ended: open another one")

    def _through(self, frames: Frames, first: int) -> Frames:
        for step in self._steps[first:]:
            if not len(frames):
                break
            frames = step.push(frames)
        return frames if len(frames) else self._nothing
