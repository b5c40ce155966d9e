"""Clusters of files: tables, a map, prototypes, and a page to listen to them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtokfeatures.exceptions import QtokError
from qtokfeatures.progress import Progress, ignore_progress, with_progress
from qtokfeatures.studio.failures import Failure, RequestError, check_choice
from qtokfeatures.studio.inputs import (
    CHANNELS,
    FEATURES,
    CodecLike,
    Files,
    file_names,
    make_features,
    open_inputs,
)
from qtokfeatures.studio.output_files import (
    output_folder,
    refuse_to_overwrite,
    without_audio_suffix,
    write_page,
    write_table,
)

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from qtokfeatures.codecs import Codec
    from qtokfeatures.estimators import Pipeline
    from qtokfeatures.pipelines import Clustering
    from qtokfeatures.studio.cluster_page import ClusteredClip, ClusterSound
    from qtokfeatures.viz.projection import Projection

PROTOTYPES = ("clip", "centre")

_FILES = ("labels.csv", "labels.nc", "map.png", "clusters.html")
_PROTOTYPE = re.compile(r"prototype_\d+\.wav")
_MOST_PLAYERS = 60  # about 100 kB each: a page of 6 MB still opens on a phone
_EXCERPT_S = 6.0
_EXCERPT_SR = 24000


@dataclass(frozen=True)
class ClusterOptions:
    """Parameters of a clustering; see :func:`cluster_files`."""

    n_clusters: int | None = None
    method: str = "kmeans"
    reduce: str | None = None
    min_cluster_size: int = 5
    features: str = "histogram"
    codebooks: int | None = None
    seed: int = 0

    def check(self, n_clips: int | None = None) -> None:
        """Raise RequestError for values that no clustering, or none of `n_clips`, can work with."""
        from qtokfeatures.pipelines.clustering import METHODS, REDUCTIONS

        check_choice(self.features, FEATURES, "features")
        check_choice(self.method, METHODS, "method")
        if self.reduce is not None:
            check_choice(self.reduce, REDUCTIONS, "reduce")
        if self.method == "hdbscan" and self.n_clusters is not None:
            raise RequestError(
                "HDBSCAN finds the number itself; set the smallest cluster instead (--min-size)",
                "n_clusters",
            )
        if n_clips is None:
            return
        clips = f"{n_clips} clip{'s' if n_clips != 1 else ''}"
        if self.n_clusters is not None and self.n_clusters > n_clips:
            raise RequestError(
                f"{self.n_clusters} clusters cannot be made of {clips}; ask for {n_clips} or "
                "fewer, or give more clips",
                "n_clusters",
            )
        if self.method == "hdbscan" and self.min_cluster_size > n_clips:
            raise RequestError(
                f"clusters of {self.min_cluster_size} clips or more cannot be made of {clips}; "
                "ask for smaller ones, or give more clips",
                "min_cluster_size",
            )

    def pipeline(self, codec: Codec, n_codebooks: int) -> Pipeline:
        """Return the unfitted pipeline from codes to clusters."""
        from qtokfeatures.pipelines import make_clustering_pipeline

        return make_clustering_pipeline(
            codec,
            n_clusters=self.n_clusters,
            method=self.method,
            reduce=self.reduce,
            min_cluster_size=self.min_cluster_size,
            features=make_features(
                self.features, codec, codebooks=self.codebooks, n_codebooks=n_codebooks
            ),
            seed=self.seed,
        )


@dataclass(frozen=True, eq=False)
class ClusterRun:
    """Clustered clips: codes, fitted pipeline, clusters, and places on a map.

    `names` are the clips' names on a page, `kinds` their known classes or empty strings.
    """

    ds: xr.Dataset
    codec: Codec
    pipe: Pipeline
    clustering: Clustering
    projection: Projection
    names: Sequence[str]
    kinds: Sequence[str]

    def clips_of_page(self, on_progress: Progress) -> list[ClusteredClip]:
        """Return the clips in order, with players for those nearest to a centre."""
        from qtokfeatures.studio.cluster_page import ClusteredClip

        played = self._played()
        return [
            ClusteredClip(
                name=self.names[row],
                cluster=int(self.clustering.labels[row]),
                duration_s=float(self.ds["duration"][row]),
                kind=self.kinds[row],
                audio=self._player(row) if row in played else None,
            )
            for row in with_progress(range(len(self.names)), "prepare players", on_progress)
        ]

    def prototypes(self, kind: str, on_progress: Progress) -> dict[int, ClusterSound]:
        """Return one sound per cluster: of its most typical ``"clip"``, or its ``"centre"``."""
        make = self._typical_clip if kind == "clip" else self._sound_of_centre
        clusters = range(self.clustering.n_clusters)
        return {
            cluster: make(cluster) for cluster in with_progress(clusters, "prototypes", on_progress)
        }

    def labelled(self) -> xr.Dataset:
        """Return ``cluster``, ``x`` and ``y`` (clip), with the clips' labels as coordinates."""
        import xarray as xr

        from qtokfeatures.labelled.spec import CodecSpec

        variables = {name: ("clip", values) for name, values in self._found().items()}
        coords = {"clip": self.ds["clip"].variable, **self._labels()}
        attrs = CodecSpec.from_attrs(self.ds.attrs).to_attrs()
        ds = xr.Dataset(variables, coords, {**attrs, "map": self.projection.method})
        ds["cluster"].attrs["long_name"] = "cluster, the largest being 0, and -1 for none"
        return ds

    def write_labels(self, path: Path) -> None:
        """Write cluster, place on the map and labels of each clip as CSV."""
        import pandas as pd

        labels = {name: label.values for name, label in self._labels().items()}
        table = pd.DataFrame({"clip": self.ds["clip"].values, **self._found(), **labels})
        write_table(path, table, float_format="%.6g")

    def _found(self) -> dict[str, Any]:
        x, y = self.projection.xy.T
        return {"cluster": self.clustering.labels, "x": x, "y": y}

    def _labels(self) -> dict[str, xr.Variable]:
        """Return the labels of the clips, except those with the name of a result."""
        taken = {"clip", *self._found()}
        return {
            str(name): coord.variable
            for name, coord in self.ds.coords.items()
            if coord.dims == ("clip",) and name not in taken
        }

    def _typical_clip(self, cluster: int) -> ClusterSound:
        from qtokfeatures.pipelines import sonify_medoid
        from qtokfeatures.studio.cluster_page import ClusterSound

        found = self.clustering
        made = sonify_medoid(self.codec, self.ds, found.space, found.labels == cluster)
        return ClusterSound(made.y, made.sr, f"decoded from the tokens of {self.names[made.row]}")

    def _sound_of_centre(self, cluster: int) -> ClusterSound:
        from qtokfeatures.estimators import sonify
        from qtokfeatures.studio.cluster_page import ClusterSound

        made = sonify(self.pipe, cluster=self.clustering.fitted_labels[cluster])
        clips = list(dict.fromkeys(map(str, made.frames["clip"].values)))
        more = f" and {len(clips) - 3} more" if len(clips) > 3 else ""
        return ClusterSound(
            made.y, made.sr, f"made for the centre, of frames of {', '.join(clips[:3])}{more}"
        )

    def _played(self) -> set[int]:
        """Choose clips with a player: equally many of every cluster, the most typical first."""
        if len(self.names) <= _MOST_PLAYERS:
            return set(range(len(self.names)))
        clusters = sorted(set(self.clustering.labels.tolist()))
        each = max(2, _MOST_PLAYERS // len(clusters))
        return {row for cluster in clusters for row in self.clustering.nearest(cluster)[:each]}

    def _player(self, row: int) -> str:
        from qtokfeatures.studio.listening import compact_uri

        recorded = _beginning(str(self.ds["source"].values[row]))
        if recorded is not None:
            return compact_uri(recorded, _EXCERPT_SR, longest_s=_EXCERPT_S)
        n_frames = int(_EXCERPT_S * self.codec.spec.frame_rate)
        y, sr = self.codec.decode(self.ds.qtok.clip(row)[:, :n_frames])
        return compact_uri(y, sr, longest_s=_EXCERPT_S)


@dataclass(frozen=True, eq=False)
class ClusteredFiles:
    """Clusters of files, and what was written about them.

    Parameters
    ----------
    dataset : xarray.Dataset
        ``cluster`` (clip), −1 being none, and ``x`` and ``y`` (clip), the place on the map, with
        the labels of the clips. The attribute ``map`` names the projection.
    clustering : Clustering
        The clusters, with the distance of each clip to its centre.
    page : pathlib.Path
        The HTML page.
    files : list of pathlib.Path
        All files written, tables first.
    prototypes : list of pathlib.Path
        One audio file per cluster.
    failures : list of Failure
        Files that could not be used.
    """

    dataset: xr.Dataset = field(repr=False)
    clustering: Clustering = field(repr=False)
    page: Path
    files: list[Path]
    prototypes: list[Path]
    failures: list[Failure]


def cluster_files(
    files: Files,
    *,
    output: str | os.PathLike[str],
    n_clusters: int | None = None,
    features: str = "histogram",
    color_by: str = "cluster",
    method: str = "kmeans",
    reduce: str | None = None,
    min_cluster_size: int = 5,
    codebooks: int | None = None,
    prototype: str = "clip",
    seed: int = 0,
    codec: CodecLike | None = None,
    channels: str = "mix",
    cache: str | os.PathLike[str] | None = None,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> ClusteredFiles:
    """Cluster files by their tokens; write tables, a map, prototypes and a page to listen.

    Parameters
    ----------
    files : path, URL, or sequence of paths and URLs
        Audio files, folders (searched), patterns and URLs, and codes files (.nc, .zarr).
    output : path
        Folder to write ``labels.csv``, ``labels.nc``, ``map.png``, ``clusters.html`` and
        ``prototype_<cluster>.wav`` to.
    n_clusters : int, optional
        Clusters of k-means; by default the number from 2 to 12 that separates them best.
    features : {"histogram", "embedding", "both"}, default="histogram"
        As in :class:`~qtokfeatures.QTokenizer`.
    color_by : str, default="cluster"
        Colour of the map: ``"cluster"``, ``"folder"`` (of the file), or a label of the codes.
    method : {"kmeans", "hdbscan"}, default="kmeans"
        k-means puts every clip into a cluster, HDBSCAN only those in dense regions.
    reduce : {"svd", "umap"}, optional
        Reduction of the features before clustering; none by default.
    min_cluster_size : int, default=5
        Fewest clips in a cluster of HDBSCAN.
    codebooks : int, optional
        Only the first so many codebooks, the coarsest; by default as many as suit `features`.
    prototype : {"clip", "centre"}, default="clip"
        Sound that represents a cluster: its most typical clip, decoded from its tokens, or one
        made for its centre, which takes some seconds each.
    seed : int, default=0
        Seed of clustering and map.
    codec : str, path or Codec, optional
        By default the codec that made the codes files, or mini where there are none.
    channels : {"mix", "separate"}, default="mix"
        Average the channels of a file, or make each a clip of its own.
    cache : "memory" or path, optional
        Folder of codes, so that the same audio is encoded once, as in
        :class:`~qtokfeatures.QTokenizer`; none by default.
    device : str, default="auto"
        Device of a codec that is loaded by name.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    ClusteredFiles
        The clusters, the files written and the failures.

    Raises
    ------
    NoUsableInputError
        If none of the files can be used.
    InputError
        If a parameter has a wrong value, or a file to be written is one of the files.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> done = qt.studio.cluster_files(qt.example_files()[:6], n_clusters=2, output="clusters")
    >>> sorted(set(done.dataset["cluster"].values.tolist())), done.page.name
    ([0, 1], 'clusters.html')
    """
    from qtokfeatures.audio import write_audio

    watch = on_progress or ignore_progress
    options = ClusterOptions(
        n_clusters=n_clusters,
        method=method,
        reduce=reduce,
        min_cluster_size=min_cluster_size,
        features=features,
        codebooks=codebooks,
        seed=seed,
    )
    options.check()
    check_choice(prototype, PROTOTYPES, "prototype")
    check_choice(channels, CHANNELS, "channels")

    def check(codes: Sequence[xr.Dataset], n_clips: int) -> None:
        options.check(n_clips if channels == "mix" else None)
        check_color_by(color_by, codes)

    folder = output_folder(output)
    inputs = open_inputs(files, codec=codec, device=device, check=check)
    _refuse_to_overwrite(folder, [*file_names(files), *inputs.sources])
    pipe = options.pipeline(inputs.codec, inputs.n_codebooks)
    gathered = inputs.encode(watch, channels=channels, cache=cache)
    ds = gathered.dataset
    options.check(ds.sizes["clip"])
    run = cluster_codes(ds, gathered.codec, pipe, options.seed, kinds=known_kinds(ds, color_by))
    prototypes = run.prototypes(prototype, watch)
    _write(run, folder, prototypes, color_by, watch)
    sounds = [folder / f"prototype_{cluster}.wav" for cluster in prototypes]
    for path, sound in zip(sounds, prototypes.values(), strict=True):
        write_audio(path, sound.y, sound.sr)
    written = [*(folder / name for name in _FILES), *sounds]
    return ClusteredFiles(
        dataset=run.labelled(),
        clustering=run.clustering,
        page=folder / _FILES[-1],
        files=written,
        prototypes=sounds,
        failures=gathered.failures,
    )


def cluster_codes(
    ds: xr.Dataset, codec: Codec, pipe: Pipeline, seed: int, *, kinds: Sequence[str]
) -> ClusterRun:
    """Cluster clips by their features and place them on a map."""
    from qtokfeatures.pipelines import find_clusters
    from qtokfeatures.viz.projection import project

    return ClusterRun(
        ds=ds,
        codec=codec,
        pipe=pipe,
        clustering=find_clusters(pipe, ds),
        projection=project(pipe[0].transform(ds).values, seed=seed),
        names=[without_audio_suffix(str(clip)) for clip in ds["clip"].values],
        kinds=kinds,
    )


def check_color_by(color_by: str, codes: Sequence[xr.Dataset]) -> None:
    """Raise RequestError if `color_by` is neither cluster, folder nor a label of the codes."""
    from qtokfeatures.labelled.schema import label_names

    labels = dict.fromkeys(name for ds in codes for name in label_names(ds))
    check_choice(color_by, ["cluster", "folder", *labels], "color_by")


def known_kinds(ds: xr.Dataset, color_by: str) -> list[str]:
    """Return the folder's name or a label of each clip, or empty strings for ``"cluster"``."""
    if color_by == "cluster":
        return [""] * ds.sizes["clip"]
    if color_by == "folder":
        return [Path(str(source)).parent.name for source in ds["source"].values]
    check_color_by(color_by, [ds])
    return [str(value) for value in ds[color_by].values]


def _write(
    run: ClusterRun,
    folder: Path,
    prototypes: Mapping[int, ClusterSound],
    color_by: str,
    on_progress: Progress,
) -> None:
    from qtokfeatures.files import atomic_write
    from qtokfeatures.studio.cluster_page import cluster_report, draw_cluster_map
    from qtokfeatures.viz.figures import write_whole

    clips = run.clips_of_page(on_progress)
    title = f"{len(clips)} clips by their tokens"
    drawn = draw_cluster_map(clips, run.projection, title=title, kind_title=color_by)
    lead = f"{run.clustering.n_clusters} clusters. Codec: {run.codec.spec.describe()}."
    html = cluster_report(clips, drawn, title=title, lead=lead, prototypes=prototypes)
    run.write_labels(folder / "labels.csv")
    with atomic_write(folder / "labels.nc") as fresh:
        run.labelled().to_netcdf(fresh, engine="h5netcdf")
    write_whole(folder / "map.png", drawn.png)
    write_page(folder / "clusters.html", html)


def _refuse_to_overwrite(folder: Path, inputs: Sequence[str]) -> None:
    """Refuse inputs among the files to be written; the number of prototypes is not known yet."""
    prototypes = (path for name in inputs if _PROTOTYPE.fullmatch((path := Path(name)).name))
    refuse_to_overwrite(
        [*(folder / name for name in _FILES), *(folder / path.name for path in prototypes)], inputs
    )


def _beginning(source: str) -> NDArray[np.float32] | None:
    """Return the beginning of a recording that still exists at its source."""
    from qtokfeatures.audio import iter_blocks

    if "://" in source or source.startswith("<"):
        return None
    try:
        return next(iter(iter_blocks(source, block_s=_EXCERPT_S, target_sr=_EXCERPT_SR)))
    except (QtokError, OSError, ValueError):
        return None
