"""Audio clips to codes, each encoded once; and rows of features for all clips, encoded or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse
import xarray as xr

from qtokfeatures.audio import AudioClip, load_many
from qtokfeatures.audio.resampling import at_rate
from qtokfeatures.estimators.base import with_short_indices
from qtokfeatures.exceptions import AudioError, InputError
from qtokfeatures.labelled import CodeSequence, build_codes, feature_array, schema
from qtokfeatures.labelled.cache import MAX_LOCKS, EntryLocks
from qtokfeatures.labelled.features import storable
from qtokfeatures.labelled.labels import clip_ids_from_sources, missing_like

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec
    from qtokfeatures.labelled import CodeCache

Codes = npt.NDArray[np.int16]


@dataclass(frozen=True)
class EncodedClips:
    """Codes of a list of clips: those that were encoded, and the errors of the others.

    `kept` holds the row of each encoded clip among all clips, `errors` is keyed by row; `clip_ids`
    and `sources` are those of all clips.
    """

    dataset: xr.Dataset
    kept: list[int]
    clip_ids: list[str]
    sources: list[str]
    errors: dict[int, AudioError] = field(default_factory=dict)

    @cached_property
    def sequence(self) -> CodeSequence:
        """The codes as scikit-learn's samples, checked once."""
        return CodeSequence(self.dataset)

    @classmethod
    def of_codes(cls, ds: xr.Dataset) -> EncodedClips:
        """Wrap clips that are encoded already."""
        clip_ids, sources = ds["clip"].values.tolist(), ds["source"].values.tolist()
        return cls(ds, list(range(len(clip_ids))), clip_ids, sources)


@dataclass(frozen=True)
class _Original:
    """The part of a clip that is kept once its samples are encoded."""

    key: str
    source: str
    n_samples: int
    sample_rate: int


def encode_clips(
    items: Any,
    codec: Codec,
    *,
    sr: int | None,
    batch_s: float,
    cache: CodeCache,
    on_error: str,
    labels: Mapping[str, npt.NDArray[Any]] | None = None,
) -> EncodedClips:
    """Encode clips that are not in the cache, in batches of `batch_s` seconds.

    `labels` are values per clip, ``"clip"`` among them being ids; these are numbered where they
    repeat, and follow from the sources where there are none.
    """
    originals: dict[int, _Original] = {}
    errors: dict[int, AudioError] = {}
    sources: list[str] = []
    skip_or_raise: Literal["raise", "skip"] = "raise" if on_error == "raise" else "skip"
    with cache.locks() as locks:
        encoder = _BatchEncoder(codec, cache, locks, batch_s)
        for row, clip in load_many(items, sr=sr, on_error=skip_or_raise):
            sources.append(clip.source)
            if isinstance(clip, AudioError):
                errors[row] = clip
            else:
                key = encoder.add(clip)
                originals[row] = _Original(key, clip.source, clip.n_samples, clip.sample_rate)
        codes = encoder.finish()
    if not sources:
        raise InputError("X holds no clips; at least one is needed")
    known = dict(labels or {})
    clip_ids = _clip_ids(known.pop(schema.CLIP, ()), sources)
    kept, encoded = list(originals), list(originals.values())
    dataset = build_codes(
        [codes[original.key] for original in encoded],
        spec=codec.spec,
        clip_ids=[clip_ids[row] for row in kept],
        n_samples=[original.n_samples for original in encoded],
        sample_rates=[original.sample_rate for original in encoded],
        sources=[original.source for original in encoded],
        labels={name: values[kept] for name, values in known.items()},
        skipped=[
            {"index": row, "source": error.source, "error": str(error)}
            for row, error in errors.items()
        ],
    )
    return EncodedClips(dataset, kept, clip_ids, sources, errors)


def _clip_ids(given: Iterable[Any], sources: list[str]) -> list[str]:
    ids = [str(name) for name in given]
    if len(set(ids)) == len(sources):
        return ids
    return clip_ids_from_sources(ids or sources)  # ids repeat where clips were drawn again


