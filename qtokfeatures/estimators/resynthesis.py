"""Sound for a vector of pooled features: runs of real frames whose own features come close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse

from qtokfeatures.estimators.frame_bank import FrameBank, codes_of_runs
from qtokfeatures.estimators.targets import dense_row, distances_to
from qtokfeatures.exceptions import InputError
from qtokfeatures.features.resynthesis import choose_runs, replacing_runs, run_starts
from qtokfeatures.labelled import CodeSequence

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

Codes = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

RUN_LENGTHS: Final = (12, 6, 3)
"""Frames of a run; sounds are tried that are made of runs of each length."""

SEARCHES: Final = 2
"""How often sounds are made, aiming beside the target by what was missed the time before."""

POLISHES: Final = 3
"""How often a run of the best sound is then replaced."""

MATERIAL_FRAMES: Final = 600
"""Frames that a sound is made of: about so many, of the segments nearest to the target."""

_HEARD_AT_ONCE: Final = 6
_MOST_STARTS: Final = 200
_JOIN_WEIGHT: Final = 0.1


@dataclass(frozen=True, eq=False)
class Resynthesised:
    """A sound made for a target.

    Parameters
    ----------
    frames : ndarray of int64, shape (frame,)
        The frames of the bank it is made of.
    distance : float
        Euclidean distance of its features, after decoding and encoding again, to the target.
    """

    frames: IntArray
    distance: float


@dataclass(frozen=True, eq=False)
class _Sound:
    """A sequence of frames of the material, the codes it is heard as, and how far these are off."""

    sequence: IntArray
    run_length: int
    heard: Codes
    distance: float


@dataclass(frozen=True, eq=False)
class _Material:
    """Frames to choose from: where they are in the bank, and what they become when heard."""

    frames: IntArray
    lengths: IntArray
    heard: Codes
    embedding: npt.NDArray[np.float32]

    def run_lengths(self) -> list[int]:
        longest = int(self.lengths.max())
        return [length for length in RUN_LENGTHS if length <= longest] or [longest]

    def step(self, run_length: int) -> int:
        return max(run_length // 2, len(self.frames) // _MOST_STARTS, 1)

    def join_costs(self, sequences: IntArray) -> FloatArray:
        """How far apart, in mean steps from frame to frame, the frames at joins are; a mean."""
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
    """Makes sounds whose features, once they are encoded again, come close to given ones.

    Runs of successive frames are taken from a bank of real ones and joined as codes, so that one
    pass of the decoder goes over the joins. What a codec makes of its own sound differs from what
    it made of the original: so the search goes by what the frames are encoded to again, what it
    finds is decoded, encoded and measured, and it is repeated with the target moved by what was
    missed. In the end single runs of the best sound are replaced, again by what is measured.

    Parameters
    ----------
    codec : Codec
        Decodes and encodes.
    transformer : transformer
        Fitted; codes to features, one row a clip.
    bank : FrameBank
        The real frames.
    """

    def __init__(self, codec: Codec, transformer: Any, bank: FrameBank) -> None:
        weights = getattr(transformer, "weights", None)
        if weights is not None:
            raise InputError(
                f"features weighted by {weights!r} have no inverse: that weight is of the original "
                "audio, and made frames have none"
            )
        self._codec, self._transformer, self._bank = codec, transformer, bank
        self._segments = bank.segments()
        self._heard_segments: dict[int, Codes] = {}
        self._of_segments = self.features(self._segments)
        if self._of_segments.ndim != 2 or len(self._segments) != self._of_segments.shape[0]:
            raise InputError(
                f"{type(transformer).__name__} does not give one vector a clip, so no clip can be "
                "made for a vector; frames are decoded by codec.quantize and codec.decode"
            )

    @property
    def n_features(self) -> int:
        """Features of a vector."""
        return int(self._of_segments.shape[1])

    def features(self, clips: Sequence[Codes]) -> Any:
        """Return the features of codes, one row a clip: an array or a sparse matrix."""
        spec = self._codec.spec
        ds = codes_of_runs(clips, spec, sr=spec.sample_rate)
        values = self._transformer.transform(CodeSequence(ds))
        return values if scipy.sparse.issparse(values) else np.asarray(values)

    def make(self, target: FloatArray, n_frames: int) -> Resynthesised:
        """Choose the frames of a sound.

        Parameters
        ----------
        target : ndarray of float64, shape (feature,)
            Features wanted.
        n_frames : int
            Frames wanted.

        Returns
        -------
        Resynthesised
        """
        material = self._material(target)
        best = self._search(material, target, n_frames)
        for turn in range(POLISHES):
            best = self._polish(material, best, target, turn)
        return Resynthesised(material.frames[best.sequence], best.distance)

    def decode(self, made: Resynthesised, *, sr: int, length: int) -> npt.NDArray[np.float32]:
        """Return the sound, at a rate and of a number of samples."""
        codes = self._bank.codes[:, made.frames]
        ds = codes_of_runs([codes], self._codec.spec, sr=sr, length=length)
        ((y, _),) = self._codec.decode_many(ds)
        return y

    def _material(self, target: FloatArray) -> _Material:
        """Take the segments nearest to the target, as many as give enough frames."""
        nearest = np.argsort(distances_to(self._of_segments, target), kind="stable")
        enough = int(np.searchsorted(np.cumsum(self._bank.length[nearest]), MATERIAL_FRAMES)) + 1
        chosen = np.sort(nearest[:enough])
        self._hear_segments(chosen)
        heard = np.concatenate([self._heard_segments[int(each)] for each in chosen], axis=1)
        return _Material(
            frames=np.flatnonzero(np.isin(self._bank.segment_of_frame, chosen)),
            lengths=self._bank.length[chosen],
            heard=heard,
            embedding=self._codec.embed(heard),
        )

    def _search(self, material: _Material, target: FloatArray, n_frames: int) -> _Sound:
        """Make sounds of runs of each length, aim better, make them again; the best of all."""
        aim, found = target, []
        for _ in range(SEARCHES):
            sounds = self._listen(
                material,
                [
                    (self._choose(material, aim, n_frames, run_length), run_length)
                    for run_length in material.run_lengths()
                ],
                target,
            )
            nearest = min(sounds, key=_distance)
            found.append(nearest)
            codes = [material.heard[:, nearest.sequence], nearest.heard]
            pair = self.features(codes)
            aim = target + dense_row(pair, 0) - dense_row(pair, 1)
        return min(found, key=_distance)

    def _choose(
        self, material: _Material, aim: FloatArray, n_frames: int, run_length: int
    ) -> IntArray:
        def cost(sequences: IntArray) -> FloatArray:
            heard = [material.heard[:, sequence] for sequence in sequences]
            return self._costs(heard, sequences, material, aim)

        return choose_runs(
            material.lengths,
            cost,
            n_frames=n_frames,
            run_length=run_length,
            step=material.step(run_length),
        )

    def _polish(self, material: _Material, sound: _Sound, target: FloatArray, turn: int) -> _Sound:
        """Replace one run by those that promise most beside the others as these are heard."""
        length = sound.run_length
        firsts = np.arange(0, len(sound.sequence), length)[turn::POLISHES]
        if not len(firsts):
            return sound
        starts = run_starts(material.lengths, length, step=material.step(length))
        sequences, replaced = replacing_runs(
            sound.sequence, starts, run_length=length, firsts=firsts
        )
        heard = [
            np.where(new, material.heard[:, sequence], sound.heard)
            for sequence, new in zip(sequences, replaced, strict=True)
        ]
        costs = self._costs(heard, sequences, material, target)
        promising = np.argsort(costs, kind="stable")[:_HEARD_AT_ONCE]
        candidates = [(sequences[index], length) for index in promising]
        return min([sound, *self._listen(material, candidates, target)], key=_distance)

    def _costs(
        self,
        heard: Sequence[Codes],
        sequences: IntArray,
        material: _Material,
        target: FloatArray,
    ) -> FloatArray:
        """What codes miss of the target, against what the nearest segment does, and the joins."""
        scale = float(distances_to(self._of_segments, target).min()) or 1.0
        missed = distances_to(self.features(heard), target) / scale
        return np.asarray(missed + _JOIN_WEIGHT * material.join_costs(sequences))

    def _listen(
        self,
        material: _Material,
        candidates: Sequence[tuple[IntArray, int]],
        target: FloatArray,
    ) -> list[_Sound]:
        """Decode sequences, encode what they sound like, and measure it."""
        sequences, run_lengths = zip(*candidates, strict=True)
        heard = self._hear([self._bank.codes[:, material.frames[each]] for each in sequences])
        distances = distances_to(self.features(heard), target).tolist()
        return [
            _Sound(*each) for each in zip(sequences, run_lengths, heard, distances, strict=True)
        ]

    def _hear_segments(self, segments: IntArray) -> None:
        """Encode again what has not been yet; it is kept as long as this object."""
        new = [int(each) for each in segments if int(each) not in self._heard_segments]
        if new:
            heard = self._hear([self._segments[segment] for segment in new])
            self._heard_segments.update(zip(new, heard, strict=True))

    def _hear(self, clips: Sequence[Codes]) -> list[Codes]:
        """Return what codes become when they are decoded and encoded again."""
        sr = self._codec.spec.sample_rate
        decoded = self._codec.decode_many(codes_of_runs(clips, self._codec.spec, sr=sr))
        return list(CodeSequence(self._codec.encode_many([(y, sr) for y, _ in decoded])))


def _distance(sound: _Sound) -> float:
    return sound.distance
