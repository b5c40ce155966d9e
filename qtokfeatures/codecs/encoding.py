"""Many clips into one labelled Dataset: loaded as they are needed, sorted by length, encoded."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.audio import AudioClip, LongClip, load_or_open
from qtokfeatures.audio.batches import OnError
from qtokfeatures.codecs.batching import encode_blocks, encode_waves
from qtokfeatures.codecs.network import BATCH_S, CodecNetwork
from qtokfeatures.exceptions import AudioError, SkippedClipWarning
from qtokfeatures.labelled import build_codes, schema
from qtokfeatures.progress import progress_bar

LONG_S = 600.0
"""Longer files are encoded as they are read."""
REFINE = "refine"
"""Label of clips whose codes were refined: in how many steps."""
_WAITING = 4
"""Batches' worth of audio that is loaded before it is sorted by length and encoded."""


def encode_items(
    codec: CodecNetwork[Any, Any],
    items: Any,
    *,
    sr: int | None,
    on_error: OnError,
    progress: bool,
    refine: int = 0,
) -> xr.Dataset:
    """Load, encode and label `items`; see :meth:`Codec.encode_many`."""
    encoded = _Encoded(refine)
    most_s = 0 if refine else _WAITING * BATCH_S
    total = len(items) if hasattr(items, "__len__") else None
    rate = codec.spec.sample_rate
    with progress_bar("encode", total=total, shown=progress) as advance:
        waiting: list[AudioClip] = []
        loaded = load_or_open(items, sr=sr, target_sr=rate, on_error=on_error, long_s=LONG_S)
        for index, clip in loaded:
            if isinstance(clip, LongClip):
                encoded.add(
                    encode_waves(codec, [clip.y for clip in waiting], refine=refine), waiting
                )
                advance(len(waiting))
                waiting = []
                encoded.add_long(codec, index, clip, on_error)
                advance(1)
            elif isinstance(clip, AudioClip):
                waiting.append(clip)
            else:
                encoded.skip(index, clip)
                advance(1)
            if waiting and sum(c.duration_s for c in waiting) >= most_s:
                encoded.add(
                    encode_waves(codec, [clip.y for clip in waiting], refine=refine), waiting
                )
                advance(len(waiting))
                waiting = []
        encoded.add(encode_waves(codec, [clip.y for clip in waiting], refine=refine), waiting)
        advance(len(waiting))
    return encoded.dataset(codec)


class _Encoded:
    """Codes and facts of the clips so far."""

    def __init__(self, refine: int) -> None:
        self.refine = refine
        self.codes: list[npt.NDArray[np.int16]] = []
        self.facts: list[tuple[str, int, int]] = []
        self.skipped: list[dict[str, Any]] = []

    def add(
        self, codes: Sequence[npt.NDArray[np.int16]], clips: Sequence[AudioClip | LongClip]
    ) -> None:
        self.codes += codes
        self.facts += [(clip.source, clip.n_samples, clip.sample_rate) for clip in clips]

    def add_long(
        self, codec: CodecNetwork[Any, Any], index: int, clip: LongClip, on_error: OnError
    ) -> None:
        try:
            codes = encode_blocks(codec, clip, refine=self.refine)
        except AudioError as error:
            if on_error == "raise":
                raise
            if on_error == "warn":
                warnings.warn(f"skipped {error}", SkippedClipWarning, stacklevel=2)
            self.skip(index, error)
        else:
            self.add([codes], [clip])

    def skip(self, index: int, error: Exception) -> None:
        source = getattr(error, "source", "")
        self.skipped.append({"index": index, "source": source, "error": str(error)})

    def dataset(self, codec: CodecNetwork[Any, Any]) -> xr.Dataset:
        ds = build_codes(
            self.codes,
            spec=codec.spec,
            sources=[source for source, _, _ in self.facts],
            n_samples=[n for _, n, _ in self.facts],
            sample_rates=[sr for _, _, sr in self.facts],
            skipped=self.skipped,
        )
        if not self.refine:
            return ds
        steps = np.full(len(self.codes), self.refine, dtype=np.int64)
        return ds.assign_coords({REFINE: (schema.CLIP, steps)})
