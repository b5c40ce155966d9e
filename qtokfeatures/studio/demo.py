"""Demo: sounds encoded, clustered, mapped and decoded, with a page about it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qtokfeatures.audio import load_audio, write_audio
from qtokfeatures.exceptions import InputError
from qtokfeatures.progress import Progress, ignore_progress
from qtokfeatures.studio.cluster_page import (
    ClusteredClip,
    ClusterMap,
    cluster_sections,
    draw_cluster_map,
    map_blocks,
)
from qtokfeatures.studio.clustering import ClusterOptions, ClusterRun, cluster_codes, known_kinds
from qtokfeatures.studio.failures import Failure, check_usable
from qtokfeatures.studio.inputs import CodecLike, encode_sounds, find_sounds, open_codec
from qtokfeatures.studio.output_files import (
    file_stems,
    output_folder,
    refuse_to_overwrite,
    write_page,
)
from qtokfeatures.studio.page import element, page, section
from qtokfeatures.studio.roundtrip import Roundtrip, make_roundtrip, warm_up
from qtokfeatures.studio.roundtrip_page import roundtrip_blocks, roundtrip_pictures
from qtokfeatures.viz.figures import write_whole

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_MOST_DECODED = 3


@dataclass(frozen=True, eq=False)
class Demo:
    """Clusters, map and decoded clips of a demo, and the files written.

    Parameters
    ----------
    dataset : xarray.Dataset
        Codes of the clips.
    n_clusters : int
        Clusters that were found.
    projection : str
        Method of the map.
    roundtrips : list of Roundtrip
        Clips that were decoded.
    encode_s : float
        Time of encoding all clips, s.
    files : dict of str to pathlib.Path
        The files by what they hold; the page first.
    failures : list of Failure
        Files that could not be used.
    """

    dataset: xr.Dataset = field(repr=False)
    n_clusters: int
    projection: str
    roundtrips: list[Roundtrip] = field(repr=False)
    encode_s: float
    files: dict[str, Path]
    failures: list[Failure]


@dataclass(frozen=True, eq=False)
class _Sounds:
    """Audio files, their labels (a column ``file``) if known, and those to decode."""

    paths: Sequence[str]
    title: str
    labels: pd.DataFrame | None = None
    decoded: Sequence[str] = ()


def run_demo(
    *,
    output: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    n_clusters: int | None = None,
    seed: int = 0,
    codec: CodecLike | None = None,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> Demo:
    """Encode sounds, cluster and map them, decode some, and write a page about it.

    Parameters
    ----------
    output : path
        Folder to write to.
    data : path, optional
        Folder of recordings; the bundled sounds by default.
    n_clusters : int, optional
        Clusters of k-means; by default as many as the bundled sounds have labels, or, for
        recordings, the number from 2 to 12 that separates them best.
    seed : int, default=0
        Seed of clustering and map.
    codec : str, path or Codec, optional
        Name or folder of a codec, or a loaded one; mini by default.
    device : str, default="auto"
        Device of a codec that is loaded by name.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    Demo
        The results, the files written and the failures.

    Raises
    ------
    NoUsableInputError
        If none of the recordings can be used.
    InputError
        If there are no recordings, fewer of them than clusters, or a file to be written is one.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> done = qt.studio.run_demo(output="demo")
    >>> done.dataset.sizes["clip"], next(iter(done.files.values())).name
    (44, 'report.html')
    """
    watch = on_progress or ignore_progress
    folder = Path(output)
    sounds, failures = (_bundled_sounds(), []) if data is None else _own_sounds(Path(data), folder)
    check_usable(sounds.paths, failures)
    if n_clusters is None and sounds.labels is not None:
        n_clusters = sounds.labels["label"].nunique()
    options = ClusterOptions(n_clusters=n_clusters, seed=seed)
    options.check(len(sounds.paths))
    output_folder(folder)
    opened = open_codec(codec, device)
    warm_up(opened)
    start = time.perf_counter()
    ds, unreadable = encode_sounds(opened, sounds.paths, on_progress=watch)
    encode_s = time.perf_counter() - start
    failures += unreadable
    check_usable(ds.sizes["clip"], failures)
    if sounds.labels is not None:
        ds = ds.qtok.with_labels(sounds.labels, on="file")
    options.check(ds.sizes["clip"])
    pipe = options.pipeline(opened, ds.sizes["codebook"])
    run = cluster_codes(ds, opened, pipe, seed, kinds=_kinds(ds, sounds))
    roundtrips = _roundtrips(run, sounds)
    return Demo(
        dataset=ds,
        n_clusters=run.clustering.n_clusters,
        projection=run.projection.method,
        roundtrips=list(roundtrips.values()),
        encode_s=encode_s,
        files=_write(run, roundtrips, sounds, folder, watch),
        failures=failures,
    )


def demo_report(
    clips: Sequence[ClusteredClip],
    drawn: ClusterMap,
    roundtrips: Sequence[tuple[Roundtrip, Mapping[str, bytes]]],
    *,
    title: str,
    lead: str = "",
) -> str:
    """Return the HTML page with map, clusters, and roundtrips with their pictures."""
    decoded = [
        section(f"Decoded from tokens: {one.name}", *roundtrip_blocks(one, pictures))
        for one, pictures in roundtrips
    ]
    contents = element(
        "p",
        "The map first, then each cluster to listen to, and at the end audio decoded from "
        "tokens beside its original.",
    )
    return page(
        title, [contents, *map_blocks(drawn), *cluster_sections(clips), *decoded], lead=lead
    )


def _bundled_sounds() -> _Sounds:
    from qtokfeatures.examples_audio import example_file, example_files, example_labels

    return _Sounds(
        paths=[str(path) for path in example_files()],
        title="Bundled sounds by their tokens",
        labels=example_labels(),
        decoded=[str(example_file("guitar_phrase"))],
    )


def _own_sounds(data: Path, output: Path) -> tuple[_Sounds, list[Failure]]:
    paths, failures = find_sounds(data, output_folder=output)
    if not paths and not failures:
        raise InputError(f"{data}: holds no audio files besides those in {output}")
    return _Sounds(paths=paths, title=f"{data.resolve().name}: clips by their tokens"), failures


def _kinds(ds: xr.Dataset, sounds: _Sounds) -> list[str]:
    """Return the clips' labels, or their folders where there are several."""
    if sounds.labels is not None:
        return known_kinds(ds, "label")
    folders = known_kinds(ds, "folder")
    return folders if len(set(folders)) > 1 else known_kinds(ds, "cluster")


