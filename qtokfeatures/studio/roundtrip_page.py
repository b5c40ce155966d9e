"""Roundtrips of files, and the page that compares original and reconstruction."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qtokfeatures.audio import write_audio
from qtokfeatures.exceptions import QtokError
from qtokfeatures.progress import Progress, ignore_progress, with_progress
from qtokfeatures.studio.descriptions import load_with_facts
from qtokfeatures.studio.failures import Failure, check_usable
from qtokfeatures.studio.inputs import (
    CodecLike,
    Files,
    check_codebooks,
    find_sounds,
    open_codec,
)
from qtokfeatures.studio.listening import lossless_uri
from qtokfeatures.studio.output_files import (
    encodable,
    file_stems,
    output_folder,
    refuse_to_overwrite,
    write_page,
)
from qtokfeatures.studio.page import Markup, cards, page, picture, player, section, table
from qtokfeatures.studio.roundtrip import Roundtrip, make_roundtrip, speed_text, warm_up
from qtokfeatures.viz.figures import figure_png, write_whole
from qtokfeatures.viz.spectrogram import spectrogram_figure
from qtokfeatures.viz.tokens import token_figure
from qtokfeatures.viz.waveform import waveform_figure

_LONGEST_S = 30.0
_ALT_TEXTS = {
    "waveform": "waveforms of the original and the decoded audio, one over the other",
    "spectrogram": "spectrogram of the original above that of the decoded audio",
    "tokens": "tokens as a raster, one row per codebook, one column per frame",
}
_CAPTIONS = {
    "waveform": "A codec keeps what is heard, not the waveform: the two may differ in phase.",
    "spectrogram": "",
    "tokens": "Each column is one frame. Equal colours in a row are equal tokens; neighbouring "
    "colours are not neighbouring sounds.",
}


@dataclass(frozen=True, eq=False)
class RoundtripFiles:
    """Files that were encoded and decoded, and the page that compares them.

    Parameters
    ----------
    page : pathlib.Path
        The HTML page.
    roundtrips : list of Roundtrip
        The usable files, in order.
    failures : list of Failure
        Files that could not be used.
    """

    page: Path
    roundtrips: list[Roundtrip]
    failures: list[Failure]


def roundtrip_files(
    files: Files,
    *,
    output: str | os.PathLike[str],
    codebooks: int | None = None,
    refine: int = 0,
    codec: CodecLike | None = None,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> RoundtripFiles:
    """Encode and decode audio files; write both versions, pictures and a page to compare them.

    Parameters
    ----------
    files : path, URL, or sequence of paths and URLs
        Audio files, folders (searched), patterns and URLs.
    output : path
        Folder to write to. Files that an earlier run left there are no inputs.
    codebooks : int, optional
        Decode only the first so many codebooks, the coarsest; all by default.
    refine : int, default=0
        Steps in which the codes are fitted to what they decode to: closer, but slower; only for
        codecs that can.
    codec : str, path or Codec, optional
        Name or folder of a codec, or a loaded one; mini by default.
    device : str, default="auto"
        Device of a codec that is loaded by name.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    RoundtripFiles
        The page ``report.html``, the roundtrips with their numbers, and the failures.

    Raises
    ------
    NoUsableInputError
        If none of the files can be used.
    InputError
        If a parameter has a wrong value, or a file to be written is one of the files.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> done = qt.studio.roundtrip_files(qt.example_file("guitar_phrase"), output="compared")
    >>> done.page.name, len(done.roundtrips), done.failures
    ('report.html', 1, [])
    """
    folder = output_folder(output)
    sounds, failures = find_sounds(files, output_folder=folder)
    check_usable(sounds, failures)
    stems = file_stems(Path(sound).name for sound in sounds)
    targets = [_targets(folder, stem) for stem in stems]
    page_path = folder / "report.html"
    refuse_to_overwrite([page_path, *(path for each in targets for path in each.values())], sounds)
    opened = open_codec(codec, device)
    check_codebooks(codebooks, opened.spec.n_codebooks)
    warm_up(opened, refine=refine)
    done, pictures = [], []
    work = list(zip(sounds, targets, strict=True))
    for sound, paths in with_progress(work, "encode and decode", on_progress or ignore_progress):
        try:
            clip, facts = load_with_facts(sound)
            one = make_roundtrip(
                opened,
                clip,
                name=encodable(Path(sound).name),
                codebooks=codebooks,
                refine=refine,
                facts=facts,
            )
            drawn = roundtrip_pictures(one)
            _write(paths, one, drawn)
        except QtokError as error:
            failures.append(Failure.of(sound, error))
        else:
            done.append(one)
            pictures.append(drawn)
    check_usable(done, failures)
    write_page(page_path, roundtrip_report(done, pictures=pictures))
    return RoundtripFiles(page_path, done, failures)


def roundtrip_report(
    roundtrips: Sequence[Roundtrip],
    *,
    pictures: Sequence[Mapping[str, bytes]] | None = None,
    title: str = "Original and reconstruction",
) -> str:
    """Return a page with players, pictures and numbers for clips that were encoded and decoded.

    Parameters
    ----------
    roundtrips : sequence of Roundtrip
        The clips, from :func:`make_roundtrip`.
    pictures : sequence of mapping, optional
        For each clip, PNG content of ``"waveform"``, ``"spectrogram"`` and ``"tokens"``; drawn
        here by default.
    title : str, default="Original and reconstruction"
        Heading of the page.

    Returns
    -------
    str
        A complete HTML document that needs nothing else.
    """
    drawn = [roundtrip_pictures(one) for one in roundtrips] if pictures is None else pictures
    specs = sorted({one.spec.describe() for one in roundtrips})
    sections = [
        section(one.name, *roundtrip_blocks(one, images))
        for one, images in zip(roundtrips, drawn, strict=True)
    ]
    return page(title, sections, lead=f"Codec: {'; '.join(specs)}.")


def roundtrip_pictures(roundtrip: Roundtrip) -> dict[str, bytes]:
    """Return PNG content of ``"waveform"``, ``"spectrogram"`` and ``"tokens"`` of a roundtrip."""
    y, y_hat, sr, name = roundtrip.y, roundtrip.y_hat, roundtrip.sr, roundtrip.name
    figures = {
        "waveform": waveform_figure(y, y_hat, sr, title=name),
        "spectrogram": spectrogram_figure(y, y_hat, sr, title=name),
        "tokens": token_figure(
            roundtrip.codes,
            frame_rate=roundtrip.spec.frame_rate,
            codebook_size=roundtrip.spec.codebook_size,
            title=name,
        ),
    }
    return {kind: figure_png(figure) for kind, figure in figures.items()}


def roundtrip_blocks(roundtrip: Roundtrip, pictures: Mapping[str, bytes]) -> list[Markup]:
    """Return players, pictures and numbers of one clip, for a section of a page."""
    images = [
        picture(pictures[kind], alt=f"{_ALT_TEXTS[kind]}: {roundtrip.name}", caption=caption)
        for kind, caption in _CAPTIONS.items()
    ]
    return [_players(roundtrip), *images, _numbers(roundtrip)]


def _players(roundtrip: Roundtrip) -> Markup:
    notes = [mix_note(roundtrip)] if mix_note(roundtrip) else []
    if roundtrip.duration_s > _LONGEST_S:
        notes.append(f"the first {_LONGEST_S:.0f} of {roundtrip.duration_s:.0f} s")
    note = "; ".join(notes)
    pair = {"original": roundtrip.y, f"decoded from tokens ({_rate(roundtrip)})": roundtrip.y_hat}
    return cards(
        player(name, lossless_uri(y, roundtrip.sr, longest_s=_LONGEST_S), note=note)
        for name, y in pair.items()
    )


def _numbers(roundtrip: Roundtrip) -> Markup:
    found = roundtrip.numbers
    pcm_rate = 16 * roundtrip.sr
    refined = f", with refine={roundtrip.refine}" if roundtrip.refine else ""
    rows = [
        *([("original", str(roundtrip.facts), mix_note(roundtrip))] if roundtrip.facts else []),
        ("length", f"{roundtrip.duration_s:.2f} s", f"{roundtrip.sr:,} samples per second"),
        (
            "tokens",
            f"{found['codebooks']} × {found['frames']}",
            f"codebooks × frames, {roundtrip.spec.frame_rate:g} frames per second",
        ),
        (
            "bit rate",
            _rate(roundtrip),
            f"{pcm_rate / roundtrip.bit_rate:,.0f} times less than 16-bit mono samples",
        ),
        ("log-mel distance", f"{found['log_mel_distance']:.3f}", "0 = the same; lower is better"),
        ("log-STFT distance", f"{found['log_stft_distance']:.3f}", "the same on a finer scale"),
        (
            "SI-SDR",
            _decibels(found["si_sdr_db"]),
            "of the waveform, for information: low although it may sound alike",
        ),
        (
            "encoding",
            f"{speed_text(found['encode_speed'])} × real time",
            f"on this machine, this clip{refined}",
        ),
        (
            "decoding",
            f"{speed_text(found['decode_speed'])} × real time",
            "on this machine, this clip",
        ),
    ]
    return table(("number", "value", "what it means"), rows)


def mix_note(roundtrip: Roundtrip) -> str:
    """Return a note that the mean of several channels is compared; empty for one channel."""
    facts = roundtrip.facts
    several = facts is not None and facts.channels > 1
    return f"compared as the mean of its {facts.channels} channels" if facts and several else ""


def _decibels(value: float) -> str:
    return f"{value:.1f} dB" if np.isfinite(value) else "not defined for silence"


def _rate(roundtrip: Roundtrip) -> str:
    return f"{roundtrip.bit_rate / 1000:.2f} kbit/s"


def _targets(folder: Path, stem: str) -> dict[str, Path]:
    audio = {kind: folder / f"{stem}_{kind}.wav" for kind in ("original", "decoded")}
    return audio | {kind: folder / f"{stem}_{kind}.png" for kind in _ALT_TEXTS}


def _write(paths: Mapping[str, Path], one: Roundtrip, pictures: Mapping[str, bytes]) -> None:
    write_audio(paths["original"], one.y, one.sr)
    write_audio(paths["decoded"], one.y_hat, one.sr)
    for kind, png in pictures.items():
        write_whole(paths[kind], png)