class _BatchEncoder:
    """Encodes clips as soon as `batch_s` seconds of them are collected.

    Clips that another process is encoding wait until their codes should be in the cache.
    """

    def __init__(self, codec: Codec, cache: CodeCache, locks: EntryLocks, batch_s: float) -> None:
        self._codec, self._cache, self._locks, self._batch_s = codec, cache, locks, batch_s
        self._codes: dict[str, Codes] = {}
        self._waiting: dict[str, AudioClip] = {}
        self._elsewhere: dict[str, AudioClip] = {}

    def add(self, clip: AudioClip) -> str:
        """Add a clip, and return the cache key of its codes."""
        key = self._cache.key(clip.y, clip.sr, self._codec.spec.fingerprint)
        if key in self._codes or key in self._waiting or key in self._elsewhere:
            return key
        if self._found(key):
            return key
        if not self._locks.acquire(key):
            self._leave(key, clip)
        elif self._found(key):
            self._locks.release(key)
        else:
            self._wait_with(key, clip)
        return key

    def finish(self) -> dict[str, Codes]:
        """Encode the remaining clips, and return the codes of all keys."""
        self._encode_waiting()
        self._fetch_elsewhere()
        return self._codes

    def _found(self, key: str) -> bool:
        known = self._cache.get(key)
        if known is not None:
            self._codes[key] = known
        return known is not None

    def _wait_with(self, key: str, clip: AudioClip) -> None:
        """Add a locked clip to the next batch, after encoding a full one."""
        is_full = _seconds({**self._waiting, key: clip}) > self._batch_s
        if self._waiting and (is_full or len(self._waiting) >= MAX_LOCKS):
            self._encode_waiting()
        self._waiting[key] = clip

    def _leave(self, key: str, clip: AudioClip) -> None:
        self._elsewhere[key] = clip
        if _seconds(self._elsewhere) > self._batch_s:
            self._encode_waiting()
            self._fetch_elsewhere()

    def _fetch_elsewhere(self) -> None:
        """Wait for codes of other processes; encode those that did not appear."""
        for key, clip in self._elsewhere.items():
            self._locks.wait(key)
            if not self._found(key):
                self._encode({key: clip})
            self._locks.release(key)
        self._elsewhere = {}

    def _encode_waiting(self) -> None:
        if self._waiting:
            self._encode(self._waiting)
        for key in self._waiting:
            self._locks.release(key)
        self._waiting = {}

    def _encode(self, clips: dict[str, AudioClip]) -> None:
        rate = self._codec.spec.sample_rate
        encoded = self._codec.encode_clips([at_rate(clip, rate) for clip in clips.values()])
        for key, codes in zip(clips, encoded, strict=True):
            self._codes[key] = codes
            self._cache.put(key, codes)


def _seconds(clips: dict[str, AudioClip]) -> float:
    return sum(len(clip.y) / clip.sr for clip in clips.values())


def label_rows(values: Any, ds: xr.Dataset, transformer: Any) -> Any:
    """Label a table (clip, feature) that a transformer of codes returned; pass on anything else."""
    if isinstance(values, xr.DataArray) or scipy.sparse.issparse(values):
        return values
    array = np.asarray(values)
    if array.ndim != 2 or len(array) != ds.sizes[schema.CLIP]:
        return values
    names = _names(transformer, array.shape[1])
    return feature_array(array, ds_or_clips=ds, feature_names=names)


def fill_missing_rows(features: Any, encoded: EncodedClips) -> Any:
    """Insert a row of NaN for each clip that could not be used."""
    if not encoded.errors:
        return features
    if scipy.sparse.issparse(features):
        return _filled_sparse(features, encoded)
    if isinstance(features, xr.DataArray) and features.dims[0] == schema.CLIP:
        return _filled_array(features, encoded)
    return features


def _filled_sparse(features: Any, encoded: EncodedClips) -> Any:
    missing = np.full((len(encoded.errors), features.shape[1]), np.nan, dtype=features.dtype)
    stacked = scipy.sparse.vstack([features, scipy.sparse.csr_array(missing)], format="csr")
    return with_short_indices(stacked[np.argsort([*encoded.kept, *encoded.errors])])


def _filled_array(features: xr.DataArray, encoded: EncodedClips) -> xr.DataArray:
    values = np.full((len(encoded.clip_ids), *features.shape[1:]), np.nan, dtype=features.dtype)
    values[encoded.kept] = features.values
    coords = {
        name: _filled_coord(coord.variable, encoded) for name, coord in features.coords.items()
    }
    coords[schema.CLIP] = xr.Variable(schema.CLIP, encoded.clip_ids, features[schema.CLIP].attrs)
    coords[schema.SOURCE] = xr.Variable(schema.CLIP, encoded.sources)
    filled = {name: storable(coord) for name, coord in coords.items()}
    return xr.DataArray(values, filled, features.dims, features.name, features.attrs)


def _filled_coord(coord: xr.Variable, encoded: EncodedClips) -> xr.Variable:
    if coord.dims != (schema.CLIP,):
        return coord
    missing = missing_like(coord.values, len(encoded.clip_ids))
    filled = missing.astype(np.result_type(missing, coord.dtype))
    filled[encoded.kept] = coord.values
    return xr.Variable(schema.CLIP, filled, coord.attrs)


def _names(transformer: Any, n_features: int) -> list[str]:
    if hasattr(transformer, "get_feature_names_out"):
        return [str(name) for name in transformer.get_feature_names_out()]
    return [f"feature{i}" for i in range(n_features)]