def _roundtrips(run: ClusterRun, sounds: _Sounds) -> dict[str, Roundtrip]:
    """Decode the chosen clips, or the most typical one of each of the largest clusters."""
    sources = run.ds["source"].values.tolist()
    chosen = [sources.index(path) for path in sounds.decoded]
    rows = chosen or run.clustering.most_typical()[:_MOST_DECODED]
    stems = file_stems(str(run.ds["clip"].values[row]) for row in rows)
    return {
        stem: make_roundtrip(run.codec, load_audio(sources[row]), name=run.names[row])
        for row, stem in zip(rows, stems, strict=True)
    }


def _write(
    run: ClusterRun,
    roundtrips: Mapping[str, Roundtrip],
    sounds: _Sounds,
    folder: Path,
    on_progress: Progress,
) -> dict[str, Path]:
    """Write all files; return them by what they hold."""
    decoded = {folder / f"{stem}_decoded.wav": one for stem, one in roundtrips.items()}
    names = ("report.html", "map.png", "labels.csv", "codes.nc")
    html, picture, labels, codes = (folder / name for name in names)
    refuse_to_overwrite([html, picture, labels, codes, *decoded], sounds.paths)
    clips = run.clips_of_page(on_progress)
    kind_title = "" if sounds.labels is not None else "folder"
    drawn = draw_cluster_map(clips, run.projection, title=sounds.title, kind_title=kind_title)
    compared = [(one, roundtrip_pictures(one)) for one in roundtrips.values()]
    write_page(html, demo_report(clips, drawn, compared, title=sounds.title, lead=_lead(run)))
    write_whole(picture, drawn.png)
    run.write_labels(labels)
    run.ds.qtok.save(codes)
    for path, one in decoded.items():
        write_audio(path, one.y_hat, one.sr)
    return {
        "the map, every cluster to listen to, decoded beside original": html,
        "the map alone": picture,
        "cluster and labels of each clip": labels,
        "the codes, for xarray and qtokfeatures.load_codes": codes,
        **{f"{one.name}, decoded from its codes": path for path, one in decoded.items()},
    }


def _lead(run: ClusterRun) -> str:
    seconds = float(run.ds["duration"].sum())
    return (
        f"{len(run.names)} clips, {seconds:,.0f} s, became {run.ds.sizes['codebook']} × "
        f"{run.ds.sizes['frame']:,} tokens, which k-means put into {run.clustering.n_clusters} "
        f"clusters without knowing what they are. {_purity(run)}Codec: "
        f"{run.codec.spec.describe()}."
    )


def _purity(run: ClusterRun) -> str:
    """Return how many clips share the most frequent class of their cluster, where it is known."""
    if not any(run.kinds):
        return ""
    clusters = run.clustering.labels
    found = [Counter(np.asarray(run.kinds)[clusters == one]) for one in np.unique(clusters)]
    alike = sum(counts.most_common(1)[0][1] for counts in found)
    return f"{alike} of them are of the most frequent kind of their cluster. "
