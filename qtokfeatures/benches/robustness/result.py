"""Result of the robustness bench, with its tables and notes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from qtokfeatures.benches.measured import SHOWN, Measured, percent
from qtokfeatures.benches.robustness.flips import ACTIVE_DB, Flips
from qtokfeatures.evaluation.tables import NOTHING, TextTable

_GROUPS: Final = ((1, 2), (2, 4), (4, 8), (8, 16))
_SHOWN_BOOKS: Final = 4
_METHOD: Final = (
    (
        "Noise up to half of 24 kHz, at the ratio of energies over the whole clip; babble: six "
        "people who are not in the clips; small room: reverberation of 0.3 s, 3 dB below the "
        "direct sound; telephone band: 300–3,400 Hz."
    ),
    (
        "Read changes beside the last line of that table and beside perplexity: a codebook of "
        "which few codes are used changes seldom, and means nothing."
    ),
)


@dataclass(frozen=True)
class PhoneInformation:
    """Held-out information of each codebook's tokens on phones, in bits, in one condition."""

    condition: str
    by_sentence: tuple[float, ...]  # on held-out sentences
    by_voice: tuple[float, ...]  # on held-out voices


@dataclass(frozen=True, eq=False, kw_only=True)
class RobustnessResult(Measured):
    """Codes that change under each perturbation, codes used, and information on phones."""

    bench: ClassVar[str] = "robustness"

    n_clips: int
    n_frames: int
    n_speech_frames: int
    flips: Mapping[str, Flips]  # by perturbation
    chance: tuple[float, ...]  # share that changes if any other frame is taken instead
    perplexity: tuple[float, ...]
    phones: tuple[PhoneInformation, ...]  # empty where nothing could be spoken
    phone_entropy: float  # in bits; NaN where nothing could be spoken
    n_phone_frames: int
    skipped: Mapping[str, str]
    before: RobustnessResult | None = field(default=None, metadata=SHOWN)  # set beside it

    def tables(self) -> tuple[TextTable, ...]:
        """Codes that change, and information of the first codebooks."""
        results = [self] if self.before is None else [self, self.before]
        return _flip_table(results), _meaning_table(results)

    def findings(self) -> Iterable[str]:
        """Clips, perturbations, information, the earlier codec."""
        yield (
            f"{self.clips} {self.n_clips} clips of speech, {self.n_frames} frames; somebody speaks "
            f"in the {self.n_speech_frames} that are at most {-ACTIVE_DB:g} dB below their clip's "
            "loudest, and those are counted."
        ).strip()
        yield from _METHOD
        yield _phone_note(self) if self.phones else ""
        yield from (f"{name}: left out, because {why}." for name, why in self.skipped.items())
        yield self.identity()
        yield "" if self.before is None else f"Before: {self.before.identity()}"


def _phone_note(result: RobustnessResult) -> str:
    return (
        "Bits of phone: what a token tells about the phone of its frame, of "
        f"{result.phone_entropy:.2f} bits that there are to tell in {result.n_phone_frames} frames "
        "of sentences spoken by Flite (three voices, pauses left out); counted on some sentences, "
        "or voices, and judged on others, so never more than the mutual information. In noise "
        "(5 dB): counted on clean speech, judged on noisy speech of other sentences. `mini` was "
        "trained on phones of other sentences of these voices (slt, rms, awb): other voices are "
        "other than what was counted on, not new to it."
    )


def _flip_table(results: Sequence[RobustnessResult]) -> TextTable:
    result, others = results[0], results[1:]
    header = (
        "speech through",
        "codebook 0",
        *("before: codebook 0" for _ in others),
        *(_group_name(group) for group in _groups(result)),
        "0, pauses too",
    )
    rows = [_flip_row(name, results) for name in result.flips]
    chance = (percent(result.chance[0]), *(percent(other.chance[0]) for other in others))
    rows.append(
        (
            "any other frame instead",
            *chance,
            *_group_cells(result.chance, _groups(result)),
            chance[0],
        )
    )
    return TextTable("Codes of speech that change, %", header, tuple(rows))


def _flip_row(name: str, results: Sequence[RobustnessResult]) -> tuple[str, ...]:
    flips = results[0].flips[name]
    others = (result.flips.get(name) for result in results[1:])
    return (
        name,
        percent(flips.speech[0]),
        *(NOTHING if other is None else percent(other.speech[0]) for other in others),
        *_group_cells(flips.speech, _groups(results[0])),
        percent(flips.every[0]),
    )


def _groups(result: RobustnessResult) -> list[tuple[int, int]]:
    most = len(result.chance)
    return [(low, min(high, most)) for low, high in _GROUPS if low < most]


def _group_cells(values: Sequence[float], groups: Sequence[tuple[int, int]]) -> list[str]:
    return [percent(sum(values[low:high]) / (high - low)) for low, high in groups]


def _group_name(group: tuple[int, int]) -> str:
    low, high = group
    return str(low) if high - low == 1 else f"{low}–{high - 1}"


def _meaning_table(results: Sequence[RobustnessResult]) -> TextTable:
    rows = [
        row for number, result in enumerate(results) for row in _meaning_rows(result, bool(number))
    ]
    header = (
        "codebook",
        "perplexity on speech",
        "bits of phone, other sentences",
        "share of all",
        "other voices",
        "in white noise",
        "in babble",
    )
    return TextTable("What the first codebooks tell", header, tuple(rows))


def _meaning_rows(result: RobustnessResult, is_before: bool) -> list[tuple[str, ...]]:
    shown = 1 if is_before else min(_SHOWN_BOOKS, len(result.perplexity))
    return [_meaning_row(result, k, "before: " if is_before else "") for k in range(shown)]


def _meaning_row(result: RobustnessResult, k: int, prefix: str) -> tuple[str, ...]:
    name, perplexity = f"{prefix}{result.codec['name']}, {k}", f"{result.perplexity[k]:.0f}"
    if not result.phones:
        return (name, perplexity, *[NOTHING] * 5)
    clean: PhoneInformation = result.phones[0]
    share = clean.by_sentence[k] / result.phone_entropy if result.phone_entropy else math.nan
    noisy = (f"{each.by_sentence[k]:.2f}" for each in result.phones[1:])
    return (
        name,
        perplexity,
        f"{clean.by_sentence[k]:.2f}",
        f"{100 * share:.0f} %",
        f"{clean.by_voice[k]:.2f}",
        *noisy,
    )
