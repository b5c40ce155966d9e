"""The page that shows what a codec did to a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.exceptions import QtokError
from qtokfeatures.studio.listening import lossless_uri
from qtokfeatures.studio.page import Markup, cards, page, picture, player, section, table
from qtokfeatures.studio.roundtrip import Roundtrip, speed_text
from qtokfeatures.viz.figures import figure_png
from qtokfeatures.viz.spectrogram import spectrogram_figure
from qtokfeatures.viz.tokens import token_figure
from qtokfeatures.viz.waveform import waveform_figure

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec
    from qtokfeatures.studio.roundtrip import Roundtrip

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


def roundtrip_report(
    roundtrips: Sequence[Roundtrip],
    *,
    pictures: Sequence[Mapping[str, bytes]] | None = None,
    title: str = "There and back",
) -> str:
    """Return a page with players, pictures and numbers for clips that were encoded and decoded.

    Parameters
    ----------
    roundtrips : sequence of Roundtrip
        The clips.
    pictures : sequence of mapping, optional
        What :func:`roundtrip_pictures` gave for each of them; drawn here by default.
    title : str
        The page's heading.

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
    """Draw a roundtrip.

    Parameters
    ----------
    roundtrip : Roundtrip
        What to draw.

    Returns
    -------
    dict of bytes
        PNG content of ``"waveform"``, ``"spectrogram"`` and ``"tokens"``.
    """
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
    """Return players, pictures and numbers of one clip, for a section of a page.

    Parameters
    ----------
    roundtrip : Roundtrip
        The clip.
    pictures : mapping of bytes
        What :func:`roundtrip_pictures` gave for it.

    Returns
    -------
    list of Markup
        Blocks of the page.
    """
    images = [
        picture(pictures[kind], alt=f"{_ALT_TEXTS[kind]}: {roundtrip.name}", caption=caption)
        for kind, caption in _CAPTIONS.items()
    ]
    return [_players(roundtrip), *images, _numbers(roundtrip)]


def _players(roundtrip: Roundtrip) -> Markup:
    note = ""
    if roundtrip.duration_s > _LONGEST_S:
        note = f"the first {_LONGEST_S:.0f} of {roundtrip.duration_s:.0f} s"
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
        ("length", f"{roundtrip.duration_s:.2f} s", f"{roundtrip.sr:,} samples per second"),
        (
            "tokens",
            f"{found['codebooks']} × {found['frames']}",
            f"codebooks × frames, {roundtrip.spec.frame_rate:g} frames per second",
        ),
        (
            "bit rate",
            _rate(roundtrip),
            f"{pcm_rate / roundtrip.bit_rate:,.0f} times less than 16-bit samples",
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


def _decibels(value: float) -> str:
    return f"{value:.1f} dB" if np.isfinite(value) else "not defined for silence"


def _rate(roundtrip: Roundtrip) -> str:
    return f"{roundtrip.bit_rate / 1000:.2f} kbit/s"


def _there_and_back(
    codec: Codec,
    work: Sequence[tuple[str, Mapping[str, Path]]],
    codebooks: int | None,
    refine: int,
    report: Report,
) -> list[tuple[Roundtrip, dict[str, bytes]]]:
    from qtokfeatures.audio import load_audio
    from qtokfeatures.studio.roundtrip import make_roundtrip
    from qtokfeatures.studio.roundtrip_page import roundtrip_pictures

    warm_up(codec)
    done = []
    with report.tracked(work, "there and back") as shown:
        for sound, files in shown:
            try:
                clip = load_audio(sound)
                one = make_roundtrip(
                    codec, clip, name=Path(sound).name, codebooks=codebooks, refine=refine
                )
                pictures = roundtrip_pictures(one)
                _write(files, one, pictures)
            except QtokError as error:
                report.fail(sound, error)
                continue
            done.append((one, pictures))
    return done


def roundtrip_files(folder: Path, stem: str) -> dict[str, Path]:
    """Name the files of one roundtrip.

    Parameters
    ----------
    folder : Path
        Where they go.
    stem : str
        How their names begin.

    Returns
    -------
    dict of Path
        By what is in them.
    """
    kinds = {
        "original": "wav",
        "decoded": "wav",
        "waveform": "png",
        "spectrogram": "png",
        "tokens": "png",
    }
    return {kind: folder / f"{stem}_{kind}.{suffix}" for kind, suffix in kinds.items()}


def write_page(path: Path, html: str) -> None:
    """Write a page; it appears whole or not at all."""
    from qtokfeatures.viz.figures import write_whole

    write_whole(path, html.encode("utf-8"))


def warm_up(codec: Codec) -> None:
    """Let a codec do its first, slower run before it is timed."""
    import numpy as np

    silence = np.zeros(codec.spec.hop_length, dtype=np.float32)
    codec.decode(codec.encode(silence, sr=codec.spec.sample_rate))


def _write(files: Mapping[str, Path], one: Roundtrip, pictures: Mapping[str, bytes]) -> None:
    from qtokfeatures.audio import write_audio
    from qtokfeatures.viz.figures import write_whole

    write_audio(files["original"], one.y, one.sr)
    write_audio(files["decoded"], one.y_hat, one.sr)
    for kind, png in pictures.items():
        write_whole(files[kind], png)
