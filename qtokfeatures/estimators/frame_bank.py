"""Bank of real frames, from which pooled features are resynthesised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import CodecSpec, build_codes, schema

MOST_FRAMES: Final = 6000
"""Frames that a bank holds at most: 8 minutes of a 12.5 Hz codec, 192 kB of 16 codebooks."""

_LONGEST_SEGMENT: Final = 25  # 2 s
_SHORTEST_SEGMENT: Final = 6
_SEED: Final = 0

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FrameBank:
    """Codes of real frames, with the clip and the time of each.

    Segments of successive frames follow one another along the last axis of `codes`
    (codebook, frame). Of each segment (segment,) there are the `length` in frames, the `start` in
    its clip, the id of the `clip`, the `row` of the clip in X and the `label` of y, if there is
    one. `duration_s` is the median duration of all clips fitted on.
    """

    codes: npt.NDArray[np.int16]
    length: IntArray
    start: IntArray
    clip: npt.NDArray[np.str_]
    row: IntArray
    label: npt.NDArray[Any] | None
    duration_s: float

    @classmethod
    def of_codes(
        cls, ds: xr.Dataset, *, rows: Sequence[int], y: Any = None, most: int = MOST_FRAMES
    ) -> FrameBank:
        """Collect all frames of clips, or at most `most`, spread evenly over clips and labels.

        `rows` are the rows of the clips in X; a `y` that is not (clip,) is ignored.
        """
        counts = ds[schema.FRAME_COUNT].values
        if not len(counts):
            raise InputError("X holds no clips; at least one is needed")
        labels = _plain_labels(y, len(counts))
        clip, start, length = _choose_segments(counts, labels, most)
        first = (np.cumsum(counts) - counts)[clip] + start
        frames = np.concatenate([np.arange(f, f + n) for f, n in zip(first, length, strict=True)])
        return cls(
            codes=np.ascontiguousarray(ds[schema.CODES].values[:, frames], dtype=np.int16),
            length=length,
            start=start,
            clip=np.asarray(ds[schema.CLIP].values, dtype=str)[clip],
            row=np.asarray(rows, dtype=np.int64)[clip],
            label=None if labels is None else labels[clip],
            duration_s=float(np.median(ds[schema.DURATION].values)),
        )

    @property
    def n_frames(self) -> int:
        """Frames in the bank."""
        return int(self.codes.shape[1])

    @property
    def segment_of_frame(self) -> IntArray:
        """Segment of each frame, (frame,)."""
        return np.repeat(np.arange(len(self.length)), self.length)

    def segments(self) -> list[npt.NDArray[np.int16]]:
        """Return the codes of each segment, (codebook, frame)."""
        return np.split(self.codes, np.cumsum(self.length)[:-1], axis=1)

    def clips(self) -> tuple[IntArray, list[npt.NDArray[np.int16]]]:
        """Return the rows of X that have frames here, and the codes of each of them."""
        row_of_frame = self.row[self.segment_of_frame]
        rows = np.unique(self.row)
        return rows, [self.codes[:, row_of_frame == row] for row in rows]

    def origins(self, frames: IntArray, spec: CodecSpec) -> xr.Dataset:
        """Return ``clip`` and ``time`` in seconds of frames of the bank, (frame,).

        ``run`` numbers the runs of frames that follow each other in their clip.
        """
        segment = self.segment_of_frame[frames]
        within = frames - (np.cumsum(self.length) - self.length)[segment]
        seconds = (self.start[segment] + within) * spec.hop_length / spec.sample_rate
        joins = np.diff(frames + segment, prepend=frames[:1] + segment[:1]) != 1
        return xr.Dataset(
            {
                schema.CLIP: (schema.FRAME, self.clip[segment]),
                schema.TIME: (schema.FRAME, seconds, schema.ATTRS[schema.TIME]),
                "run": (schema.FRAME, np.cumsum(joins) - 1),
            }
        )


def codes_of_runs(
    runs: Sequence[npt.NDArray[np.int16]], spec: CodecSpec, *, sr: int, length: int | None = None
) -> xr.Dataset:
    """Label codes that come from no recording, so that they can be decoded at `sr`."""
    samples = [codes.shape[1] * spec.hop_length * sr // spec.sample_rate for codes in runs]
    return build_codes(
        runs,
        spec=spec,
        n_samples=[max(1, n) if length is None else length for n in samples],
        sample_rates=[sr] * len(runs),
        sources=["<resynthesis>"] * len(runs),
        clip_ids=[str(index) for index in range(len(runs))],
    )


def _plain_labels(y: Any, n_clips: int) -> npt.NDArray[Any] | None:
    labels = None if y is None else np.asarray(y)
    return labels if labels is not None and labels.shape == (n_clips,) else None


def _choose_segments(
    counts: IntArray, labels: npt.NDArray[Any] | None, most: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Return clip, first frame and length of each segment, in the order of the clips."""
    size = int(np.clip(most // len(counts), _SHORTEST_SEGMENT, _LONGEST_SEGMENT))
    n_pieces = -(-counts // size)
    clip = np.repeat(np.arange(len(counts)), n_pieces)
    start = (np.arange(len(clip)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)) * size
    length = np.minimum(size, counts[clip] - start)
    if counts.sum() > most:
        order = _round_robin(clip, labels)
        n_taken = int(np.searchsorted(np.cumsum(length[order]), most, side="right"))
        taken = np.sort(order[: max(1, n_taken)])
        clip, start, length = clip[taken], start[taken], length[taken]
    return clip, start, length


def _round_robin(clip: IntArray, labels: npt.NDArray[Any] | None) -> IntArray:
    """Order segments at random, one of each clip in turn, the labels alternating."""
    chance = np.random.default_rng(_SEED).random(len(clip))
    turn = _rank_within(clip, chance)
    order = np.lexsort((chance, turn))
    if labels is None:
        return order
    label, _ = pd.factorize(labels[clip[order]])
    return np.asarray(order[np.argsort(_rank_within(label, np.arange(len(order))), kind="stable")])


def _rank_within(group: IntArray, value: npt.NDArray[Any]) -> IntArray:
    ranks = pd.Series(value).groupby(np.asarray(group)).rank(method="first")
    return ranks.to_numpy(dtype=np.int64)
