"""Many clips → one labelled Dataset: loaded on demand, sorted by length, encoded."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from qtokfeatures.audio import AudioClip
from qtokfeatures.audio.batches import Channels, LongClip, OnError, load_or_open, promised_s
from qtokfeatures.audio.clip import Samples
from qtokfeatures.audio.resampling import at_rate
from qtokfeatures.codecs.batching import encode_blocks, encode_waves
from qtokfeatures.codecs.network import BATCH_S, CodecNetwork, Codes
from qtokfeatures.exceptions import AudioError, InputError, SkippedClipWarning
from qtokfeatures.labelled import CodeCache, NoCache, build_codes, resolve_cache, schema
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
    channels: Channels = "mix",
    cache: Any = None,
    ids: Sequence[str] | None = None,
) -> xr.Dataset:
    """Load, encode and label `items`; see :meth:`Codec.encode_many`."""
    ids = _checked_ids(ids, items)
    store = resolve_cache(cache)
    if refine:
        codec.start_refining()  # raises, before anything is read, if the codec cannot
    shown = bool(progress) and not callable(progress)
    total = sum(map(promised_s, items)) if shown and isinstance(items, Sequence) else None
    with progress_bar("encode", total=total or None, shown=shown, unit="s") as advance:
        encoder = _Encoder(codec, refine, store, progress if callable(progress) else advance)
        loaded = load_or_open(
            items,
            sr=sr,
            # Keys are of the audio at its own rate, as those of QTokenizer.
            target_sr=None if encoder.is_cached else codec.spec.sample_rate,
            on_error=on_error,
            long_s=LONG_S,
            channels=channels,
        )
        for index, clip in loaded:
            if isinstance(clip, LongClip):
                encoder.add_long(index, clip, on_error)
            elif isinstance(clip, AudioClip):
                encoder.add(index, clip)
            else:
                encoder.skip(index, clip)
        return encoder.dataset(ids)


class _Encoder:
    """Clips waiting to be encoded, and the codes and facts of all, by their position."""

    def __init__(
        self,
        codec: CodecNetwork[Any, Any],
        refine: int,
        cache: CodeCache,
        advance: Callable[[float], None],
    ) -> None:
        self.codec, self.refine, self.cache, self.advance = codec, refine, cache, advance
        self.is_cached = not isinstance(cache, NoCache)
        self.waiting: dict[int, AudioClip] = {}
        self.keys: dict[int, str] = {}
        self.codes: dict[int, Codes] = {}
        self.items: list[int] = []
        self.facts: list[tuple[str, int, int]] = []
        self.skipped: list[dict[str, Any]] = []

    def add(self, index: int, clip: AudioClip) -> None:
        position = len(self.facts)
        self._note(index, clip)
        known = self._cached(position, [clip.y], clip.sr)
        if known is not None:
            self._keep(position, known)
            self.advance(clip.duration_s)
            return
        self.waiting[position] = at_rate(clip, self.codec.spec.sample_rate)
        # Refining takes long and gains nothing from batches: the progress is seen clip by clip.
        waiting_s = sum(each.duration_s for each in self.waiting.values())
        if self.refine or waiting_s >= _WAITING_S:
            self.encode_waiting()

    def encode_waiting(self) -> None:
        clips, self.waiting = self.waiting, {}
        waves = [clip.y for clip in clips.values()]
        for position, codes in zip(
            clips, encode_waves(self.codec, waves, refine=self.refine), strict=True
        ):
            self._keep(position, codes)
        self.advance(sum(clip.duration_s for clip in clips.values()))

    def add_long(self, index: int, clip: LongClip, on_error: OnError) -> None:
        self.encode_waiting()
        try:
            codes = self._encode_long(clip)
        except AudioError as error:
            if on_error == "raise":
                raise
            if on_error == "warn":
                warnings.warn(f"skipped {error}", SkippedClipWarning, stacklevel=2)
            self.skip(index, error)
        else:
            self._keep(len(self.facts), codes)
            self._note(index, clip)

    def _encode_long(self, clip: LongClip) -> Codes:
        if not self.is_cached:
            return encode_blocks(self.codec, self._counted(clip), refine=self.refine)
        known = self._cached(len(self.facts), clip, clip.sample_rate)
        if known is not None:
            self.advance(clip.n_samples / clip.sample_rate)
            return known
        blocks = self._counted(clip.resampled(self.codec.spec.sample_rate))
        return encode_blocks(self.codec, blocks, refine=self.refine)

    def _cached(self, position: int, blocks: Iterable[Samples], sr: int) -> Codes | None:
        if not self.is_cached:
            return None
        fingerprint = self.codec.spec.fingerprint
        kind = f"{fingerprint} refine={self.refine}" if self.refine else fingerprint
        self.keys[position] = self.cache.key_of_blocks(blocks, sr, kind)
        known = self.cache.get(self.keys[position])
        if known is not None:
            del self.keys[position]
        return known

    def _keep(self, position: int, codes: Codes) -> None:
        self.codes[position] = codes
        if position in self.keys:
            self.cache.put(self.keys.pop(position), codes)

    def _note(self, index: int, clip: AudioClip | LongClip) -> None:
        self.items.append(index)
        self.facts.append((clip.source, clip.n_samples, clip.sample_rate))

    def skip(self, index: int, error: Exception) -> None:
        source = getattr(error, "source", "")
        self.skipped.append({"index": index, "source": source, "error": str(error)})

    def _counted(self, clip: LongClip) -> Iterator[Samples]:
        for block in clip:
            yield block
            self.advance(len(block) / self.codec.spec.sample_rate)

    def dataset(self, ids: list[str] | None) -> xr.Dataset:
        self.encode_waiting()
        ds = build_codes(
            [self.codes[position] for position in range(len(self.facts))],
            spec=self.codec.spec,
            sources=[source for source, _, _ in self.facts],
            n_samples=[n for _, n, _ in self.facts],
            sample_rates=[sr for _, _, sr in self.facts],
            skipped=self.skipped,
            clip_ids=None if ids is None else self._clip_ids(ids),
        )
        if not self.refine:
            return ds
        steps = np.full(len(self.codes), self.refine, dtype=np.int64)
        return ds.assign_coords({REFINE: (schema.CLIP, steps)})

    def _clip_ids(self, ids: list[str]) -> list[str]:
        """Return the ids of the clips that were encoded; channels of one item are numbered."""
        seen = {*self.items, *(item["index"] for item in self.skipped)}
        _check_id_count(ids, max(seen, default=-1) + 1)
        n_clips = Counter(self.items)
        channel: Counter[int] = Counter()
        named = []
        for index in self.items:
            suffix = f"#channel={channel[index]}" if n_clips[index] > 1 else ""
            named.append(ids[index] + suffix)
            channel[index] += 1
        return named


def _checked_ids(ids: Sequence[str] | None, items: Any) -> list[str] | None:
    """Check ids before anything is encoded, their number where the items have one."""
    if ids is None:
        return None
    if isinstance(ids, (str, bytes)) or not np.iterable(ids):
        raise InputError(f"ids must be a list of texts, one for each item, got {ids!r}")
    given = list(ids)
    if wrong := [clip for clip in given if not isinstance(clip, (str, int, np.integer))]:
        raise InputError(f"ids must be texts or whole numbers, got {wrong[0]!r}")
    ids = [str(clip) for clip in given]
    if len(set(ids)) < len(ids):
        repeated = next(clip for clip in ids if ids.count(clip) > 1)
        raise InputError(f"ids must be unique, {repeated!r} repeats")
    if hasattr(items, "__len__"):
        _check_id_count(ids, len(items))
    return ids


def _check_id_count(ids: list[str], n_items: int) -> None:
    if len(ids) != n_items:
        raise InputError(f"ids must hold one id for each of the {n_items} items, got {len(ids)}")
