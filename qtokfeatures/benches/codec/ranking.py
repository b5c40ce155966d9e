"""Which clips a codec keeps best and worst, with the audio to look at and listen to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtokfeatures.benches.clips import BenchClip
from qtokfeatures.evaluation.scores import LOG_MEL, Metric, score_reconstruction
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec


@dataclass(frozen=True, eq=False)
class RankedClip:
    """A clip, its reconstruction, and what it scored.

    Parameters
    ----------
    clip : BenchClip
        The original.
    y_hat : ndarray of float32, shape (sample,)
        Its reconstruction, as long as the original and at its rate.
    score : float
        The metric it was ranked by.
    """

    clip: BenchClip
    y_hat: FloatArray
    score: float


def rank_clips(
    codec: Codec[Any, Any],
    clips: Sequence[BenchClip],
    *,
    n_codebooks: int | None = None,
    metric: Metric = LOG_MEL,
) -> list[RankedClip]:
    """Reconstruct clips and order them, the best first.

    Parameters
    ----------
    codec : Codec
        The codec.
    clips : sequence of BenchClip
        The clips.
    n_codebooks : int, optional
        Codebooks to decode from, by default all.
    metric : Metric, default LOG_MEL
        What to order by. One that is for speech only ranks only speech.

    Returns
    -------
    list of RankedClip
        Best first; clips for which the metric is not defined are left out.

    Raises
    ------
    InputError
        If the number of codebooks is not one the codec has.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> noise = np.random.default_rng(0).normal(0, 0.1, size=24_000).astype(np.float32)
    >>> clips = [BenchClip("noise", "environment", noise, 24_000)]
    >>> best = rank_clips(qt.load_codec("mini", device="cpu"), clips)[0]
    >>> best.clip.name, best.y_hat.shape
    ('noise', (24000,))
    """
    most = codec.spec.n_codebooks
    k = most if n_codebooks is None else n_codebooks
    if not 1 <= k <= most:
        raise InputError(f"n_codebooks must be 1 … {most}, got {k}")
    ranked = [_reconstruct(codec, clip, k, metric) for clip in clips]
    defined = [each for each in ranked if not math.isnan(each.score)]
    return sorted(defined, key=lambda each: each.score, reverse=metric.higher_is_better)


def _reconstruct(codec: Codec[Any, Any], clip: BenchClip, k: int, metric: Metric) -> RankedClip:
    codes = codec.encode(clip.y, sr=clip.sr)
    y_hat, _ = codec.decode(codes[:k], sr=clip.sr, length=len(clip.y))
    scores = score_reconstruction(
        clip.y, y_hat, clip.sr, speech=metric.speech_only and clip.kind == "speech"
    )
    return RankedClip(clip, y_hat, scores.get(metric.key, math.nan))
