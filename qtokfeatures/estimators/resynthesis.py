"""Sound for pooled features: runs of real frames whose own features come close to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse
import xarray as xr

from qtokfeatures.audio import AudioClip
from qtokfeatures.estimators.frame_bank import FrameBank, codes_of_runs
from qtokfeatures.exceptions import InputError
from qtokfeatures.features.resynthesis import choose_runs, replacing_runs, run_starts
from qtokfeatures.labelled import CodeSequence
from qtokfeatures.parameters import number

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

Codes = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Frames of a run. Long runs sound natural, short ones come closer to the target: all are tried.
RUN_LENGTHS: Final = (12, 6, 3)
SEARCHES: Final = 2  # each aims beside the target by what the one before it missed
POLISHES: Final = 3  # rounds in which a run of the best sound is replaced
POOL_FRAMES: Final = 600  # frames to choose from, of the segments nearest to the target

_MEASURED_AT_ONCE: Final = 6  # candidates for which decoding and encoding is paid
_MOST_STARTS: Final = 200
_JOIN_WEIGHT: Final = 0.1  # of a mean join, against a miss as large as that of the nearest segment


@dataclass(frozen=True, eq=False)
class ChosenFrames:
    """Frames of the bank, (frame,), and the distance of their features to the target."""

    frames: IntArray
    distance: float


@dataclass(frozen=True, eq=False)
class _Sound:
    """Frames of the pool, their codes after decoding and encoding, and the distance of these."""

    sequence: IntArray
    run_length: int
    recoded: Codes
    distance: float


@dataclass(frozen=True, eq=False)
class _Pool:
    """Frames to choose from, and their codes after decoding and encoding."""

    frames: IntArray
    lengths: IntArray
    recoded: Codes
    embedding: npt.NDArray[np.float32]

    def run_lengths(self) -> list[int]:
        longest = int(self.lengths.max())
        return [length for length in RUN_LENGTHS if length <= longest] or [longest]

    def step(self, run_length: int) -> int:
        return max(run_length // 2, len(self.frames) // _MOST_STARTS, 1)

    def join_costs(self, sequences: IntArray) -> FloatArray:
        """Return the mean distance at joins (sequence,), in mean steps between frames."""
        before, after = sequences[:, :-1], sequences[:, 1:]
        joins = np.nonzero(after != before + 1)
        gaps = self.embedding[before[joins]] - self.embedding[after[joins]]
        cost = np.zeros(sequences.shape)
        cost[joins] = np.linalg.norm(gaps, axis=1) / self._mean_step()
        return np.asarray(cost.mean(axis=1))

    def _mean_step(self) -> float:
        steps = np.linalg.norm(np.diff(self.embedding, axis=0), axis=1)
        return float(steps.mean()) if steps.any() else 1.0


class Resynthesizer:
    """Chooses frames whose features, after decoding and encoding, come close to a target.

    Runs of successive frames of a bank are joined as codes, so that the decoder smooths the joins.
    A codec encodes its own sound differently from the original. The search therefore compares the
    codes that frames get when they are decoded and encoded again, and is repeated with the target
    moved by the remaining error. At the end single runs of the best sound are replaced.
    """

    def __init__(self, codec: Codec, transformer: Any, bank: FrameBank) -> None:
        weights = getattr(transformer, "weights", None)
        if weights is not None:
            raise InputError(
                f"features weighted by {weights!r} have no inverse: these weights belong to the "
                "original audio; fit the features without weights="
            )
        self._codec, self._transformer, self._bank = codec, transformer, bank
        self._segments = bank.segments()
        self._recoded_segments: dict[int, Codes] = {}
        self._segment_features = self.features(self._segments)
        if (
            self._segment_features.ndim != 2
            or len(self._segments) != self._segment_features.shape[0]
        ):
            raise InputError(
                f"{type(transformer).__name__} does not return one vector per clip, so it has no "
                "inverse; codec.quantize and codec.decode turn embeddings of frames to audio"
            )

    @property
    def n_features(self) -> int:
        """Number of features of a target."""
        return int(self._segment_features.shape[1])

    def features(self, clips: Sequence[Codes]) -> Any:
        """Return the features of codes (clip, feature), as an array or a sparse matrix."""
        spec = self._codec.spec
        ds = codes_of_runs(clips, spec, sr=spec.sample_rate)
        values = self._transformer.transform(CodeSequence(ds))
        return values if scipy.sparse.issparse(values) else np.asarray(values)

    def choose(self, target: FloatArray, n_frames: int) -> ChosenFrames:
        """Choose `n_frames` frames for a target (feature,)."""
        pool = self._pool(target)
        best = self._search(pool, target, n_frames)
        for turn in range(POLISHES):
            best = self._polish(pool, best, target, turn)
        return ChosenFrames(pool.frames[best.sequence], best.distance)

    def decode(self, chosen: ChosenFrames, *, sr: int, length: int) -> npt.NDArray[np.float32]:
        """Return the sound of chosen frames, `length` samples at `sr` Hz."""
        codes = self._bank.codes[:, chosen.frames]
        ds = codes_of_runs([codes], self._codec.spec, sr=sr, length=length)
        ((y, _),) = self._codec.decode_many(ds)
        return y

    def _pool(self, target: FloatArray) -> _Pool:
        """Collect the segments nearest to the target, until there are enough frames."""
        nearest = np.argsort(distances_to(self._segment_features, target), kind="stable")
        enough = int(np.searchsorted(np.cumsum(self._bank.length[nearest]), POOL_FRAMES)) + 1
        chosen = np.sort(nearest[:enough])
        self._recode_segments(chosen)
        recoded = np.concatenate([self._recoded_segments[int(each)] for each in chosen], axis=1)
        return _Pool(
            frames=np.flatnonzero(np.isin(self._bank.segment_of_frame, chosen)),
            lengths=self._bank.length[chosen],
            recoded=recoded,
            embedding=self._codec.embed(recoded),
        )

    def _search(self, pool: _Pool, target: FloatArray, n_frames: int) -> _Sound:
        """Return the best sound over all run lengths and several aims."""
        aim, found = target, []
        for _ in range(SEARCHES):
            sounds = self._measure(
                pool,
                [
                    (self._choose(pool, aim, n_frames, run_length), run_length)
                    for run_length in pool.run_lengths()
                ],
                target,
            )
            nearest = min(sounds, key=_distance)
            found.append(nearest)
            codes = [pool.recoded[:, nearest.sequence], nearest.recoded]
            pair = self.features(codes)
            aim = target + dense_row(pair, 0) - dense_row(pair, 1)
        return min(found, key=_distance)

    def _choose(self, pool: _Pool, aim: FloatArray, n_frames: int, run_length: int) -> IntArray:
        def cost(sequences: IntArray) -> FloatArray:
            recoded = [pool.recoded[:, sequence] for sequence in sequences]
            return self._costs(recoded, sequences, pool, aim)

        return choose_runs(
            pool.lengths,
            cost,
            n_frames=n_frames,
            run_length=run_length,
            step=pool.step(run_length),
        )

    def _polish(self, pool: _Pool, sound: _Sound, target: FloatArray, turn: int) -> _Sound:
        """Replace one run by the one that brings the measured features closest."""
        length = sound.run_length
        firsts = np.arange(0, len(sound.sequence), length)[turn::POLISHES]
        if not len(firsts):
            return sound
        starts = run_starts(pool.lengths, length, step=pool.step(length))
        sequences, replaced = replacing_runs(
            sound.sequence, starts, run_length=length, firsts=firsts
        )
        recoded = [
            np.where(new, pool.recoded[:, sequence], sound.recoded)
            for sequence, new in zip(sequences, replaced, strict=True)
        ]
        costs = self._costs(recoded, sequences, pool, target)
        promising = np.argsort(costs, kind="stable")[:_MEASURED_AT_ONCE]
        candidates = [(sequences[index], length) for index in promising]
        return min([sound, *self._measure(pool, candidates, target)], key=_distance)

    def _costs(
        self,
        recoded: Sequence[Codes],
        sequences: IntArray,
        pool: _Pool,
        target: FloatArray,
    ) -> FloatArray:
        """Return the distance to the target, in that of the nearest segment, plus the joins."""
        scale = float(distances_to(self._segment_features, target).min()) or 1.0
        missed = distances_to(self.features(recoded), target) / scale
        return np.asarray(missed + _JOIN_WEIGHT * pool.join_costs(sequences))

    def _measure(
        self,
        pool: _Pool,
        candidates: Sequence[tuple[IntArray, int]],
        target: FloatArray,
    ) -> list[_Sound]:
        """Decode sequences, encode the sound, and measure the distance to the target."""
        sequences, run_lengths = zip(*candidates, strict=True)
        recoded = self._recode([self._bank.codes[:, pool.frames[each]] for each in sequences])
        distances = distances_to(self.features(recoded), target).tolist()
        return [
            _Sound(*each) for each in zip(sequences, run_lengths, recoded, distances, strict=True)
        ]

    def _recode_segments(self, segments: IntArray) -> None:
        """Decode and encode segments that have not been yet, and keep their codes."""
        new = [int(each) for each in segments if int(each) not in self._recoded_segments]
        if new:
            recoded = self._recode([self._segments[segment] for segment in new])
            self._recoded_segments.update(zip(new, recoded, strict=True))

    def _recode(self, clips: Sequence[Codes]) -> list[Codes]:
        """Return codes after decoding and encoding."""
        sr = self._codec.spec.sample_rate
        decoded = self._codec.decode_many(codes_of_runs(clips, self._codec.spec, sr=sr))
        return self._codec.encode_clips(
            [AudioClip(y, sr, "<resynthesis>", len(y), sr) for y, _ in decoded]
        )


def _distance(sound: _Sound) -> float:
    return sound.distance


def target_rows(X: Any, n_features: int) -> FloatArray:
    """Return vectors of features as float64 (row, feature); a single one may be 1-D."""
    try:
        rows = np.asarray(X.toarray() if scipy.sparse.issparse(X) else X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            "inverse_transform takes codes, a Dataset or CodeSequence such as encode(X) returns, "
            f"or features (clip, feature) such as transform(X) returns; got {type(X).__name__}"
        ) from error
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] != n_features:
        raise InputError(
            f"inverse_transform takes codes, or features of shape (clip, {n_features}) as "
            f"transform(X) returns them; got an array of shape {rows.shape}"
        )
    wrong = ~np.isfinite(rows).all(axis=1)
    if wrong.any():
        raise InputError(f"row {int(np.argmax(wrong))} has features that are not finite numbers")
    return rows


def distances_to(features: Any, target: FloatArray) -> FloatArray:
    """Return the Euclidean distance of each row of features, which may be sparse, to a vector."""
    if not scipy.sparse.issparse(features):
        return np.asarray(np.linalg.norm(features - target, axis=1))
    rows = features.astype(np.float64)
    squares = np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    squared = squares - 2 * (rows @ target) + target @ target
    return np.asarray(np.sqrt(np.maximum(squared, 0)), dtype=np.float64)


def dense_row(features: Any, row: int) -> FloatArray:
    """Return one row of features, which may be sparse, as (feature,)."""
    found = features[[row]]
    dense = np.asarray(found.toarray() if scipy.sparse.issparse(found) else found)
    return np.asarray(dense[0], dtype=np.float64)


class Sonified(NamedTuple):
    """A sound for a cluster, a class or another vector of pooled features.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        Mono audio.
    sr : int
        Its rate in Hz.
    frames : xarray.Dataset
        The real frames that the sound consists of: ``clip``, ``time`` (in seconds from the start of
        the clip) and ``run``, all (frame). The attribute ``distance`` is the Euclidean distance of
        the features of the sound, encoded again, to those asked for.
    """

    y: npt.NDArray[np.float32]
    sr: int
    frames: xr.Dataset


def sounds_of_features(
    X: Any,
    *,
    codec: Codec,
    transformer: Any,
    bank: FrameBank,
    sr: int,
    duration_s: float | None = None,
) -> list[Sonified]:
    """Resynthesise a sound for each vector of features, by default of the median duration."""
    seconds = (
        bank.duration_s
        if duration_s is None
        else number("duration_s", duration_s, above=0, unit="seconds")
    )
    length = max(1, round(seconds * sr))
    n_frames = -(-length * codec.spec.sample_rate // (sr * codec.spec.hop_length))
    resynthesizer = Resynthesizer(codec, transformer, bank)
    sounds = []
    for target in target_rows(X, resynthesizer.n_features):
        chosen = resynthesizer.choose(target, n_frames)
        frames = bank.origins(chosen.frames, codec.spec).assign_attrs(distance=chosen.distance)
        sounds.append(Sonified(resynthesizer.decode(chosen, sr=sr, length=length), sr, frames))
    return sounds
