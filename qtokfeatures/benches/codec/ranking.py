"""Clips ordered by reconstruction quality, and pictures of the best and the worst."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtokfeatures.benches.clips import BenchClip
from qtokfeatures.evaluation.scores import LOG_MEL, Metric, score_reconstruction
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec
    from qtokfeatures.viz import SheetPair

_SHOWN: Final = 10


@dataclass(frozen=True, eq=False)
class RankedClip:
    """A clip, its reconstruction at the same rate and length, and its score."""

    clip: BenchClip
    y_hat: FloatArray
    score: float


def rank_clips(
    codec: AnyCodec,
    clips: Sequence[BenchClip],
    *,
    n_codebooks: int | None = None,
    metric: Metric = LOG_MEL,
) -> list[RankedClip]:
    """Clips reconstructed and ordered, the best first; left out where the metric is undefined."""
    most = codec.spec.n_codebooks
    k = most if n_codebooks is None else n_codebooks
    if not 1 <= k <= most:
        raise InputError(f"n_codebooks must be 1 … {most}, got {k}")
    ranked = [_reconstruct(codec, clip, k, metric) for clip in clips]
    defined = [each for each in ranked if not math.isnan(each.score)]
    return sorted(defined, key=lambda each: each.score, reverse=metric.higher_is_better)


def _reconstruct(codec: AnyCodec, clip: BenchClip, k: int, metric: Metric) -> RankedClip:
    codes = codec.encode(clip.y, sr=clip.sr)
    y_hat, _ = codec.decode(codes[:k], sr=clip.sr, length=len(clip.y))
    scores = score_reconstruction(
        clip.y, y_hat, clip.sr, speech=metric.speech_only and clip.kind == "speech"
    )
    return RankedClip(clip, y_hat, scores.get(metric.key, math.nan))


def draw_sheets(ranked: Sequence[RankedClip], folder: Path, name: str) -> None:
    """Draw ``NAME-best.png`` and ``NAME-worst.png``: ten clips each, the most extreme first."""
    from qtokfeatures.viz import contact_sheet, save_sheet

    folder.mkdir(parents=True, exist_ok=True)
    stem = Path(name).stem.replace("/", "-")
    for which, clips in (("best", ranked), ("worst", ranked[::-1])):
        title = f"{name}: the {which} clips by log-mel distance, original above reconstruction"
        sheet = contact_sheet([_pair(each) for each in clips[:_SHOWN]], title=title)
        save_sheet(sheet, folder / f"{stem}-{which}.png")


def _pair(ranked: RankedClip) -> SheetPair:
    from qtokfeatures.viz import SheetPair

    clip = ranked.clip
    path = Path(clip.name)
    title = f"{ranked.score:.3f}  {path.parent.name}/{path.stem}"
    return SheetPair(title, clip.y, ranked.y_hat, clip.sr)
