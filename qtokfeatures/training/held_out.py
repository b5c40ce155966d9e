"""Recordings that a tuning run is measured on: which, and how close a codec comes to them."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from qtokfeatures.audio import log_mel_distance
from qtokfeatures.codecs.mini.codec import MiniCodec
from qtokfeatures.codecs.mini.config import HOP_LENGTH, SAMPLE_RATE
from qtokfeatures.exceptions import InputError
from qtokfeatures.files import atomic_write
from qtokfeatures.progress import Progress, ignore_progress
from qtokfeatures.rendering.listing import list_recordings
from qtokfeatures.training.corpus import write_corpus
from qtokfeatures.training.run_record import (
    list_files,
    read_record,
    refuse_changes,
    write_record,
)

_TABLE: Final = "held_out.csv"
_MEASURED_CLIPS: Final = 24
_MEASURED_S: Final = 5.0
_ENOUGH_S: Final = 3.0
_LEAST_S: Final = 1.0


def make_corpus(
    recordings: Sequence[str | PathLike[str]],
    corpus: Path,
    *,
    share: float,
    seed: int,
    on_progress: Progress = ignore_progress,
) -> None:
    """Decode recordings, and hold some out of what is trained on; what is there must be the same.

    Parameters
    ----------
    recordings : sequence of paths
        Folders; none are needed when the corpus is there already.
    corpus : Path
        Gets ``corpus.i16``; ``corpus.csv``, the clips to train on; ``held_out.csv``, the others.
    share : float
        Share of the recordings to hold out.
    seed : int
        Draws them.
    on_progress : callable, optional
        As in :func:`~qtokfeatures.training.corpus.write_corpus`.

    Raises
    ------
    InputError
        There is too little to use, or the corpus that is there was made from something else.
    """
    listings = [list_recordings(item) for item in recordings]
    given = {"task": "tune", "recordings": list_files(listings), "held_out": share, "seed": seed}
    record = read_record(corpus)
    if record is not None:
        refuse_changes(corpus.parent, record, given)
        return
    if (corpus / "corpus.csv").exists():
        raise InputError(
            f"{corpus} was not finished, or not made by tuning: name another folder, or delete it"
        )
    if not listings:
        raise InputError("nothing to tune to: give folders of recordings")
    listing = pd.concat(listings, ignore_index=True).sample(frac=1, random_state=seed)
    index = write_corpus(listing, corpus, on_progress=on_progress)
    apart = held_out(index, share=share, n_listed=len(listing))
    whole_frames = index.n_samples >= HOP_LENGTH
    _replace_table(index[apart & whole_frames], corpus / _TABLE)
    _replace_table(index[~apart], corpus / "corpus.csv")
    write_record(corpus, given)


def held_out(index: pd.DataFrame, *, share: float, n_listed: int) -> pd.Series[bool]:
    """Say which clips of a shuffled corpus to hold out: whole recordings, the first ones.

    More than `share` of them are taken, up to half, until they have three seconds to measure on.

    Parameters
    ----------
    index : pandas.DataFrame
        Clips, in the order in which to take them.
    share : float
        Share of the recordings, at least one.
    n_listed : int
        Recordings that there were before those that cannot be read were left out.

    Returns
    -------
    pandas.Series of bool
        One a clip.

    Raises
    ------
    InputError
        Fewer than two recordings have a frame, or less than a second can be held out.
    """
    recording = index["name"].str.replace(r"#\d+$", "", regex=True)
    usable = index.n_samples >= HOP_LENGTH
    seconds = _measured_s(index[usable]).groupby(recording[usable], sort=False).sum()
    if len(seconds) < 2:
        raise InputError(
            f"tuning needs at least two recordings of at least {HOP_LENGTH} samples at "
            f"{SAMPLE_RATE} Hz, one to measure on, got {len(seconds)} ({n_listed} listed): "
            "give folders with audio files"
        )
    enough = int(np.searchsorted(seconds.cumsum().to_numpy(), _ENOUGH_S)) + 1
    wanted = max(1, round(share * len(seconds)))
    taken = min(max(wanted, min(enough, len(seconds) // 2)), len(seconds) - 1)
    held_s = seconds.iloc[:taken].sum()
    if held_s < _LEAST_S:
        raise InputError(
            f"{taken} of {len(seconds)} recordings can be held out, {held_s:.2f} s in all; "
            f"measuring needs at least {_LEAST_S:g} s: give more or longer recordings"
        )
    return recording.isin(seconds.index[:taken])


def held_out_s(corpus: Path) -> float:
    """Seconds of the held-out recordings that are measured."""
    return float(_measured_s(_measured(corpus)).sum())


def held_out_distance(
    weights: Path, corpus: Path, device: torch.device, on_progress: Progress = ignore_progress
) -> float:
    """Mean log-mel distance between the held-out clips and what a codec makes of them."""
    codec = MiniCodec.load(weights, device=device)
    samples = np.memmap(corpus / "corpus.i16", dtype=np.int16, mode="r")
    places = _measured(corpus)[["offset", "n_samples"]].to_numpy(np.int64)
    distances = []
    for done, (offset, n_samples) in enumerate(places):
        on_progress("measure", done, len(places))
        y = _excerpt(samples, offset, n_samples)
        found, _ = codec.decode(codec.encode(y, sr=SAMPLE_RATE), length=len(y))
        if not np.isfinite(found).all():
            return float("inf")  # a run that has diverged
        distances.append(log_mel_distance(y, found, SAMPLE_RATE))
    return float(np.mean(distances))


def _measured(corpus: Path) -> pd.DataFrame:
    return pd.read_csv(corpus / _TABLE)[:_MEASURED_CLIPS]


def _measured_s(clips: pd.DataFrame) -> pd.Series[float]:
    return (clips["n_samples"] / SAMPLE_RATE).clip(upper=_MEASURED_S)


def _excerpt(
    samples: npt.NDArray[np.int16], offset: int, n_samples: int
) -> npt.NDArray[np.float32]:
    stop = offset + min(n_samples, round(_MEASURED_S * SAMPLE_RATE))
    y = samples[offset:stop].astype(np.float32) / 32768
    scaled: npt.NDArray[Any] = y * np.float32(0.5 / np.abs(y).max(initial=1e-3))
    return scaled


def _replace_table(rows: pd.DataFrame, path: Path) -> None:
    with atomic_write(path) as fresh:
        rows.to_csv(fresh, index=False, lineterminator="\n")
