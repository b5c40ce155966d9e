"""Statistics of the vectors that the codes of a clip stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qtokfeatures.estimators.base import ClipFeatures
from qtokfeatures.features.pooling import needs_levels, pool_clips, pooled_blocks
from qtokfeatures.labelled import CodeSequence
from qtokfeatures.parameters import one_of

if TYPE_CHECKING:
    from qtokfeatures.labelled import CodecSpec


_FRAMES_AT_ONCE = 2**11

COMBINATIONS = ("sum", "concatenate")


class CodeEmbedding(ClipFeatures):
    """Pool the embeddings of a clip's frames into one vector.

    Parameters
    ----------
    codec : str, path or Codec, default=None
        Codec of the embeddings. None means the one that the codes name.
    codebooks : int or sequence of int, default=None
        Codebooks that the embedding is computed from, 0 being the coarsest: the first so many, or
        a list of indices. None means all.
    pooling : str or sequence of str, default=("mean", "std")
        Statistics over the frames; names of :data:`qtokfeatures.features.POOLINGS`, or quantiles
        in per cent such as ``"q25"``. ``"loud_mean"``, ``"loud_std"`` and ``"loudest"`` weigh
        frames by their level. They use all codebooks for that, and a codec that has no levels
        among its codes has to decode.
    segments : int, default=1
        Number of segments of a clip over which mean, median, minimum, maximum and quantiles are
        computed one by one. With 2 or more the order of sounds counts: a word and its reverse then
        differ. See :func:`qtokfeatures.features.pool_frames`.
    combine : {"sum", "concatenate"}, default="sum"
        Whether a frame is the sum of the vectors of all its codes, or each codebook is pooled
        separately, which multiplies the number of features by that of codebooks.

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
    TokenHistogram : Counts of the tokens themselves.
    FrameFeatures : Embeddings of the frames, not pooled.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> import numpy as np
    >>> codec = qt.load_codec("mini")
    >>> noise = np.random.default_rng(0).normal(0, 0.1, size=(3, 24000)).astype("float32")
    >>> codes = codec.encode_many(list(noise), sr=24000)
    >>> features = CodeEmbedding(pooling=["mean", "std"]).fit_transform(codes)
    >>> features.shape == (3, 2 * codec.spec.embedding_dim)
    True
    >>> CodeEmbedding(segments=3).fit_transform(codes).feature.values[[0, -1]].tolist()
    ['mean_segment0_0', 'std_112']
    >>> apart = CodeEmbedding(codebooks=[0, 5], combine="concatenate").fit_transform(codes)
    >>> apart.feature.values[[0, -1]].tolist()
    ['codebook0_mean_0', 'codebook5_std_112']
    """

    def __init__(
        self,
        *,
        codec: Any = None,
        codebooks: int | Sequence[int] | None = None,
        pooling: str | Sequence[str] = ("mean", "std"),
        segments: int = 1,
        combine: str = "sum",
    ) -> None:
        self.codec = codec
        self.codebooks = codebooks
        self.pooling = pooling
        self.segments = segments
        self.combine = combine

    def _feature_names(self) -> list[str]:
        return [
            f"{origin}{block}_{i}"
            for origin in self._origins()
            for block in self._block_names()
            for i in range(self.embedding_dim_)
        ]

    def _learn(self, sequence: CodeSequence, spec: CodecSpec) -> None:
        self._blocks()
        one_of("combine", self.combine, COMBINATIONS)
        self.embedding_dim_ = embedding_dim(self._find_codec(spec), self.codebooks_)

    def _values(self, sequence: CodeSequence) -> npt.NDArray[np.float32]:
        codec, sums = self._find_codec(self.spec_), self._summed_codebooks()
        width = len(self._blocks()) * self.embedding_dim_
        values = np.empty((len(sequence), len(sums) * width), np.float32)
        done = 0
        for clips in _together(sequence):
            rows, done = slice(done, done + len(clips)), done + len(clips)
            codes, counts = np.concatenate(clips, axis=1), [clip.shape[1] for clip in clips]
            levels = self._levels(codec, clips)
            for block, codebooks in enumerate(sums):
                values[rows, block * width : (block + 1) * width] = pool_clips(
                    codec.embed(codes, codebooks=codebooks),
                    counts,
                    self.pooling,
                    segments=self.segments,
                    levels=levels,
                )
        return values

    def _levels(self, codec: Any, clips: list[npt.NDArray[Any]]) -> npt.NDArray[np.float32] | None:
        """Return the level of each frame of all `clips`, if a statistic needs it."""
        if not needs_levels(self.pooling):
            return None
        if codec.levels_in_codes:
            clips = [np.concatenate(clips, axis=1)]
        return np.concatenate([codec.levels(codes) for codes in clips])

    def _summed_codebooks(self) -> list[list[int]]:
        """Return lists of codebooks whose vectors are summed before pooling."""
        return [self.codebooks_] if self.combine == "sum" else [[k] for k in self.codebooks_]

    def _origins(self) -> list[str]:
        return [""] if self.combine == "sum" else [f"codebook{k}_" for k in self.codebooks_]

    def _blocks(self) -> tuple[tuple[str, int | None], ...]:
        return pooled_blocks(self.pooling, self.segments)

    def _block_names(self) -> list[str]:
        return [
            name if segment is None else f"{name}_segment{segment}"
            for name, segment in self._blocks()
        ]

    def _feature_coords(self) -> dict[str, npt.NDArray[Any]]:
        names, segments = zip(*self._blocks(), strict=True)
        coords: dict[str, npt.NDArray[Any]] = {
            "statistic": np.repeat(names, self.embedding_dim_),
            "dimension": np.tile(np.arange(self.embedding_dim_), len(names)),
        }
        if self.segments > 1:
            numbers = [-1 if segment is None else segment for segment in segments]  # -1: all frames
            coords["segment"] = np.repeat(numbers, self.embedding_dim_)
        if self.combine == "sum":
            return coords
        size, origins = len(names) * self.embedding_dim_, self.codebooks_
        repeated = {name: np.tile(values, len(origins)) for name, values in coords.items()}
        return {"codebook": np.repeat(origins, size), **repeated}


def _together(sequence: Iterable[npt.NDArray[Any]]) -> Iterator[list[npt.NDArray[Any]]]:
    """Yield clips in groups of some frames."""
    group: list[npt.NDArray[Any]] = []
    n_frames = 0
    for codes in sequence:
        group.append(codes)
        n_frames += codes.shape[1]
        if n_frames >= _FRAMES_AT_ONCE:
            yield group
            group, n_frames = [], 0
    if group:
        yield group


def embedding_dim(codec: Any, codebooks: list[int]) -> int:
    """Return the dimensions of the embedding of these codebooks."""
    one_frame = np.zeros((codec.spec.n_codebooks, 1), dtype=np.int16)
    return int(codec.embed(one_frame, codebooks=codebooks).shape[1])
