"""``qtok demo``: the main job once, on the bundled sounds or on a folder of one's own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_inputs import output_folder
from qtokfeatures.apps.cli_options import AsJson, Clusters, CodecName, Device, Quiet, Seed
from qtokfeatures.exceptions import InputError
from qtokfeatures.studio.cluster_files import write_labels
from qtokfeatures.studio.clustering import (
    ClusterOptions,
    ClusterRun,
    check_cluster_count,
    display_names,
    known_kinds,
    run_clustering,
)
from qtokfeatures.studio.file_names import file_stems, refuse_to_overwrite
from qtokfeatures.studio.inputs import encode_sounds, find_sounds, open_codec
from qtokfeatures.studio.roundtrip_page import warm_up, write_page

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from qtokfeatures.studio.roundtrip import Roundtrip

_MOST_DECODED = 3


@dataclass(frozen=True, eq=False)
class Material:
    """What the demo works on.

    Parameters
    ----------
    sounds : sequence of str
        Paths of audio files.
    title : str
        What the page is called.
    labels : pandas.DataFrame, optional
        What each of them is: a column ``file`` and labels; None for recordings of one's own.
    decoded : sequence of str
        Paths of the clips to decode and compare; typical ones of the clusters when empty.
    """

    sounds: Sequence[str]
    title: str
    labels: pd.DataFrame | None = None
    decoded: Sequence[str] = ()


def demo(
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="Folder to write to; made if absent."),
    ] = Path("demo"),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FOLDER",
            exists=True,
            help="Recordings of your own, instead of the bundled sounds.",
            show_default=False,
        ),
    ] = None,
    n_clusters: Clusters = None,
    seed: Seed = 0,
    codec: CodecName = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Cluster sounds by their tokens, draw the map, decode some, and write a page of it all."""
    report = Report(as_json=as_json, quiet=quiet)
    material = _own_material(data, output, report) if data else _bundled_material()
    output_folder(output)
    opened = open_codec(codec, device)
    warm_up(opened)
    start = time.perf_counter()
    ds = encode_sounds(opened, material.sounds, report)
    encode_s = time.perf_counter() - start
    if ds is None:
        report.finish({"output": None, "clips": 0}, ["nothing could be encoded"])
        return
    check_cluster_count(n_clusters, ds.sizes["clip"])
    if material.labels is not None:
        ds = ds.qtok.with_labels(material.labels, on="file")
    run = run_clustering(
        ds,
        opened,
        ClusterOptions(n_clusters=n_clusters, seed=seed),
        names=display_names(ds),
        kinds=_kinds(ds, material),
    )
    roundtrips = _roundtrips(run, material)
    paths = _write(run, roundtrips, material, output, report)
    report.finish(
        {
            "output": output,
            "files": list(paths.values()),
            "clips": len(run.names),
            "clusters": run.clustering.n_clusters,
            "encode_s": encode_s,
            "decoded": [{"name": one.name, **one.numbers} for one in roundtrips.values()],
        },
        _summary(run, roundtrips, paths, encode_s),
    )


def _bundled_material() -> Material:
    from qtokfeatures.examples_audio import example_file, example_files, example_labels

    return Material(
        sounds=[str(path) for path in example_files()],
        title="Bundled sounds by their tokens",
        labels=example_labels(),
        decoded=[str(example_file("guitar_phrase"))],
    )


def _own_material(data: Path, output: Path, report: Report) -> Material:
    sounds = find_sounds([str(data)], report, output=output)
    if not sounds and not report.failures:
        raise InputError(f"{data}: holds no audio files besides those in {output}")
    return Material(sounds=sounds, title=f"{data.resolve().name}: clips by their tokens")


def _kinds(ds: xr.Dataset, material: Material) -> list[str]:
    """Say what clips are: by their label, or by their folder when there are several."""
    if material.labels is not None:
        return known_kinds(ds, "label")
    folders = known_kinds(ds, "folder")
    return folders if len(set(folders)) > 1 else known_kinds(ds, "cluster")


def _roundtrips(run: ClusterRun, material: Material) -> dict[str, Roundtrip]:
    """Decode the chosen clips, or the most typical one of each of the largest clusters."""
    from qtokfeatures.audio import load_audio
    from qtokfeatures.audio.paths import AUDIO_SUFFIXES
    from qtokfeatures.studio.roundtrip import make_roundtrip

    sources = run.ds["source"].values.tolist()
    chosen = [sources.index(path) for path in material.decoded]
    rows = chosen or run.clustering.most_typical()[:_MOST_DECODED]
    stems = file_stems((str(run.ds["clip"].values[row]) for row in rows), suffixes=AUDIO_SUFFIXES)
    return {
        stem: make_roundtrip(run.codec, load_audio(sources[row]), name=run.names[row])
        for row, stem in zip(rows, stems, strict=True)
    }


def _write(
    run: ClusterRun,
    roundtrips: Mapping[str, Roundtrip],
    material: Material,
    output: Path,
    report: Report,
) -> dict[str, Path]:
    """Write everything, and say what is where."""
    from qtokfeatures.audio import write_audio
    from qtokfeatures.studio.cluster_page import draw_cluster_map
    from qtokfeatures.studio.demo_page import demo_report
    from qtokfeatures.studio.roundtrip_page import roundtrip_pictures
    from qtokfeatures.viz.figures import write_whole

    decoded = {output / f"{stem}_decoded.wav": one for stem, one in roundtrips.items()}
    names = ("report.html", "map.png", "labels.csv", "codes.nc")
    page, picture, labels, codes = (output / name for name in names)
    refuse_to_overwrite([page, picture, labels, codes, *decoded], material.sounds)
    clips = run.shown_clips(report)
    kind_title = "" if material.labels is not None else "folder"
    drawn = draw_cluster_map(clips, run.projection, title=material.title, kind_title=kind_title)
    compared = [(one, roundtrip_pictures(one)) for one in roundtrips.values()]
    write_page(page, demo_report(clips, drawn, compared, title=material.title, lead=_lead(run)))
    write_whole(picture, drawn.png)
    write_labels(run, labels)
    run.ds.qtok.save(codes)
    for path, one in decoded.items():
        write_audio(path, one.y_hat, one.sr)
    return {
        "the map, every cluster to listen to, decoded beside original": page,
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
        f"clusters without knowing what they are. Codec: {run.codec.spec.describe()}."
    )


def _summary(
    run: ClusterRun,
    roundtrips: Mapping[str, Roundtrip],
    paths: Mapping[str, Path],
    encode_s: float,
) -> list[str]:
    seconds = float(run.ds["duration"].sum())
    width = max(len(str(path)) for path in paths.values())
    encoded = (
        f"{len(run.names)} clips, {seconds:,.1f} s of audio: {run.ds.sizes['codebook']} × "
        f"{run.ds.sizes['frame']:,} codes of {run.codec.spec.name} in {encode_s:.1f} s, "
        f"{seconds / encode_s:,.0f} times faster than real time"
    )
    return [
        encoded,
        f"{run.clustering.n_clusters} clusters; map by {run.projection.method}",
        *(
            f"{one.name}: decoded from {one.bit_rate / 1000:.2f} kbit/s, log-mel distance "
            f"{one.numbers['log_mel_distance']:.3f}"
            for one in roundtrips.values()
        ),
        "",
        *(f"  {path!s:<{width}}  {what}" for what, path in paths.items()),
        "",
        f"Open {next(iter(paths.values()))} in a browser.",
    ]
