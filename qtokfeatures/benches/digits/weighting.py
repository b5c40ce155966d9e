"""Digits recognised in noise from histograms weighted by the stability of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sklearn.base import clone

from qtokfeatures.benches.clips import BenchClip
from qtokfeatures.benches.digits.bench import token_matrices
from qtokfeatures.benches.digits.classifier import Spoken
from qtokfeatures.benches.digits.result import Recognised
from qtokfeatures.benches.measured import Measured, brackets, identify, percent, plain
from qtokfeatures.evaluation.bootstrap import bootstrap_interval
from qtokfeatures.evaluation.perturbations import babble, white_noise
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.evaluation.stability import NAME, token_stability
from qtokfeatures.evaluation.tables import TextTable
from qtokfeatures.labelled import CodeSequence
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec

SNRS_DB: Final = (10.0, 0.0)

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "scikit-learn")


@dataclass(frozen=True, eq=False, kw_only=True)
class WeightingResult(Measured):
    """Digits recognised from each histogram without and with weights, in the same order."""

    bench: ClassVar[str] = "stability"

    n_recordings: int
    n_speakers: int
    plain: tuple[Recognised, ...]
    weighted: tuple[Recognised, ...]

    def gain(self, index: int, condition: str) -> tuple[float, float, float]:
        """Gain in accuracy by weights, and its 95 % bootstrap interval."""
        pair = self.weighted[index].right[condition], self.plain[index].right[condition]
        difference = pair[0].astype(float) - pair[1].astype(float)
        return (float(difference.mean()), *bootstrap_interval(difference.tolist()))

    def to_dict(self) -> dict[str, Any]:
        """Return accuracies and gains as JSON types."""
        histograms = [
            {
                "name": unweighted.name,
                "plain": {each: unweighted.accuracy(each) for each in unweighted.right},
                "weighted": {each: weighted.accuracy(each) for each in unweighted.right},
                "gain_with_interval_95": {each: self.gain(i, each) for each in unweighted.right},
            }
            for i, (unweighted, weighted) in enumerate(zip(self.plain, self.weighted, strict=True))
        ]
        values: dict[str, Any] = plain(
            {
                "codec": self.codec,
                "recordings": self.n_recordings,
                "speakers": self.n_speakers,
                "histograms": histograms,
                "versions": self.versions,
            }
        )
        return values

    def tables(self) -> tuple[TextTable, ...]:
        """Three rows a histogram: without weights, with weights, difference."""
        conditions = tuple(self.plain[0].right)
        rows = []
        for index, pair in enumerate(zip(self.plain, self.weighted, strict=True)):
            for weights, row in zip(("no", "yes"), pair, strict=True):
                accuracies = (percent(row.accuracy(each)) for each in conditions)
                rows.append((row.name, weights, *accuracies))
            gains = (_signed_gain(*self.gain(index, each)) for each in conditions)
            rows.append((pair[0].name, "difference", *gains))
        title = "Digits recognised, %: histograms of tokens, weighted by their stability or not"
        return (TextTable(title, ("histogram", "weights", *conditions), tuple(rows), n_text=2),)

    def findings(self) -> Iterable[str]:
        """Recordings and method."""
        yield (
            f"{self.n_recordings} recordings of the Free Spoken Digit Dataset, "
            f"{self.n_speakers} speakers, never trained on. One linear SVM, leaving one speaker "
            "out, trained on clean recordings. Chance is 10 %. In brackets: 95 % bootstrap "
            "intervals of the paired difference over recordings."
        )
        yield self.identity()


def bench_weighting(
    codec: AnyCodec,
    digits: Sequence[BenchClip],
    *,
    histograms: Mapping[str, Any],
    talkers: Sequence[FloatArray],
    repeats: int = 2,
    on_progress: Progress | None = None,
) -> WeightingResult:
    """Accuracy in noise of histograms that are weighted by the stability of tokens and not.

    The stability of each recording is measured on the recording in its noise, `repeats` times as
    in :func:`~qtokfeatures.token_stability`.
    """
    watch = on_progress or ignore_progress
    changes = [white_noise(snr_db=snr_db) for snr_db in SNRS_DB]
    changes += [babble(talkers, snr_db=snr_db) for snr_db in SNRS_DB]
    spoken = Spoken(digits, changes)
    codes = {
        name: _codes(codec, [(y, spoken.sr) for y in waves], repeats)
        for name, waves in with_progress(list(spoken.waves.items()), "encode digits", watch)
    }
    rows: dict[str | None, list[Recognised]] = {None: [], NAME: []}
    for name, histogram in with_progress(list(histograms.items()), "classify digits", watch):
        for weights, found in rows.items():
            features = token_matrices(clone(histogram).set_params(weights=weights), codes)
            found.append(spoken.recognise(name, features))
    return WeightingResult(
        **identify(codec, _PACKAGES),
        n_recordings=len(digits),
        n_speakers=len(set(spoken.speakers.tolist())),
        plain=tuple(rows[None]),
        weighted=tuple(rows[NAME]),
    )


def _codes(codec: AnyCodec, waves: list[tuple[FloatArray, int]], repeats: int) -> CodeSequence:
    """Codes with the stability of their tokens."""
    ds = codec.encode_many(waves)
    ds[NAME] = token_stability(codec, waves, repeats=repeats, seed=1)
    return CodeSequence(ds)


def _signed_gain(gain: float, low: float, high: float) -> str:
    return f"{_signed(gain)} {brackets((low, high), _signed)}"


def _signed(share: float) -> str:
    return f"{100 * share:+.0f}".replace("-", "−")
