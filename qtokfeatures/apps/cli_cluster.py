"""``qtok cluster``: sounds into groups, with a table, a map and a page to listen to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_features import Kind
from qtokfeatures.apps.cli_inputs import output_folder
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
from qtokfeatures.studio.cluster_files import write_labelled_array, write_labels
from qtokfeatures.studio.clustering import (
    PROTOTYPES,
    ClusterOptions,
    ClusterRun,
    check_cluster_count,
    display_names,
    known_kinds,
    run_clustering,
)
from qtokfeatures.studio.file_names import refuse_to_overwrite
from qtokfeatures.studio.inputs import check_kind, gather_codes

if TYPE_CHECKING:
    pass


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
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="kmeans|hdbscan",
            help="k-means puts every clip into a cluster, HDBSCAN only those in dense places.",
        ),
    ] = "kmeans",
    reduce: Annotated[
        str | None,
        typer.Option(
            "--reduce",
            metavar="svd|umap",
            help="Reduce the features before; by default they are taken as they are.",
            show_default=False,
        ),
    ] = None,
    min_size: Annotated[
        int, typer.Option("--min-size", min=2, help="Fewest clips in a cluster of HDBSCAN.")
    ] = 5,
    codebooks: Codebooks = None,
    prototype: Annotated[
        str,
        typer.Option(
            metavar="|".join(PROTOTYPES),
            help="What stands for a cluster: its most typical clip, decoded from its tokens, or a "
            "sound made for its centre (some seconds each).",
        ),
    ] = "clip",
    seed: Seed = 0,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Cluster sounds by their tokens; write tables, a map, and a page to look and listen."""
    report = Report(as_json=as_json, quiet=quiet)
    check_kind(kind)
    check_method(method, reduce, n_clusters)
    check_prototype(prototype)
    output_folder(output)
    gathered = gather_codes(files, codec=codec, device=device, report=report)
    if gathered is None:
        report.finish({"output": None, "clips": 0}, ["there was nothing to cluster"])
        return
    ds, opened = gathered
    check_cluster_count(n_clusters, ds.sizes["clip"])
    options = ClusterOptions(
        n_clusters=n_clusters,
        method=method,
        reduce=reduce,
        min_cluster_size=min_size,
        features=kind,
        codebooks=codebooks,
        seed=seed,
    )
    names, kinds = display_names(ds), known_kinds(ds, color_by)
    run = run_clustering(ds, opened, options, names=names, kinds=kinds)
    paths = (
        output / "labels.csv",
        output / "labels.nc",
        output / "map.png",
        output / "clusters.html",
    )
    clusters = range(run.clustering.n_clusters)
    sounds = {cluster: output / f"prototype_{cluster}.wav" for cluster in clusters}
    refuse_to_overwrite([*paths, *sounds.values()], [*files, *ds["source"].values.tolist()])
    _write(run, paths, sounds, report, color_by, prototype)
    sizes = [len(run.clustering.nearest(cluster)) for cluster in clusters]
    alone = len(run.clustering.nearest(-1))
    report.finish(
        {
            "output": output,
            "clips": len(run.names),
            "clusters": run.clustering.n_clusters,
            "sizes": sizes,
            "in no cluster": alone,
            "prototypes": list(sounds.values()),
            "map": run.projection.method,
            "labels": dict(zip(ds["clip"].values.tolist(), run.clustering.labels, strict=True)),
        },
        [
            _summary(len(run.names), sizes, alone),
            f"map by {run.projection.method}",
            *(f"  {path}" for path in (*paths, *sounds.values())),
        ],
    )


def check_method(method: str, reduce: str | None, n_clusters: int | None) -> None:
    """Refuse an unknown way of clustering.

    Parameters
    ----------
    method, reduce : str
        What the user asked for.
    n_clusters : int, optional
        How many clusters the user asked for.

    Raises
    ------
    typer.BadParameter
        If there is none of that name, or HDBSCAN is told a number.
    """
    from qtokfeatures.pipelines.clustering import METHODS, REDUCTIONS

    if method not in METHODS:
        raise typer.BadParameter(
            f"{method!r} is not one of {', '.join(METHODS)}", param_hint="'--method'"
        )
    if reduce is not None and reduce not in REDUCTIONS:
        raise typer.BadParameter(
            f"{reduce!r} is not one of {', '.join(REDUCTIONS)}", param_hint="'--reduce'"
        )
    if method == "hdbscan" and n_clusters is not None:
        raise typer.BadParameter(
            "HDBSCAN finds the number itself; use --min-size instead", param_hint="'-k'"
        )


def check_prototype(prototype: str) -> None:
    """Refuse an unknown kind of prototype.

    Parameters
    ----------
    prototype : str
        What the user asked for.

    Raises
    ------
    typer.BadParameter
        If there is none of that name.
    """
    if prototype not in PROTOTYPES:
        raise typer.BadParameter(
            f"{prototype!r} is not one of {', '.join(PROTOTYPES)}", param_hint="'--prototype'"
        )


def _write(
    run: ClusterRun,
    paths: tuple[Path, Path, Path, Path],
    sounds: dict[int, Path],
    report: Report,
    color_by: str,
    prototype: str,
) -> None:
    from qtokfeatures.audio import write_audio
    from qtokfeatures.studio.cluster_page import SoundOfCluster, cluster_report, draw_cluster_map
    from qtokfeatures.studio.listening import compact_uri
    from qtokfeatures.viz.figures import write_whole

    table, array, picture, page = paths
    clips = run.shown_clips(report)
    title = f"{len(clips)} clips by their tokens"
    drawn = draw_cluster_map(clips, run.projection, title=title, kind_title=color_by)
    lead = f"{run.clustering.n_clusters} clusters. Codec: {run.codec.spec.describe()}."
    prototypes = run.prototypes(prototype, report)
    heard = {
        cluster: SoundOfCluster(compact_uri(one.y, one.sr), one.origin)
        for cluster, one in prototypes.items()
    }
    html = cluster_report(clips, drawn, title=title, lead=lead, prototypes=heard)
    write_labels(run, table)
    write_labelled_array(run, array)
    write_whole(picture, drawn.png)
    write_whole(page, html.encode("utf-8"))
    for cluster, one in prototypes.items():
        write_audio(sounds[cluster], one.y, one.sr)


def _summary(n_clips: int, sizes: list[int], alone: int) -> str:
    groups = f"clusters of {', '.join(map(str, sizes))}" if sizes else "no clusters"
    return f"{n_clips} clips in {groups}" + (f"; {alone} in none" if alone else "")
