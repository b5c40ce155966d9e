"""Embeddings of frames, one row per frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.estimators.base import CodeTransformer
from qtokfeatures.estimators.embedding import embedding_dim
from qtokfeatures.labelled import CodeSequence, schema
from qtokfeatures.labelled.features import storable

if TYPE_CHECKING:
    from qtokfeatures.labelled import CodecSpec


class FrameFeatures(CodeTransformer):
    """Embedding of each frame, as models of sequences need it.

    Parameters
    ----------
    codec : str, path or Codec, default=None
        Codec of the embeddings. None means the one that the codes name.
    codebooks : int or sequence of int, default=None
        Codebooks that the embedding is computed from, 0 being the coarsest: the first so many, or
        a list of indices. None means all.
    padded : bool, default=False
        Return (clip, frame, feature), shorter clips being filled up with NaN, instead of
        (frame, feature), one clip after another with the coordinate ``clip_index``.

    Attributes
    ----------
    spec_ : CodecSpec
        The codec whose codes it was fitted on.
    codebooks_ : list of int
        Indices of the codebooks in use.
    embedding_dim_ : int
        Dimensions of a frame's embedding.

    See Also
    --------
    CodeEmbedding : One row per clip.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> import numpy as np
    >>> codec = qt.load_codec("mini")
    >>> noise = np.random.default_rng(0).normal(0, 0.1, size=24000).astype("float32")
    >>> codes = codec.encode_many([noise, noise[:6000]], sr=24000)
    >>> FrameFeatures().fit_transform(codes).dims
    ('frame', 'feature')
    >>> FrameFeatures(padded=True).fit_transform(codes).shape[:2]
    (2, 13)
    """

    def __init__(
        self,
        *,
        codec: Any = None,
        codebooks: int | Sequence[int] | None = None,
        padded: bool = False,
    ) -> None:
        self.codec = codec
        self.codebooks = codebooks
        self.padded = padded

    def _feature_names(self) -> list[str]:
        return [f"embedding_{i}" for i in range(self.embedding_dim_)]

    def _learn(self, sequence: CodeSequence, spec: CodecSpec) -> None:
        self.embedding_dim_ = embedding_dim(self._find_codec(spec), self.codebooks_)

    def _features(self, sequence: CodeSequence) -> xr.DataArray:
        codec, ds = self._find_codec(self.spec_), sequence.dataset
        values = np.empty((ds.sizes[schema.FRAME], self.embedding_dim_), dtype=np.float32)
        start = 0
        for codes in sequence:
            stop = start + codes.shape[1]
            values[start:stop] = codec.embed(codes, codebooks=self.codebooks_)
            start = stop
        return self._padded(values, ds) if self.padded else self._ragged(values, ds)

    def _ragged(self, values: npt.NDArray[np.float32], ds: xr.Dataset) -> xr.DataArray:
        clip_index = ds[schema.CLIP_INDEX]
        coords = {
            schema.CLIP_INDEX: clip_index.variable,
            schema.TIME: ds[schema.TIME].variable,
            schema.CLIP: xr.Variable(schema.FRAME, ds[schema.CLIP].values[clip_index.values]),
        }
        return self._labelled(values, (schema.FRAME, schema.FEATURE), coords)

    def _padded(self, values: npt.NDArray[np.float32], ds: xr.Dataset) -> xr.DataArray:
        counts = ds[schema.FRAME_COUNT].values
        longest = int(counts.max(initial=0))
        there = np.arange(longest) < counts[:, None]
        padded = np.full((*there.shape, values.shape[1]), np.nan, dtype=np.float32)
        padded[there] = values
        time = xr.Variable(schema.FRAME, np.arange(longest) / self.spec_.frame_rate)
        coords = {**schema.clip_coords(ds), schema.TIME: time}
        return self._labelled(padded, (schema.CLIP, schema.FRAME, schema.FEATURE), coords)

    def _labelled(
        self, values: npt.NDArray[np.float32], dims: tuple[str, ...], coords: dict[Any, Any]
    ) -> xr.DataArray:
        own = {
            schema.FEATURE: xr.Variable(schema.FEATURE, np.array(self._feature_names(), dtype=str)),
            "dimension": xr.Variable(schema.FEATURE, np.arange(self.embedding_dim_)),
        }
        stored = {name: storable(coord) for name, coord in {**coords, **own}.items()}
        return xr.DataArray(values, dims=dims, coords=stored, attrs=self.spec_.to_attrs())
