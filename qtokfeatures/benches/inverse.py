"""Distance between pooled features and those of sounds made for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.clips import BenchClip
from qtokfeatures.benches.measured import Measured, identify
from qtokfeatures.evaluation.tables import TextTable, format_number
from qtokfeatures.examples_audio import example_files
from qtokfeatures.exceptions import InputError
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "scikit-learn")
_ALL: Final = "all"
_METHOD: Final = (
    "For the features of each held-out clip a sound as long as the clip is made, encoded again and "
    "compared with these features: closer than nearest is the share of sounds whose Euclidean "
    "distance is smaller than that of the nearest of all clips fitted on; the other distances and "
    "the runs of real frames are medians. A loud join is one with a larger step from sample to "
    "sample than any in the runs on both sides."
)
HELD_OUT_OF_BUNDLED: Final = 4  # every fourth


@dataclass(frozen=True)
class InverseScore:
    """One held-out clip, its features, and the sound made for them."""

    features: str
    clip: str
    kind: str
    made: float  # distance of the sound's features to the clip's
    nearest: float  # distance of the nearest of all clips fitted on
    runs: int  # of real frames
    loud_joins: int

    @property
    def is_closer(self) -> bool:
        """Whether the sound is closer than the nearest clip."""
        return self.made < self.nearest


@dataclass(frozen=True, eq=False, kw_only=True)
class InverseResult(Measured):
    """Scores of every kind of features and held-out clip."""

    bench: ClassVar[str] = "inverse"

    n_fitted: int
    scores: tuple[InverseScore, ...]

    def of(self, features: str, kind: str = _ALL) -> list[InverseScore]:
        """Scores of some features, for one kind of clips or all."""
        return [
            score
            for score in self.scores
            if score.features == features and kind in (_ALL, score.kind)
        ]

    def tables(self) -> tuple[TextTable, ...]:
        """A row for each kind of features and of clips."""
        features = list(dict.fromkeys(score.features for score in self.scores))
        kinds = [*dict.fromkeys(score.kind for score in self.scores), _ALL]
        rows = [
            _row(name, kind, self.of(name, kind))
            for name in features
            for kind in kinds
            if self.of(name, kind)
        ]
        header = (
            "features", "held-out clips", "clips", "closer than nearest, %", "distance / nearest",
            "distance", "runs", "joins", "loud joins",
        )  # fmt: skip
        return (TextTable("Sounds made for pooled features", header, tuple(rows), n_text=2),)

    def findings(self) -> Iterable[str]:
        """Clips and method."""
        yield f"{self.clips} Fitted on {self.n_fitted} clips.".strip()
        yield _METHOD
        yield self.identity()


def bench_inverse(
    codec: AnyCodec,
    tokenizers: Mapping[str, Any],
    *,
    fitted: Sequence[BenchClip],
    held_out: Sequence[BenchClip],
    on_progress: Progress | None = None,
) -> InverseResult:
    """Distances of sounds made for the features of held-out clips, as long as the clips."""
    if not fitted or not held_out:
        raise InputError(
            f"expected clips to fit on and to hold out, got {len(fitted)} and {len(held_out)}"
        )
    watch = on_progress or ignore_progress
    scores: list[InverseScore] = []
    for name, tokenizer in tokenizers.items():
        known = np.asarray(tokenizer.fit_transform(_pairs(fitted)))
        clips = with_progress(held_out, f"make sounds for {name}", watch)
        scores += [_score(name, tokenizer, known, clip) for clip in clips]
    return InverseResult(**identify(codec, _PACKAGES), n_fitted=len(fitted), scores=tuple(scores))


def count_loud_joins(y: npt.ArrayLike, joins: Iterable[int]) -> int:
    """Joins (first sample after each) with a larger step than any in the runs on both sides."""
    steps = np.abs(np.diff(np.asarray(y, dtype=np.float64)))
    bounds = [0, *joins, len(steps) + 1]
    sides = zip(bounds, bounds[1:], bounds[2:], strict=False)
    return sum(
        bool(steps[join - 1] > max(_loudest(steps[first : join - 1]), _loudest(steps[join:last])))
        for first, join, last in sides
    )


def _score(
    name: str, tokenizer: Any, known: npt.NDArray[np.float32], clip: BenchClip
) -> InverseScore:
    target = np.asarray(tokenizer.transform(_pairs([clip])))
    (sound,) = tokenizer.resynthesize(target, duration_s=clip.duration_s)
    again = np.asarray(tokenizer.transform([(sound.y, sound.sr)]))
    run = sound.frames["run"].values
    hop = tokenizer.spec_.hop_length * sound.sr // tokenizer.spec_.sample_rate
    joins = (np.flatnonzero(np.diff(run)) + 1) * hop
    return InverseScore(
        features=name,
        clip=clip.name,
        kind=clip.kind,
        made=float(np.linalg.norm(again - target)),
        nearest=float(np.linalg.norm(known - target, axis=1).min()),
        runs=int(run[-1]) + 1,
        loud_joins=count_loud_joins(sound.y, joins.tolist()),
    )


def _pairs(clips: Sequence[BenchClip]) -> list[tuple[npt.NDArray[np.float32], int]]:
    return [(clip.y, clip.sr) for clip in clips]


def _loudest(steps: npt.NDArray[np.float64]) -> float:
    return float(steps.max(initial=0.0))


def _row(name: str, kind: str, scores: list[InverseScore]) -> tuple[str, ...]:
    made = np.array([score.made for score in scores])
    nearest = np.array([score.nearest for score in scores])
    return (
        name,
        kind,
        str(len(scores)),
        format_number(100 * float(np.mean(made < nearest)), 0),
        format_number(float(np.median(made / nearest)), 2),
        format_number(float(np.median(made)), 2),
        format_number(float(np.median([score.runs for score in scores])), 0),
        str(sum(score.runs - 1 for score in scores)),
        str(sum(score.loud_joins for score in scores)),
    )


def bundled_clips() -> tuple[list[BenchClip], list[BenchClip]]:
    """The bundled sounds to fit on, and those held out."""
    loaded = [load_audio(file) for file in example_files()]
    clips = [BenchClip(str(clip.source), "bundled", clip.y, clip.sr) for clip in loaded]
    held_out = clips[::HELD_OUT_OF_BUNDLED]
    return [clip for clip in clips if clip not in held_out], held_out
