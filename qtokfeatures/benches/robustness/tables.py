"""The tables and notes of the bench of robustness."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qtokfeatures.benches.provenance import identity_note
from qtokfeatures.benches.robustness.flips import ACTIVE_DB
from qtokfeatures.benches.robustness.result import PhoneInformation, RobustnessResult
from qtokfeatures.evaluation.tables import TextTable

_NOTHING = "–"
_GROUPS = ((1, 2), (2, 4), (4, 8), (8, 16))
_SHOWN_BOOKS = 4
_METHOD = (
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


def robustness_tables(
    result: RobustnessResult, *, before: RobustnessResult | None = None
) -> tuple[TextTable, ...]:
    """Lay out what the bench of robustness measured.

    Parameters
    ----------
    result : RobustnessResult
        What was measured.
    before : RobustnessResult, optional
        Another codec, or an earlier version, to set beside it.

    Returns
    -------
    tuple of TextTable
        Codes that change, and what the first codebooks tell.
    """
    results = [result] if before is None else [result, before]
    return _flip_table(results), _meaning_table(results)


def robustness_notes(
    result: RobustnessResult,
    *,
    before: RobustnessResult | None = None,
    clips: str = "",
    command: str = "",
) -> list[str]:
    """Say what the tables of the bench of robustness mean and how they were made.

    Parameters
    ----------
    result : RobustnessResult
        What was measured.
    before : RobustnessResult, optional
        What was set beside it.
    clips : str, default ""
        How the clips were chosen.
    command : str, default ""
        The command that made the tables.

    Returns
    -------
    list of str
    """
    notes = [
        f"Made by `{command}`." if command else "",
        _clips_note(result, clips),
        *_METHOD,
        _phone_note(result) if result.phones else "",
        *(f"{name}: left out, because {reason}." for name, reason in result.skipped.items()),
        identity_note(result.codec, result.versions),
        "" if before is None else f"Before: {identity_note(before.codec, before.versions)}",
    ]
    return [note for note in notes if note]


def _clips_note(result: RobustnessResult, clips: str) -> str:
    return (
        f"{clips} {result.n_clips} clips of speech, {result.n_frames} frames; somebody speaks in "
        f"the {result.n_speech_frames} that are at most {-ACTIVE_DB:g} dB below their clip's "
        "loudest, and those are counted."
    ).strip()


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
    chance = (_percent(result.chance[0]), *(_percent(other.chance[0]) for other in others))
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
        _percent(flips.speech[0]),
        *(_NOTHING if other is None else _percent(other.speech[0]) for other in others),
        *_group_cells(flips.speech, _groups(results[0])),
        _percent(flips.every[0]),
    )


def _groups(result: RobustnessResult) -> list[tuple[int, int]]:
    most = len(result.chance)
    return [(low, min(high, most)) for low, high in _GROUPS if low < most]


def _group_cells(values: Sequence[float], groups: Sequence[tuple[int, int]]) -> list[str]:
    return [_percent(sum(values[low:high]) / (high - low)) for low, high in groups]


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
        return (name, perplexity, *[_NOTHING] * 5)
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


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
