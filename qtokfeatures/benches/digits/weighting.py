"""Whether counting steady tokens more helps to tell digits apart in noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from qtokfeatures.benches.digits.classifier import Examples, leave_one_speaker_out
from qtokfeatures.benches.digits.recordings import DigitClip
from qtokfeatures.benches.digits.result import CLEAN, Recognised
from qtokfeatures.benches.provenance import codec_identity, identity_note, package_versions
from qtokfeatures.evaluation.bootstrap import bootstrap_interval
from qtokfeatures.evaluation.perturbations import Perturbation, babble, white_noise
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.evaluation.stability import NAME, token_stability
from qtokfeatures.evaluation.tables import TextTable, format_number
from qtokfeatures.labelled import CodeSequence
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

    AnyCodec: TypeAlias = Codec[Any, Any]

SNRS_DB: Final = (10.0, 0.0)
"""Ratios of speech to noise, in dB."""

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "scikit-learn")


@dataclass(frozen=True, eq=False)
class WeightingResult:
    """Digits recognised with all tokens counted alike, and with steady ones counted more.

    Parameters
    ----------
    codec : mapping of str to str
        Name, revision and fingerprint.
    n_recordings, n_speakers : int
        How many.
    plain, weighted : tuple of Recognised
        One a histogram, in the same order.
    versions : mapping of str to str
        Versions of packages.
    """

    codec: Mapping[str, str]
    n_recordings: int
    n_speakers: int
    plain: tuple[Recognised, ...]
    weighted: tuple[Recognised, ...]
    versions: Mapping[str, str]

    def gain(self, index: int, condition: str) -> tuple[float, float, float]:
        """Return what weights add to the share recognised, and its 95 % bootstrap interval."""
        pair = self.weighted[index].right[condition], self.plain[index].right[condition]
        difference = pair[0].astype(float) - pair[1].astype(float)
        return (float(difference.mean()), *bootstrap_interval(difference.tolist()))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        histograms = [
            {
                "name": plain.name,
                "plain": {each: plain.accuracy(each) for each in plain.right},
                "weighted": {each: weighted.accuracy(each) for each in plain.right},
                "gain_with_interval_95": {each: self.gain(i, each) for each in plain.right},
            }
            for i, (plain, weighted) in enumerate(zip(self.plain, self.weighted, strict=True))
        ]
        return {
            "codec": dict(self.codec),
            "recordings": self.n_recordings,
            "speakers": self.n_speakers,
            "histograms": histograms,
            "versions": dict(self.versions),
        }


def bench_weighting(
    codec: AnyCodec,
    digits: Sequence[DigitClip],
    *,
    histograms: Mapping[str, Any],
    talkers: Sequence[FloatArray],
    repeats: int = 2,
    on_progress: Progress | None = None,
) -> WeightingResult:
    """Tell digits apart in noise by histograms of tokens, weighted by their stability and not.

    The classifier is trained on clean recordings of all speakers but one and tested on that one;
    the stability of each recording is measured on the recording as it is, in its noise.

    Parameters
    ----------
    codec : Codec
        The codec.
    digits : sequence of DigitClip
        Recordings of three or more speakers, of one rate.
    histograms : mapping of str to TokenHistogram
        Name in the table to a transformer that has the parameter ``weights``.
    talkers : sequence of ndarray of float32, shape (sample,)
        Speech at the digits' rate for babble.
    repeats : int, default 2
        As in :func:`~qtokfeatures.token_stability`.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    WeightingResult
    """
    watch = on_progress or ignore_progress
    changes = _changes(talkers)
    codes = {
        name: _codes(codec, digits, change, repeats)
        for name, change in with_progress(list(changes.items()), "encode digits", watch)
    }
    labels = np.array([clip.digit for clip in digits])
    speakers = np.array([clip.speaker for clip in digits])
    rows: dict[str | None, list[Recognised]] = {None: [], NAME: []}
    for name, histogram in with_progress(list(histograms.items()), "classify digits", watch):
        for weights, found in rows.items():
            features = _features(histogram.set_params(weights=weights), codes)
            train = Examples(features[CLEAN], labels, speakers)
            found.append(Recognised(name, leave_one_speaker_out(train, features, labels, speakers)))
    return WeightingResult(
        codec_identity(codec),
        len(digits),
        len(set(speakers.tolist())),
        tuple(rows[None]),
        tuple(rows[NAME]),
        package_versions(_PACKAGES),
    )


def weighting_tables(result: WeightingResult) -> tuple[TextTable, ...]:
    """Lay out what the bench measured.

    Parameters
    ----------
    result : WeightingResult
        What was measured.

    Returns
    -------
    tuple of TextTable
    """
    conditions = tuple(result.plain[0].right)
    rows = []
    for index, (plain, weighted) in enumerate(zip(result.plain, result.weighted, strict=True)):
        rows.append((plain.name, "no", *(_percent(plain.accuracy(each)) for each in conditions)))
        rows.append(
            (plain.name, "yes", *(_percent(weighted.accuracy(each)) for each in conditions))
        )
        gains = (result.gain(index, each) for each in conditions)
        rows.append((plain.name, "difference", *(_interval(*gain) for gain in gains)))
    return (
        TextTable(
            "Digits recognised, %: histograms of tokens, weighted by their stability or not",
            ("histogram", "weights", *conditions),
            tuple(rows),
            n_text=2,
        ),
    )


def weighting_notes(result: WeightingResult, *, command: str = "") -> tuple[str, ...]:
    """Say what the table means and how it was made.

    Parameters
    ----------
    result : WeightingResult
        What was measured.
    command : str, default ""
        The command that made the table.

    Returns
    -------
    tuple of str
    """
    notes = [
        f"Made by `{command}`." if command else "",
        (
            f"{result.n_recordings} recordings of the Free Spoken Digit Dataset, "
            f"{result.n_speakers} speakers, never trained on. One linear SVM, leaving one speaker "
            "out, trained on clean recordings. Chance is 10 %. In brackets: 95 % bootstrap "
            "intervals of the paired difference over recordings."
        ),
        identity_note(result.codec, result.versions),
    ]
    return tuple(note for note in notes if note)


def _changes(talkers: Sequence[FloatArray]) -> dict[str, Perturbation | None]:
    noises = [white_noise(snr_db=snr_db) for snr_db in SNRS_DB]
    noises += [babble(talkers, snr_db=snr_db) for snr_db in SNRS_DB]
    return {CLEAN: None, **{noise.name: noise for noise in noises}}


def _codes(
    codec: AnyCodec, digits: Sequence[DigitClip], change: Perturbation | None, repeats: int
) -> CodeSequence:
    """Encode the digits as they are in a noise, with the stability of their tokens."""
    waves = [
        (clip.y if change is None else change.apply(clip.y, clip.sr, key=clip.name), clip.sr)
        for clip in digits
    ]
    ds = codec.encode_many(waves)
    ds[NAME] = token_stability(codec, waves, repeats=repeats, seed=1)
    return CodeSequence(ds)


def _features(
    histogram: Any, codes: Mapping[str, CodeSequence]
) -> dict[str, npt.NDArray[np.float32]]:
    histogram.fit(codes[CLEAN])
    return {name: np.asarray(histogram.transform(each)) for name, each in codes.items()}


def _percent(share: float) -> str:
    return format_number(100 * share, 0)


def _interval(gain: float, low: float, high: float) -> str:
    return f"{100 * gain:+.0f} [{100 * low:+.0f}, {100 * high:+.0f}]".replace("-", "−")
