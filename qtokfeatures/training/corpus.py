"""Training material as one flat file of samples, quick to draw random excerpts from.

``corpus.i16`` holds all clips one after another as little-endian int16, 24 kHz mono;
``corpus.csv`` says where each begins, what it is, and under which licence it came;
``phones.csv`` and ``words.csv`` (:mod:`qtokfeatures.training.timings`) say when each phone and word
of the synthesised speech sounds. What the bundled codec was trained on::

    prepare_corpus("corpus", ["../shared/audio"], rendered_minutes=MINUTES, jobs=2)
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtokfeatures.audio import iter_blocks
from qtokfeatures.exceptions import AudioError, InputError, SkippedClipWarning
from qtokfeatures.progress import Progress, ignore_progress, with_progress
from qtokfeatures.rendering import render_material
from qtokfeatures.rendering.listing import list_recordings
from qtokfeatures.training.timings import TABLES, read_timings

__all__ = ["INDEX_COLUMNS", "prepare_corpus", "write_corpus"]

INDEX_COLUMNS: Final = ("name", "kind", "offset", "n_samples", "licence", "source")
"""The columns of ``corpus.csv``; ``offset`` and ``n_samples`` count samples of ``corpus.i16``."""

_SAMPLE_RATE: Final = 24_000
_PIECE_S: Final = 60.0
_QUIET_PEAK: Final = 0.02
_LIFTED_PEAK: Final = 0.1

FloatArray = npt.NDArray[np.float32]
Row = tuple[str, str, int, int, str, str]


def prepare_corpus(
    folder: str | PathLike[str],
    recordings: Sequence[str | PathLike[str]] = (),
    *,
    rendered_minutes: Mapping[str, float] | None = None,
    seed: int = 0,
    jobs: int = 1,
    on_progress: Progress = ignore_progress,
) -> pd.DataFrame:
    """Bring recordings and rendered sounds together into one corpus.

    Parameters
    ----------
    folder : path
        Made when missing. Gets ``corpus.i16``, ``corpus.csv`` and, if anything is rendered, the
        folder ``rendered``; if speech is, ``phones.csv`` and ``words.csv``.
    recordings : sequence of paths
        Folders of recordings: with a ``manifest.csv``, whose split ``train`` without share-alike
        licences is taken, or without, when every audio file in them is taken.
    rendered_minutes : mapping of str to float, optional
        Minutes to render by name of renderer; :data:`qtokfeatures.rendering.MINUTES` is
        what the bundled codec had. Default is to render nothing.
    seed : int, default 0
        Seed of what is rendered.
    jobs : int, default 1
        Processes that render.
    on_progress : callable, optional
        As in :func:`write_corpus`.

    Returns
    -------
    pandas.DataFrame
        What ``corpus.csv`` holds, one row a clip: :data:`INDEX_COLUMNS`.

    Raises
    ------
    InputError
        If there is nothing to make a corpus of, or not one clip could be read.
    ToolMissingError
        If something is to be rendered and a program or the soundfont is not installed.

    See Also
    --------
    qtokfeatures.rendering.listing.list_folder : how a folder's files get their kinds.
    """
    listings = [list_recordings(item) for item in recordings]
    timings: dict[str, pd.DataFrame] = {}
    if rendered_minutes:
        rendered = Path(folder) / "rendered"
        listings.append(render_material(rendered, minutes=rendered_minutes, seed=seed, jobs=jobs))
        timings = {table: _rendered_timings(rendered, table) for table in TABLES}
    if not listings:
        raise InputError("nothing to train on: give folders of recordings, or minutes to render")
    listing = pd.concat(listings, ignore_index=True)
    return write_corpus(listing, folder, timings=timings, on_progress=on_progress)


def write_corpus(
    listing: pd.DataFrame,
    folder: str | PathLike[str],
    *,
    timings: Mapping[str, pd.DataFrame] | None = None,
    on_progress: Progress = ignore_progress,
) -> pd.DataFrame:
    """Decode a listing's files into ``corpus.i16`` and ``corpus.csv``.

    Levels stay as recorded, except that what peaks below 0.02 is scaled to peak at 0.1, so that
    16 bits hold it, and what exceeds full scale is scaled down to it. Recordings over a minute are
    cut into clips of a minute. Silent clips are left out.

    Parameters
    ----------
    listing : pandas.DataFrame
        With the columns :data:`qtokfeatures.rendering.listing.COLUMNS`.
    folder : path
        Made when missing. Files already there are replaced once the new ones are complete.
    timings : mapping of str to pandas.DataFrame, optional
        For "phones" and "words", the rows of ``phones.csv`` and ``words.csv`` with the files'
        paths in a column "path" in the place of "name"; of files of at most a minute at 24 kHz.
    on_progress : callable, optional
        Called with "corpus", the files that were read, and how many there are.

    Returns
    -------
    pandas.DataFrame
        What ``corpus.csv`` holds, one row a clip: :data:`INDEX_COLUMNS`.

    Raises
    ------
    InputError
        If not one clip could be read.

    Warns
    -----
    SkippedClipWarning
        For each file that cannot be read to its end.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as unfinished:
        new = Path(unfinished)
        rows = _write_samples(listing, new / "corpus.i16", on_progress)
        if not rows:
            raise InputError(f"none of the {len(listing)} listed files has any sound to train on")
        index = pd.DataFrame(rows, columns=list(INDEX_COLUMNS))
        _write_csv(index, new / "corpus.csv")
        for table, spans in (timings or {}).items():
            _write_csv(_named_timings(spans, table, set(index["name"])), new / f"{table}.csv")
        for table in TABLES:
            (folder / f"{table}.csv").unlink(missing_ok=True)
        for path in list(new.iterdir()):
            path.replace(folder / path.name)
    return index


