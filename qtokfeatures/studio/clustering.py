"""Codes → clusters, a map, and what a page and a table show of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.exceptions import QtokError
from qtokfeatures.studio.inputs import chosen_features

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from qtokfeatures.codecs import Codec
    from qtokfeatures.estimators import Pipeline
    from qtokfeatures.pipelines import Clustering
    from qtokfeatures.studio.cluster_page import ClusteredClip
    from qtokfeatures.viz.projection import Projection

PROTOTYPES = ("clip", "centre")

_MOST_PLAYERS = 60
_EXCERPT_S = 6.0
_EXCERPT_SR = 24000


class ClusterSound(NamedTuple):
    """A sound that stands for a cluster.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        Mono audio.
    sr : int
        Its rate in Hz.
    origin : str
        What it was made of, for people.
    """

    y: NDArray[np.float32]
    sr: int
    origin: str


@dataclass(frozen=True, eq=False)
class ClusterRun:
    """Clips that were clustered, and all that is known of them.

    Parameters
    ----------
    ds : xarray.Dataset
        Their codes.
    codec : Codec
        The codec of the codes.
    pipe : Pipeline
        The fitted pipeline that clustered them.
    clustering : Clustering
        Which cluster each is in.
    projection : Projection
        Where each lies on the map.
    names : sequence of str
        What each is called on the page.
    kinds : sequence of str
        What each is known to be; empty strings when nothing is known.
    """

    ds: xr.Dataset
    codec: Codec
    pipe: Pipeline
    clustering: Clustering
    projection: Projection
    names: Sequence[str]
    kinds: Sequence[str]

    def shown_clips(self, report: Report) -> list[ClusteredClip]:
        """Prepare the clips for a page, with players for those nearest to a centre.

        Parameters
        ----------
        report : Report
            Shows the progress.

        Returns
        -------
        list of ClusteredClip
            In the order of the Dataset.
        """
        from qtokfeatures.studio.cluster_page import ClusteredClip

        heard = self._heard()
        with report.tracked(range(len(self.names)), "prepare players") as rows:
            return [
                ClusteredClip(
                    name=self.names[row],
                    cluster=int(self.clustering.labels[row]),
                    duration_s=float(self.ds["duration"][row]),
                    kind=self.kinds[row],
                    audio=self._player(row) if row in heard else None,
                )
                for row in rows
            ]

    def prototypes(self, how: str, report: Report) -> dict[int, ClusterSound]:
        """Make a sound for each cluster that stands for it.

        Parameters
        ----------
        how : {"clip", "centre"}
            Decode the tokens of the clip nearest to the centre, or make a sound for the centre.
        report : Report
            Shows the progress.

        Returns
        -------
        dict of int to ClusterSound
        """
        make = self._typical_clip if how == "clip" else self._sound_of_centre
        with report.tracked(range(self.clustering.n_clusters), "make prototypes") as clusters:
            return {cluster: make(cluster) for cluster in clusters}

    def _typical_clip(self, cluster: int) -> ClusterSound:
        from qtokfeatures.pipelines import sonify_medoid

        found = self.clustering
        heard = sonify_medoid(self.codec, self.ds, found.space, found.labels == cluster)
        return ClusterSound(
            heard.y, heard.sr, f"decoded from the tokens of {self.names[heard.row]}"
        )

    def _sound_of_centre(self, cluster: int) -> ClusterSound:
        from qtokfeatures.estimators import sonify

        heard = sonify(self.pipe, cluster=self.clustering.fitted_labels[cluster])
        clips = list(dict.fromkeys(map(str, heard.frames["clip"].values)))
        more = f" and {len(clips) - 3} more" if len(clips) > 3 else ""
        return ClusterSound(
            heard.y, heard.sr, f"made for the centre, of frames of {', '.join(clips[:3])}{more}"
        )

    def _heard(self) -> set[int]:
        """Choose clips to hear: of every cluster equally many, the most typical first."""
        if len(self.names) <= _MOST_PLAYERS:
            return set(range(len(self.names)))
        clusters = sorted(set(self.clustering.labels.tolist()))
        each = max(2, _MOST_PLAYERS // len(clusters))
        return {row for cluster in clusters for row in self.clustering.nearest(cluster)[:each]}

    def _player(self, row: int) -> str:
        from qtokfeatures.studio.listening import compact_uri

        recorded = self._recorded(str(self.ds["source"].values[row]))
        if recorded is not None:
            return compact_uri(recorded, _EXCERPT_SR, longest_s=_EXCERPT_S)
        n_frames = int(_EXCERPT_S * self.codec.spec.frame_rate)
        y, sr = self.codec.decode(self.ds.qtok.clip(row)[:, :n_frames])
        return compact_uri(y, sr, longest_s=_EXCERPT_S)

    def _recorded(self, source: str) -> NDArray[np.float32] | None:
        """Return the beginning of a recording that is still where it was encoded from."""
        from qtokfeatures.audio import iter_blocks

        try:
            if not Path(source).is_file():
                return None
            return next(iter(iter_blocks(source, block_s=_EXCERPT_S, target_sr=_EXCERPT_SR)))
        except (QtokError, OSError, ValueError):
            return None


@dataclass(frozen=True)
class ClusterOptions:
    """How clips are clustered.

    Parameters
    ----------
    n_clusters : int, optional
        How many clusters of k-means; chosen by silhouette by default.
    method : str
        ``"kmeans"`` or ``"hdbscan"``.
    reduce : str, optional
        ``"svd"`` or ``"umap"``; nothing by default.
    min_cluster_size : int
        Fewest clips that HDBSCAN calls a cluster.
    features : str
        Which features.
    codebooks : int, optional
        Only the first so many.
    seed : int
        Seed of clustering and map.
    """

    n_clusters: int | None = None
    method: str = "kmeans"
    reduce: str | None = None
    min_cluster_size: int = 5
    features: str = "histogram"
    codebooks: int | None = None
    seed: int = 0


def run_clustering(
    ds: xr.Dataset,
    codec: Codec,
    options: ClusterOptions,
    *,
    names: Sequence[str],
    kinds: Sequence[str],
) -> ClusterRun:
    """Cluster clips by their features and lay them out on a map.

    Parameters
    ----------
    ds : xarray.Dataset
        Codes.
    codec : Codec
        The codec that made them.
    options : ClusterOptions
        How.
    names : sequence of str
        What each clip is called on the page.
    kinds : sequence of str
        What each clip is known to be; empty strings when nothing is known.

    Returns
    -------
    ClusterRun
        The result.
    """
    from qtokfeatures.pipelines import find_clusters, make_clustering_pipeline
    from qtokfeatures.viz.projection import project

    features = chosen_features(
        options.features, codec, options.codebooks, n_codebooks=ds.sizes["codebook"]
    )
    pipe = make_clustering_pipeline(
        codec,
        n_clusters=options.n_clusters,
        method=options.method,
        reduce=options.reduce,
        min_cluster_size=options.min_cluster_size,
        features=features,
        seed=options.seed,
    )
    return ClusterRun(
        ds=ds,
        codec=codec,
        pipe=pipe,
        clustering=find_clusters(pipe, ds),
        projection=project(pipe[0].transform(ds).values, seed=options.seed),
        names=names,
        kinds=kinds,
    )


def check_cluster_count(n_clusters: int | None, n_clips: int) -> None:
    """Refuse more clusters than there are clips.

    Parameters
    ----------
    n_clusters : int, optional
        What the user asked for.
    n_clips : int
        How many clips there are.

    Raises
    ------
    typer.BadParameter
        If there are fewer clips.
    """
    if n_clusters is not None and n_clusters > n_clips:
        raise typer.BadParameter(
            f"{n_clusters} clusters cannot be made of {n_clips} clip{'s' if n_clips != 1 else ''}",
            param_hint="'-k'",
        )


def display_names(ds: xr.Dataset) -> list[str]:
    """Return the clips' ids without the endings of audio files."""
    from qtokfeatures.audio.paths import AUDIO_SUFFIXES

    ids = [(name, Path(name).suffix) for name in map(str, ds["clip"].values)]
    return [
        name[: -len(suffix)] if suffix.lower() in AUDIO_SUFFIXES else name for name, suffix in ids
    ]


def known_kinds(ds: xr.Dataset, what: str) -> list[str]:
    """Return what each clip is known to be.

    Parameters
    ----------
    ds : xarray.Dataset
        Codes.
    what : str
        ``"cluster"`` for nothing, ``"folder"`` for the name of the file's folder, or a label.

    Returns
    -------
    list of str
        One per clip; empty strings when nothing is known.

    Raises
    ------
    typer.BadParameter
        If there is no such label.
    """
    from qtokfeatures.labelled.schema import label_names

    if what == "cluster":
        return [""] * ds.sizes["clip"]
    if what == "folder":
        return [Path(str(source)).parent.name for source in ds["source"].values]
    labels = label_names(ds)
    if what not in labels:
        known = ", ".join(["cluster", "folder", *labels])
        raise typer.BadParameter(f"{what!r} is not one of {known}", param_hint="'--color-by'")
    return [str(value) for value in ds[what].values]
