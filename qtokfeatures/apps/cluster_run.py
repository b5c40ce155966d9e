"""Codes → clusters, a map, and what a page and a table show of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_features import compute_features
from qtokfeatures.apps.clustering import Clustering, cluster_clips
from qtokfeatures.exceptions import QtokError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from qtokfeatures.codecs import Codec
    from qtokfeatures.viz.cluster_page import ClusteredClip
    from qtokfeatures.viz.projection import Projection

_MOST_PLAYERS = 60
_EXCERPT_S = 6.0
_EXCERPT_SR = 24000


@dataclass(frozen=True, eq=False)
class ClusterRun:
    """Clips that were clustered, and all that is known of them.

    Parameters
    ----------
    ds : xarray.Dataset
        Their codes.
    codec : Codec
        The codec of the codes.
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
        from qtokfeatures.viz.cluster_page import ClusteredClip

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

    def write_labels(self, path: Path) -> None:
        """Write one row per clip: its cluster, its place on the map, and its labels."""
        import pandas as pd

        from qtokfeatures.labelled.replacing import replacing

        coords = {
            str(name): coord.values
            for name, coord in self.ds.coords.items()
            if coord.dims == ("clip",) and name != "clip"
        }
        found = {
            "clip": self.ds["clip"].values,
            "cluster": self.clustering.labels,
            "x": self.projection.xy[:, 0],
            "y": self.projection.xy[:, 1],
        }
        table = pd.DataFrame(found | {n: v for n, v in coords.items() if n not in found})
        with replacing(path) as fresh:
            table.to_csv(fresh, index=False, encoding="utf-8", float_format="%.6g")

    def _heard(self) -> set[int]:
        """Choose clips to hear: of every cluster equally many, the most typical first."""
        if len(self.names) <= _MOST_PLAYERS:
            return set(range(len(self.names)))
        each = max(2, _MOST_PLAYERS // self.clustering.n_clusters)
        clusters = range(self.clustering.n_clusters)
        return {row for cluster in clusters for row in self.clustering.nearest(cluster)[:each]}

    def _player(self, row: int) -> str:
        from qtokfeatures.viz.listening import compact_uri

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


def run_clustering(
    ds: xr.Dataset,
    codec: Codec,
    *,
    n_clusters: int | None,
    features: str,
    codebooks: int | None,
    seed: int,
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
    n_clusters : int, optional
        How many clusters; chosen by silhouette by default.
    features : str
        Which features.
    codebooks : int, optional
        Only the first so many.
    seed : int
        Seed of clustering and map.
    names : sequence of str
        What each clip is called on the page.
    kinds : sequence of str
        What each clip is known to be; empty strings when nothing is known.

    Returns
    -------
    ClusterRun
        The result.
    """
    from qtokfeatures.viz.projection import project

    table = compute_features(ds, codec, kind=features, codebooks=codebooks).values
    return ClusterRun(
        ds=ds,
        codec=codec,
        clustering=cluster_clips(table, n_clusters, seed=seed),
        projection=project(table, seed=seed),
        names=names,
        kinds=kinds,
    )
