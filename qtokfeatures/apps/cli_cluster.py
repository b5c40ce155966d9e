"""``qtok cluster``: sounds into groups, with a table, a map and a page to listen to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_features import Kind, check_kind
from qtokfeatures.apps.cli_inputs import gather_codes, output_folder
from qtokfeatures.apps.cli_options import (
    AsJson,
    Clusters,
    Codebooks,
    CodecName,
    Device,
    Folder,
    Quiet,
    Seed,
    SoundsOrCodes,
)
from qtokfeatures.apps.cluster_run import ClusterRun, run_clustering
from qtokfeatures.apps.file_names import refuse_to_overwrite

if TYPE_CHECKING:
    import xarray as xr


def cluster(
    files: SoundsOrCodes,
    output: Folder,
    n_clusters: Clusters = None,
    kind: Kind = "histogram",
    color_by: Annotated[
        str,
        typer.Option(
            "--color-by",
            metavar="WHAT",
            help="Colour of the map: cluster, folder, or a label of the codes file.",
        ),
    ] = "cluster",
    codebooks: Codebooks = None,
    seed: Seed = 0,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Cluster sounds by their tokens; write labels.csv, map.png and clusters.html."""
    report = Report(as_json=as_json, quiet=quiet)
    check_kind(kind)
    output_folder(output)
    gathered = gather_codes(files, codec=codec, device=device, report=report)
    if gathered is None:
        report.finish({"output": None, "clips": 0}, ["there was nothing to cluster"])
        return
    ds, opened = gathered
    check_cluster_count(n_clusters, ds.sizes["clip"])
    paths = {name: output / name for name in ("labels.csv", "map.png", "clusters.html")}
    refuse_to_overwrite(paths.values(), [*files, *ds["source"].values.tolist()])
    run = run_clustering(
        ds,
        opened,
        n_clusters=n_clusters,
        features=kind,
        codebooks=codebooks,
        seed=seed,
        names=display_names(ds),
        kinds=known_kinds(ds, color_by),
    )
    _write(run, paths, report, color_by)
    sizes = [len(run.clustering.nearest(c)) for c in range(run.clustering.n_clusters)]
    report.finish(
        {
            "output": output,
            "clips": len(run.names),
            "clusters": run.clustering.n_clusters,
            "sizes": sizes,
            "map": run.projection.method,
            "labels": dict(zip(ds["clip"].values.tolist(), run.clustering.labels, strict=True)),
        },
        [
            f"{len(run.names)} clips in clusters of {', '.join(map(str, sizes))}",
            f"map by {run.projection.method}",
            *(f"  {path}" for path in paths.values()),
        ],
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


def _write(run: ClusterRun, paths: dict[str, Path], report: Report, color_by: str) -> None:
    from qtokfeatures.viz.cluster_page import cluster_report, draw_cluster_map
    from qtokfeatures.viz.figures import write_whole

    clips = run.shown_clips(report)
    title = f"{len(clips)} clips by their tokens"
    drawn = draw_cluster_map(clips, run.projection, title=title, kind_title=color_by)
    lead = f"{run.clustering.n_clusters} clusters. Codec: {run.codec.spec.describe()}."
    html = cluster_report(clips, drawn, title=title, lead=lead)
    run.write_labels(paths["labels.csv"])
    write_whole(paths["map.png"], drawn.png)
    write_whole(paths["clusters.html"], html.encode("utf-8"))
