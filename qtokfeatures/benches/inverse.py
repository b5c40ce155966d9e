"""How close sounds made for pooled features come to them, beside the nearest recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from qtokfeatures.benches.clips import BenchClip
from qtokfeatures.benches.provenance import codec_identity, identity_note, package_versions
from qtokfeatures.evaluation.tables import TextTable, format_number
from qtokfeatures.exceptions import InputError
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

    AnyCodec: TypeAlias = Codec[Any, Any]
    from qtokfeatures.benches import BenchClip

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "scikit-learn")
_ALL: Final = "all"
_METHOD: Final = (
    "For the features of each held-out clip a sound as long as the clip is made, encoded again and "
    "compared with these features: closer than nearest is the share of sounds whose Euclidean "
    "distance is smaller than that of the nearest of all clips fitted on; the other distances and "
    "the runs of real frames are medians. A loud join is one with a larger step from sample to "
    "sample than any in the runs on both sides."
)
_HELD_OUT_OF_BUNDLED = 4


@dataclass(frozen=True)
class InverseScore:
    """One clip, its features, and the sound made for them.

    Parameters
    ----------
    features : str
        Which features.
    clip : str
        The clip, held out.
    kind : str
        Its kind.
    made : float
        Distance of the features of the sound, encoded again, to those of the clip.
    nearest : float
        Distance of the nearest of all clips fitted on.
    runs : int
        Runs of real frames that the sound is made of.
    loud_joins : int
        Joins with a larger step from sample to sample than any in the runs on both sides.
    """

    features: str
    clip: str
    kind: str
    made: float
    nearest: float
    runs: int
    loud_joins: int

    @property
    def is_closer(self) -> bool:
        """Whether the sound is closer than the nearest clip."""
        return self.made < self.nearest


@dataclass(frozen=True)
class InverseResult:
    """Everything that :func:`bench_inverse` measured.

    Parameters
    ----------
    codec : mapping of str to str
        Name, revision and fingerprint.
    n_fitted : int
        Clips fitted on.
    scores : tuple of InverseScore
        One a kind of features and clip.
    versions : mapping of str to str
        Versions of packages.
    """

    codec: Mapping[str, str]
    n_fitted: int
    scores: tuple[InverseScore, ...]
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {
            "codec": dict(self.codec),
            "n_fitted": self.n_fitted,
            "scores": [asdict(score) for score in self.scores],
            "versions": dict(self.versions),
        }

    def of(self, features: str, kind: str = _ALL) -> list[InverseScore]:
        """Return the scores of some features, of one kind of clips or all."""
        return [
            score
            for score in self.scores
            if score.features == features and kind in (_ALL, score.kind)
        ]


def bench_inverse(
    codec: AnyCodec,
    tokenizers: Mapping[str, Any],
    *,
    fitted: Sequence[BenchClip],
    held_out: Sequence[BenchClip],
    on_progress: Progress | None = None,
) -> InverseResult:
    """Make a sound for the features of each held-out clip, as long as the clip, and measure it.

    Parameters
    ----------
    codec : Codec
        The codec of the tokenizers.
    tokenizers : mapping of str to QTokenizer
        Name of the features to the tokenizer that makes them.
    fitted : sequence of BenchClip
        What they are fitted on: where the real frames come from.
    held_out : sequence of BenchClip
        Clips whose features are asked for.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    InverseResult

    Raises
    ------
    InputError
        If there are no clips.
    """
    if not fitted or not held_out:
        raise InputError(
            f"clips to fit on and to hold out are needed, got {len(fitted)} and {len(held_out)}"
        )
    watch = on_progress or ignore_progress
    scores: list[InverseScore] = []
    for name, tokenizer in tokenizers.items():
        known = np.asarray(tokenizer.fit_transform(_pairs(fitted)))
        clips = with_progress(held_out, f"make sounds for {name}", watch)
        scores += [_score(name, tokenizer, known, clip) for clip in clips]
    return InverseResult(
        codec_identity(codec), len(fitted), tuple(scores), package_versions(_PACKAGES)
    )


def count_loud_joins(y: npt.ArrayLike, joins: Iterable[int]) -> int:
    """Count joins where a sound steps further than anywhere in the runs on both sides.

    Parameters
    ----------
    y : array_like of float, shape (sample,)
        The sound.
    joins : iterable of int
        First sample after each join, in order.

    Returns
    -------
    int

    Examples
    --------
    >>> count_loud_joins([0.0, 0.1, 0.2, 0.9, 0.8, 0.7], [3])
    1
    >>> count_loud_joins([0.0, 0.1, 0.2, 0.2, 0.8, 0.7], [3])
    0
    """
    steps = np.abs(np.diff(np.asarray(y, dtype=np.float64)))
    bounds = [0, *joins, len(steps) + 1]
    sides = zip(bounds, bounds[1:], bounds[2:], strict=False)
    return sum(
        bool(steps[join - 1] > max(_loudest(steps[first : join - 1]), _loudest(steps[join:last])))
        for first, join, last in sides
    )


def inverse_tables(result: InverseResult) -> tuple[TextTable, ...]:
    """Lay out what the bench measured.

    Parameters
    ----------
    result : InverseResult
        What was measured.

    Returns
    -------
    tuple of TextTable
    """
    features = list(dict.fromkeys(score.features for score in result.scores))
    kinds = [*dict.fromkeys(score.kind for score in result.scores), _ALL]
    rows = [
        _row(name, kind, result.of(name, kind))
        for name in features
        for kind in kinds
        if result.of(name, kind)
    ]
    header = (
        "features", "held-out clips", "clips", "closer than nearest, %", "distance / nearest",
        "distance", "runs", "joins", "loud joins",
    )  # fmt: skip
    return (TextTable("Sounds made for pooled features", header, tuple(rows), n_text=2),)


def inverse_notes(result: InverseResult, *, clips: str = "", command: str = "") -> tuple[str, ...]:
    """Say what the table means and how it was made.

    Parameters
    ----------
    result : InverseResult
        What was measured.
    clips : str, default ""
        Which clips.
    command : str, default ""
        The command that made the table.

    Returns
    -------
    tuple of str
    """
    notes = [
        f"Made by `{command}`." if command else "",
        f"{clips} Fitted on {result.n_fitted} clips.".strip(),
        _METHOD,
        identity_note(result.codec, result.versions),
    ]
    return tuple(note for note in notes if note)


def _score(
    name: str, tokenizer: Any, known: npt.NDArray[np.float32], clip: BenchClip
) -> InverseScore:
    target = np.asarray(tokenizer.transform(_pairs([clip])))
    (sound,) = tokenizer.resynthesize(target, duration_s=clip.duration_s)
    again = np.asarray(tokenizer.transform([(sound.y, tokenizer.sr)]))
    run = sound.frames["run"].values
    hop = tokenizer.spec_.hop_length * tokenizer.sr // tokenizer.spec_.sample_rate
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
    """Return the bundled sounds: those to fit on, and those held out."""
    from qtokfeatures.audio import load_audio
    from qtokfeatures.benches import BenchClip
    from qtokfeatures.examples_audio import example_files

    loaded: list[Any] = [load_audio(file) for file in example_files()]
    clips = [BenchClip(clip.source, "bundled", clip.y, clip.sr) for clip in loaded]
    held_out = clips[::_HELD_OUT_OF_BUNDLED]
    return [clip for clip in clips if clip not in held_out], held_out
