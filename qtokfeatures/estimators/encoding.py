"""Audio clips → codes, each clip encoded once, in batches of some seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import AudioClip, load_many
from qtokfeatures.exceptions import AudioError, InputError
from qtokfeatures.labelled import CodeSequence, build_codes
from qtokfeatures.labelled.naming import clip_ids_from_sources

if TYPE_CHECKING:
    import xarray as xr

    from qtokfeatures.codecs import Codec
    from qtokfeatures.labelled import CodeCache

Codes = npt.NDArray[np.int16]


@dataclass(frozen=True)
class EncodedClips:
    """What became of a list of clips.

    Parameters
    ----------
    dataset : xarray.Dataset
        Codes of those that could be encoded.
    kept : list of int
        The row of each clip of `dataset` among all clips.
    clip_ids : list of str
        Ids of all clips.
    sources : list of str
        Sources of all clips.
    errors : dict of int to AudioError
        Why the others could not be encoded, by row.
    """

    dataset: xr.Dataset
    kept: list[int]
    clip_ids: list[str]
    sources: list[str]
    errors: dict[int, AudioError] = field(default_factory=dict)

    @classmethod
    def of_codes(cls, ds: xr.Dataset) -> EncodedClips:
        """Take clips that are encoded already."""
        clip_ids, sources = ds["clip"].values.tolist(), ds["source"].values.tolist()
        return cls(ds, list(range(len(clip_ids))), clip_ids, sources)


@dataclass(frozen=True)
class _Original:
    """What is kept of a clip once its samples are encoded."""

    key: str
    source: str
    n_samples: int
    sample_rate: int


def encode_clips(
    items: Any,
    codec: Codec,
    *,
    sr: int,
    batch_s: float,
    cache: CodeCache,
    on_error: str,
) -> EncodedClips:
    """Encode clips, looking each up in the cache first.

    Parameters
    ----------
    items : iterable
        What ``load_many`` takes, one a clip.
    codec : Codec
        What encodes them.
    sr : int
        Rate of bare arrays, in Hz.
    batch_s : float
        Seconds of audio that are held and encoded together. A longer clip is a batch of its own.
    cache : CodeCache
        Where codes are looked up and put.
    on_error : {"raise", "nan"}
        Whether a clip that cannot be used is an error or is left out.

    Returns
    -------
    EncodedClips

    Raises
    ------
    AudioError
        With ``on_error="raise"``, if a clip cannot be used. Names it.
    """
    encoder = _BatchEncoder(codec, cache, batch_s)
    originals: list[_Original] = []
    kept: list[int] = []
    errors: dict[int, AudioError] = {}
    sources: list[str] = []
    for row, clip in load_many(items, sr=sr, on_error="raise" if on_error == "raise" else "skip"):
        sources.append(clip.source)
        if isinstance(clip, AudioError):
            errors[row] = clip
            continue
        kept.append(row)
        key = encoder.add(clip)
        originals.append(_Original(key, clip.source, clip.n_samples, clip.sample_rate))
    if not sources:
        raise InputError("X holds no clips; at least one is needed")
    codes = encoder.finish()
    clip_ids = clip_ids_from_sources(sources)
    dataset = build_codes(
        [codes[original.key] for original in originals],
        spec=codec.spec,
        clip_ids=[clip_ids[row] for row in kept],
        n_samples=[original.n_samples for original in originals],
        sample_rates=[original.sample_rate for original in originals],
        sources=[original.source for original in originals],
        skipped=[
            {"index": row, "source": sources[row], "error": str(error)}
            for row, error in errors.items()
        ],
    )
    return EncodedClips(dataset, kept, clip_ids, sources, errors)


class _BatchEncoder:
    """Collects clips, and encodes them whenever enough seconds are together.

    Parameters
    ----------
    codec : Codec
        What encodes them.
    cache : CodeCache
        Where codes are looked up and put.
    batch_s : float
        Seconds of audio in a batch.
    """

    def __init__(self, codec: Codec, cache: CodeCache, batch_s: float) -> None:
        self._codec, self._cache, self._batch_s = codec, cache, batch_s
        self._codes: dict[str, Codes] = {}
        self._waiting: dict[str, AudioClip] = {}

    def add(self, clip: AudioClip) -> str:
        """Take a clip, and return the key that its codes will have."""
        key = self._cache.key(clip.y, clip.sr, self._codec.spec.fingerprint)
        if key in self._codes or key in self._waiting:
            return key
        known = self._cache.get(key)
        if known is not None:
            self._codes[key] = known
            return key
        if self._waiting and self._seconds() + clip.duration_s > self._batch_s:
            self._encode_waiting()
        self._waiting[key] = clip
        return key

    def finish(self) -> dict[str, Codes]:
        """Encode what is left, and return the codes of all keys."""
        self._encode_waiting()
        return self._codes

    def _seconds(self) -> float:
        return sum(clip.duration_s for clip in self._waiting.values())

    def _encode_waiting(self) -> None:
        if not self._waiting:
            return
        encoded = CodeSequence(self._codec.encode_many(list(self._waiting.values())))
        for key, codes in zip(self._waiting, encoded, strict=True):
            self._codes[key] = codes
            self._cache.put(key, codes)
        self._waiting = {}
