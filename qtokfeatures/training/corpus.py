"""Training corpora: all samples in one flat file, with an index and timed labels."""

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
from qtokfeatures.rendering import render_corpus
from qtokfeatures.rendering.recordings import list_recordings
from qtokfeatures.tables import read_table

INDEX_COLUMNS: Final = ("name", "kind", "offset", "n_samples", "licence", "source")

_SAMPLE_RATE: Final = 24_000
_PIECE_S: Final = 60.0
# Clips with a lower peak are amplified: int16 would leave them less than 10 bits.
_QUIET_PEAK: Final = 0.02
_LIFTED_PEAK: Final = 0.1

FloatArray = npt.NDArray[np.float32]
Row = tuple[str, str, int, int, str, str]

# Names of the files, and the column with the label in each.
TABLES: Final = {"phones": "phone", "words": "word"}


def prepare_corpus(
    folder: str | PathLike[str],
    recordings: Sequence[str | PathLike[str]] = (),
    *,
    rendered_minutes: Mapping[str, float] | None = None,
    seed: int = 0,
    jobs: int = 1,
    on_progress: Progress = ignore_progress,
) -> pd.DataFrame:
    """Write recordings and rendered sounds as one training corpus.

    ``corpus.i16`` holds all clips, concatenated, as little-endian int16 at 24 kHz mono.
    ``corpus.csv`` holds the name, kind, offset, length, licence and source of each clip.
    ``phones.csv`` and ``words.csv`` hold the timed phones and words of rendered speech.

    Parameters
    ----------
    folder : path
        Output folder, created if missing. Rendered files go to its subfolder ``rendered``.
    recordings : sequence of paths
        Folders of recordings. With a ``manifest.csv``, its split ``train`` without share-alike
        licences is used; otherwise every audio file.
    rendered_minutes : mapping of str to float, optional
        Minutes to render, by renderer. :data:`qtokfeatures.rendering.MINUTES` are those of the
        bundled codec. By default nothing is rendered.
    seed : int, default 0
        Seed of the rendered sounds.
    jobs : int, default 1
        Number of rendering processes.
    on_progress : callable, optional
        Called as ``on_progress("corpus", done, total)`` with numbers of files.

    Returns
    -------
    pandas.DataFrame
        Content of ``corpus.csv``: one row per clip with the columns ``name``, ``kind``,
        ``offset``, ``n_samples``, ``licence`` and ``source``.

    Raises
    ------
    InputError
        If there is neither a folder nor a renderer, or no clip can be read.
    ToolMissingError
        If a renderer needs a program or a soundfont that is not installed.

    Warns
    -----
    SkippedClipWarning
        For each file that cannot be read to its end.

    Notes
    -----
    Levels stay as recorded, except that a peak below 0.02 is scaled to 0.1 and a peak above full
    scale to 1. Recordings over a minute are cut into clips of a minute. Silent clips are left out.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> folder = qt.example_file("piano_C4").parent
    >>> index = qt.training.prepare_corpus("corpus", [folder])  # doctest: +SKIP
    """
    listings = [list_recordings(item) for item in recordings]
    timings: dict[str, pd.DataFrame] = {}
    if rendered_minutes:
        rendered = Path(folder) / "rendered"
        listings.append(render_corpus(rendered, minutes=rendered_minutes, seed=seed, jobs=jobs))
        timings = {table: _rendered_timings(rendered, table) for table in TABLES}
    if not listings:
        raise InputError("no training material: give folders of recordings, or minutes to render")
    listing = pd.concat(listings, ignore_index=True)
    return write_corpus(listing, folder, timings=timings, on_progress=on_progress)


def write_corpus(
    listing: pd.DataFrame,
    folder: str | PathLike[str],
    *,
    timings: Mapping[str, pd.DataFrame] | None = None,
    on_progress: Progress = ignore_progress,
) -> pd.DataFrame:
    """Decode a listing's files into ``corpus.i16`` and ``corpus.csv``; return the index.

    `timings` holds the rows of "phones" and "words" with the files' paths in a column "path".
    Existing files are replaced once the new ones are complete.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as unfinished:
        new = Path(unfinished)
        rows = _write_samples(listing, new / "corpus.i16", on_progress)
        if not rows:
            raise InputError(f"none of the {len(listing)} listed files holds sound")
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
    """Add the file's name to errors without one, such as that of a full disk."""
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


def read_timings(folder: str | PathLike[str], table: str, *, key: str = "name") -> pd.DataFrame:
    """Read ``phones.csv`` or ``words.csv``."""
    columns = [key, "start", "end", TABLES[table]]
    path = Path(folder) / f"{table}.csv"
    if not path.is_file():
        return pd.DataFrame({column: [] for column in columns})
    rows = pd.DataFrame(list(read_table(path).require(columns).rows.values()), columns=columns)
    try:
        return rows.assign(start=pd.to_numeric(rows["start"]), end=pd.to_numeric(rows["end"]))
    except ValueError as error:
        raise InputError(f"{path}: expected start and end as numbers: {error}") from error
