"""The tables and notes of the bench of speed on folders."""

from __future__ import annotations

from collections.abc import Mapping

from qtokfeatures.benches.provenance import identity_note
from qtokfeatures.benches.speed.bench import FolderSpeed, FolderSpeedResult
from qtokfeatures.evaluation.tables import TextTable

_METHOD = (
    "Medians of three turns in one run, codec and librosa in turns. Encode: "
    "`codec.encode_many(paths)`. MFCC: `librosa.load` at 24 kHz, `librosa.feature.mfcc` with 20 "
    "coefficients and `librosa.feature.delta`, mean and standard deviation, otherwise at their "
    "defaults."
)


def folder_tables(result: FolderSpeedResult) -> tuple[TextTable, ...]:
    """Lay out what the bench of speed measured.

    Parameters
    ----------
    result : FolderSpeedResult
        What was measured.

    Returns
    -------
    tuple of TextTable
        Times beside MFCC, and where they go.
    """
    threads = list(result.folders[0].encode_s)
    beside = TextTable(
        "Files to codes, beside files to MFCC statistics, s",
        (
            "folder",
            "clips",
            "audio, s",
            *(_threads("encode", n) for n in threads),
            "librosa, MFCC",
            *(_threads("ratio", n) for n in threads),
        ),
        tuple(_beside(folder) for folder in result.folders),
    )
    kinds = list(result.folders[0].encoder_shares)
    parts = TextTable(
        "Where the time of encoding goes (1 thread), s; and what the encoder computes, %",
        ("folder", "read and resample", "encoder", "codebooks and labels", *kinds),
        tuple(_parts(folder) for folder in result.folders),
    )
    return beside, parts


def folder_notes(result: FolderSpeedResult, *, command: str = "") -> tuple[str, ...]:
    """Say what the tables of the bench of speed mean and how they were made.

    Parameters
    ----------
    result : FolderSpeedResult
        What was measured.
    command : str, default ""
        The command that made the tables.

    Returns
    -------
    tuple of str
    """
    notes = [
        f"Made by `{command}`." if command else "",
        *(_verdict(folder) for folder in result.folders),
        _METHOD,
        identity_note(result.codec, result.versions),
    ]
    return tuple(note for note in notes if note)


def _verdict(folder: FolderSpeed) -> str:
    n = min(folder.encode_s)
    ratio = folder.ratio(n)
    compared = f"{ratio:.1f} times as long as" if ratio > 1 else f"{ratio:.2f} of the time of"
    parts: Mapping[str, float] = {
        "reading and resampling": folder.read_s,
        "the encoder": folder.encoder_s,
        "codebooks and labels": folder.quantise_s,
    }
    most = max(parts, key=lambda part: parts[part])
    return (
        f"{folder.name}: on {n} thread{'s' if n > 1 else ''} encoding takes {compared} MFCC; most "
        f"of it goes into {most}."
    )


def _beside(folder: FolderSpeed) -> tuple[str, ...]:
    return (
        folder.name,
        str(folder.n_clips),
        f"{folder.duration_s:.0f}",
        *(f"{seconds:.2f}" for seconds in folder.encode_s.values()),
        f"{folder.mfcc_s:.2f}",
        *(f"{folder.ratio(n):.2f}" for n in folder.encode_s),
    )


def _parts(folder: FolderSpeed) -> tuple[str, ...]:
    return (
        folder.name,
        f"{folder.read_s:.2f}",
        f"{folder.encoder_s:.2f}",
        f"{folder.quantise_s:.2f}",
        *(f"{100 * share:.0f}" for share in folder.encoder_shares.values()),
    )


def _threads(what: str, n: int) -> str:
    return f"{what}, {n} thread{'s' if n > 1 else ''}"
