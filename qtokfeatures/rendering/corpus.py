"""Rendering of a training corpus by all renderers, with one listing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Final

import pandas as pd
import soundfile

from qtokfeatures.parameters import number, one_of, whole
from qtokfeatures.rendering.clips import Rendered
from qtokfeatures.rendering.drums import render_drums
from qtokfeatures.rendering.instruments import render_instruments
from qtokfeatures.rendering.pieces import render_pieces
from qtokfeatures.rendering.recordings import COLUMNS, relative_paths, write_listing
from qtokfeatures.rendering.speech import render_foreign, render_speech
from qtokfeatures.rendering.textures import render_textures
from qtokfeatures.rendering.tools import SAMPLE_RATE

Row = tuple[str, str, str, str, str]
Timing = tuple[str, str, int, int]

RENDERERS: Final[dict[str, Callable[..., Iterator[Rendered]]]] = {
    "instruments": render_instruments,
    "drums": render_drums,
    "pieces": render_pieces,
    "speech": render_speech,
    "foreign": render_foreign,
    "textures": render_textures,
}

# Of the bundled codec.
MINUTES: Final[dict[str, float]] = {
    "instruments": 90.0,
    "drums": 15.0,
    "pieces": 45.0,
    "speech": 110.0,
    "foreign": 25.0,
    "textures": 20.0,
}


def render_corpus(
    folder: str | PathLike[str],
    *,
    minutes: Mapping[str, float] | None = None,
    seed: int = 0,
    jobs: int = 1,
) -> pd.DataFrame:
    """Render training material as FLAC files with a listing.

    Timed phones and words of speech go to ``phones.csv`` and ``words.csv``.

    Parameters
    ----------
    folder : path
        Output folder. Each renderer writes 24 kHz mono 16-bit FLAC files to a subfolder.
    minutes : mapping of str to float, optional
        Minutes to render, by renderer: "instruments", "drums", "pieces", "speech", "foreign",
        "textures"; by default :data:`qtokfeatures.rendering.MINUTES`. Others are left out.
    seed : int, default 0
        Seed of every random draw. The clips do not depend on `jobs`.
    jobs : int, default 1
        Number of processes.

    Returns
    -------
    pandas.DataFrame
        One row per file with the columns ``path``, ``kind``, ``licence``, ``source`` and
        ``split``, sorted by path; also written to ``listing.csv``.

    Raises
    ------
    InputError
        If a renderer is unknown, minutes are negative or not finite, or `jobs` is below 1.
    ToolMissingError
        If a program or the soundfont is not installed.
    ToolError
        If a program fails.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from qtokfeatures.rendering import render_corpus
    >>> with TemporaryDirectory() as folder:
    ...     listing = render_corpus(folder, minutes={"textures": 0.1})
    >>> listing.kind.tolist()
    ['environment']
    """
    minutes = MINUTES if minutes is None else minutes
    check_minutes(minutes)
    jobs = whole("jobs", jobs, at_least=1)
    folder = Path(folder)
    wanted = [name for name in RENDERERS if minutes.get(name, 0) > 0]
    tasks = [(name, minutes[name], (i, jobs)) for name in wanted for i in range(jobs)]
    for name in wanted:
        (folder / name).mkdir(parents=True, exist_ok=True)
    work = partial(_render_part, folder, seed)
    if jobs == 1:
        parts = list(map(work, tasks))
    else:
        with ProcessPoolExecutor(jobs) as pool:
            parts = list(pool.map(work, tasks))
    rows, phones, words = (list(chain.from_iterable(column)) for column in zip(*parts, strict=True))
    listing = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("path", ignore_index=True)
    write_listing(listing, folder / "listing.csv")
    for table, spans in (("phones", phones), ("words", words)):
        _write_timings(table, spans, folder)
    return listing


def check_minutes(minutes: Mapping[str, float]) -> None:
    """Raise if a renderer is unknown, or minutes are negative or not finite."""
    for name, value in minutes.items():
        one_of("renderer", name, RENDERERS)
        number(f"minutes of {name!r}", value, at_least=0)


def _write_timings(table: str, spans: list[Timing], folder: Path) -> None:
    rows = pd.DataFrame(spans, columns=["path", table.removesuffix("s"), "start", "end"])
    rows = rows.sort_values("path", ignore_index=True, kind="stable")
    rows["path"] = relative_paths(rows["path"], folder)
    rows.to_csv(folder / f"{table}.csv", index=False, lineterminator="\n")


def _render_part(
    folder: Path, seed: int, task: tuple[str, float, tuple[int, int]]
) -> tuple[list[Row], list[Timing], list[Timing]]:
    name, minutes, part = task
    rows: list[Row] = []
    phones: list[Timing] = []
    words: list[Timing] = []
    for clip in RENDERERS[name](minutes=minutes, seed=seed, part=part):
        path = str((folder / name / f"{clip.name}.flac").resolve())
        soundfile.write(path, clip.y, SAMPLE_RATE, subtype="PCM_16")
        rows.append((path, clip.kind, clip.licence, clip.source, "train"))
        phones += [(path, *span) for span in clip.phones]
        words += [(path, *span) for span in clip.words]
    return rows, phones, words
