"""Many clips → one labelled Dataset: loaded on demand, sorted by length, encoded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from qtokfeatures.audio import AudioClip, LongClip, load_or_open
from qtokfeatures.audio.batches import OnError, promised_s
from qtokfeatures.audio.clip import Samples
from qtokfeatures.codecs.batching import encode_blocks, encode_waves
from qtokfeatures.codecs.network import BATCH_S, CodecNetwork, Codes
from qtokfeatures.exceptions import AudioError, SkippedClipWarning
from qtokfeatures.labelled import build_codes, schema
from qtokfeatures.progress import progress_bar

LONG_S = 600.0  # longer files are encoded while they are read: bounds memory
REFINE = "refine"  # label of clips with refined codes: the number of steps
_WAITING_S = 4 * BATCH_S  # audio loaded before it is sorted by length and encoded


def encode_items(
    codec: CodecNetwork[Any, Any],
    items: Any,
    *,
    sr: int | None,
    on_error: OnError,
    progress: bool | Callable[[float], None],
    refine: int = 0,
) -> xr.Dataset:
    """Load, encode and label `items`; see :meth:`Codec.encode_many`."""
    rate = codec.spec.sample_rate
    shown = bool(progress) and not callable(progress)
    total = sum(map(promised_s, items)) if shown and isinstance(items, Sequence) else None
    with progress_bar("encode", total=total or None, shown=shown, unit="s") as advance:
        encoder = _Encoder(codec, refine, progress if callable(progress) else advance)
        loaded = load_or_open(items, sr=sr, target_sr=rate, on_error=on_error, long_s=LONG_S)
        for index, clip in loaded:
            if isinstance(clip, LongClip):
                encoder.add_long(index, clip, on_error)
            elif isinstance(clip, AudioClip):
                encoder.add(clip)
            else:
                encoder.skip(index, clip)
        return encoder.dataset()


class _Encoder:
    """Clips waiting to be encoded, and the codes and facts of those before."""

    def __init__(
        self, codec: CodecNetwork[Any, Any], refine: int, advance: Callable[[float], None]
    ) -> None:
        self.codec, self.refine, self.advance = codec, refine, advance
        self.waiting: list[AudioClip] = []
        self.codes: list[Codes] = []
        self.facts: list[tuple[str, int, int]] = []
        self.skipped: list[dict[str, Any]] = []

    def add(self, clip: AudioClip) -> None:
        self.waiting.append(clip)
        # Refining takes long and gains nothing from batches: the progress is seen clip by clip.
        if self.refine or sum(each.duration_s for each in self.waiting) >= _WAITING_S:
            self.encode_waiting()

    def encode_waiting(self) -> None:
        clips, self.waiting = self.waiting, []
        codes = encode_waves(self.codec, [clip.y for clip in clips], refine=self.refine)
        self._keep(codes, clips)
        self.advance(sum(clip.duration_s for clip in clips))

    def add_long(self, index: int, clip: LongClip, on_error: OnError) -> None:
        self.encode_waiting()
        try:
            codes = encode_blocks(self.codec, self._counted(clip), refine=self.refine)
        except AudioError as error:
            if on_error == "raise":
                raise
            if on_error == "warn":
                warnings.warn(f"skipped {error}", SkippedClipWarning, stacklevel=2)
            self.skip(index, error)
        else:
            self._keep([codes], [clip])

    def skip(self, index: int, error: Exception) -> None:
        source = getattr(error, "source", "")
        self.skipped.append({"index": index, "source": source, "error": str(error)})

    def _counted(self, clip: LongClip) -> Iterator[Samples]:
        for block in clip:
            yield block
            self.advance(len(block) / self.codec.spec.sample_rate)

    def _keep(self, codes: Sequence[Codes], clips: Sequence[AudioClip | LongClip]) -> None:
        self.codes += codes
        self.facts += [(clip.source, clip.n_samples, clip.sample_rate) for clip in clips]

    def dataset(self) -> xr.Dataset:
        self.encode_waiting()
        ds = build_codes(
            self.codes,
            spec=self.codec.spec,
            sources=[source for source, _, _ in self.facts],
            n_samples=[n for _, n, _ in self.facts],
            sample_rates=[sr for _, _, sr in self.facts],
            skipped=self.skipped,
        )
        if not self.refine:
            return ds
        steps = np.full(len(self.codes), self.refine, dtype=np.int64)
        return ds.assign_coords({REFINE: (schema.CLIP, steps)})