def _write_csv(rows: pd.DataFrame, path: Path) -> None:
    if len(rows):
        rows.to_csv(path, index=False, lineterminator="\n")


def _rendered_timings(rendered: Path, table: str) -> pd.DataFrame:
    rows = read_timings(rendered, table, key="path")
    return rows.assign(path=[str((rendered / path).resolve()) for path in rows["path"]])


def _named_timings(rows: pd.DataFrame, table: str, names: Collection[str]) -> pd.DataFrame:
    rows = rows.assign(name=[_name(path, 1) for path in rows["path"]])
    return rows.loc[rows["name"].isin(names), ["name", "start", "end", TABLES[table]]]


def _write_samples(listing: pd.DataFrame, path: Path, on_progress: Progress) -> list[Row]:
    rows: list[Row] = []
    offset = 0
    with _naming(path), path.open("wb") as file:
        for row in with_progress(listing.to_dict("records"), "corpus", on_progress):
            for number, y in _pieces(str(row["path"])):
                file.write(np.clip(np.rint(y * 32768), -32768, 32767).astype("<i2").tobytes())
                name = _name(str(row["path"]), number)
                rows.append((name, row["kind"], offset, y.size, row["licence"], row["source"]))
                offset += y.size
    return rows


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in errors that do not: a full disk says nothing but that it is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _pieces(path: str) -> Iterator[tuple[int, FloatArray]]:
    blocks = iter_blocks(path, block_s=_PIECE_S, target_sr=_SAMPLE_RATE)
    try:
        for number, y in enumerate(blocks, start=1):
            if np.any(y):
                yield number, _levelled(y)
    except AudioError as error:
        warnings.warn(f"left out of the corpus: {error}", SkippedClipWarning, stacklevel=2)


def _levelled(y: FloatArray) -> FloatArray:
    peak = np.abs(y).max()
    gain = _LIFTED_PEAK / peak if peak < _QUIET_PEAK else 1 / max(1.0, peak)
    return y * np.float32(gain)


def _name(path: str, number: int) -> str:
    name = "/".join(Path(path).parts[-3:])
    return name if number == 1 else f"{name}#{number}"
