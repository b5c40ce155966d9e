"""``qtok demo``, ``encode``, ``decode``, ``roundtrip``, ``features`` and ``cluster``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtokfeatures import studio
from qtokfeatures.apps.cli_console import Report
from qtokfeatures.apps.cli_options import (
    AsJson,
    Cache,
    Channels,
    Clusters,
    Codebooks,
    CodecName,
    Device,
    Features,
    Folder,
    Quiet,
    Refine,
    Seed,
    Sounds,
    SoundsOrCodes,
    Threads,
)

if TYPE_CHECKING:
    from qtokfeatures.studio import Demo


def demo(
    output: Folder = Path("demo"),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            exists=True,
            help="Folder of recordings; by default the bundled sounds.",
            show_default=False,
        ),
    ] = None,
    n_clusters: Clusters = None,
    seed: Seed = 0,
    codec: CodecName = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Cluster sounds by their tokens, draw the map, decode some, and write a page about it."""
    report = Report(as_json=as_json, quiet=quiet, threads=threads)
    with report.job("nothing could be encoded") as on_progress:
        done = studio.run_demo(
            output=output,
            data=data,
            n_clusters=n_clusters,
            seed=seed,
            codec=codec,
            device=device,
            on_progress=on_progress,
        )
    report.finish(
        {
            "output": output,
            "files": list(done.files.values()),
            "clips": done.dataset.sizes["clip"],
            "clusters": done.n_clusters,
            "encode_s": done.encode_s,
            "decoded": [{"name": one.name, **one.numbers} for one in done.roundtrips],
        },
        _demo_lines(done),
        done.failures,
    )


def encode(
    files: Sounds,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="Codes file to write: .nc or .zarr."),
    ],
    refine: Refine = 0,
    codec: CodecName = None,
    channels: Channels = "mix",
    cache: Cache = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Encode audio into a file of codes."""
    from qtokfeatures.studio.descriptions import codes_line, describe_codes

    report = Report(as_json=as_json, quiet=quiet, threads=threads)
    with report.job("nothing was encoded") as on_progress:
        done = studio.encode_files(
            files,
            output=output,
            codec=codec,
            channels=channels,
            cache=cache,
            device=device,
            refine=refine,
            on_progress=on_progress,
        )
    report.finish(
        {"output": output, **describe_codes(done.dataset)},
        [f"{output}: {codes_line(done.dataset)}"],
        done.failures,
    )


def decode(
    codes: Annotated[Path, typer.Argument(metavar="CODES", help="Codes file: .nc or .zarr.")],
    output: Folder,
    codebooks: Codebooks = None,
    audio_format: Annotated[
        str, typer.Option("--format", metavar="wav|flac|ogg", help="Format of the audio files.")
    ] = "wav",
    codec: CodecName = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Decode a file of codes into one audio file per clip, at its original rate and length."""
    report = Report(as_json=as_json, quiet=quiet, threads=threads)
    with report.stages() as on_progress:
        made = studio.decode_files(
            codes,
            output=output,
            codebooks=codebooks,
            audio_format=audio_format,
            codec=codec,
            device=device,
            on_progress=on_progress,
        )
    report.finish(
        {"output": output, "files": made},
        [f"{output}: {len(made)} audio files decoded from {codes}"],
    )


def roundtrip(
    files: Sounds,
    output: Folder,
    codebooks: Codebooks = None,
    refine: Refine = 0,
    codec: CodecName = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Encode and decode audio; write both versions, pictures, numbers and a page to compare."""
    report = Report(as_json=as_json, quiet=quiet, threads=threads)
    with report.job("nothing was encoded", {"output": None, "clips": []}) as on_progress:
        done = studio.roundtrip_files(
            files,
            output=output,
            codebooks=codebooks,
            refine=refine,
            codec=codec,
            device=device,
            on_progress=on_progress,
        )
    clips = [
        {"name": one.name, **one.numbers, **(asdict(one.facts) if one.facts else {})}
        for one in done.roundtrips
    ]
    report.finish(
        {"output": output, "report": done.page, "clips": clips},
        [*map(_clip_line, clips), f"Open {done.page} in a browser to listen and compare."],
        done.failures,
    )


def features(
    files: SoundsOrCodes,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Table to write: .csv, .nc or .parquet."
        ),
    ],
    features: Features = "histogram",
    codebooks: Codebooks = None,
    codec: CodecName = None,
    channels: Channels = "mix",
    cache: Cache = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Convert audio or codes into a table with one row of features per clip."""
    report = Report(as_json=as_json, quiet=quiet, threads=threads)
    with report.job("there was nothing to make features of") as on_progress:
        done = studio.compute_features(
            files,
            output=output,
            features=features,
            codebooks=codebooks,
            codec=codec,
            channels=channels,
            cache=cache,
            device=device,
            on_progress=on_progress,
        )
    n_clips, n_features = done.table.shape
    report.finish(
        {"output": output, "clips": n_clips, "features": n_features, "kind": features},
        [f"{output}: {n_clips:,} clips × {n_features:,} features ({features})"],
        done.failures,
    )


def cluster(
    files: SoundsOrCodes,
    output: Folder,
    n_clusters: Clusters = None,
    features: Features = "histogram",
    color_by: Annotated[
        str,
        typer.Option(
            "--color-by",
            metavar="NAME",
            help="Colour of the map: cluster, folder, or a label of the codes file.",
        ),
    ] = "cluster",
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="kmeans|hdbscan",
            help="k-means puts every clip into a cluster, HDBSCAN only those in dense regions.",
        ),
    ] = "kmeans",
    reduce: Annotated[
        str | None,
        typer.Option(
            "--reduce",
            metavar="svd|umap",
            help="Reduction of the features before clustering; by default none.",
            show_default=False,
        ),
    ] = None,
    min_cluster_size: Annotated[
        int,
        typer.Option(
            "--min-size", metavar="N", min=2, help="Minimum number of clips in a cluster (HDBSCAN)."
        ),
    ] = 5,
    codebooks: Codebooks = None,
    prototype: Annotated[
        str,
        typer.Option(
            "--prototype",
            metavar="clip|centre",
            help="Sound of a cluster: its most typical clip, decoded from its tokens, or one made "
            "for its centre (some seconds each).",
        ),
    ] = "clip",
    seed: Seed = 0,
    codec: CodecName = None,
    channels: Channels = "mix",
    cache: Cache = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Cluster sounds by their tokens; write tables, a map, and an HTML page with players."""
    report = Report(as_json=as_json, quiet=quiet, threads=threads)
    with report.job("there was nothing to cluster") as on_progress:
        done = studio.cluster_files(
            files,
            output=output,
            n_clusters=n_clusters,
            features=features,
            color_by=color_by,
            method=method,
            reduce=reduce,
            min_cluster_size=min_cluster_size,
            codebooks=codebooks,
            prototype=prototype,
            seed=seed,
            codec=codec,
            channels=channels,
            cache=cache,
            device=device,
            on_progress=on_progress,
        )
    found, clips = done.clustering, done.dataset["clip"].values.tolist()
    sizes = [len(found.nearest(cluster)) for cluster in range(found.n_clusters)]
    alone = len(found.nearest(-1))
    report.finish(
        {
            "output": output,
            "clips": len(clips),
            "clusters": found.n_clusters,
            "sizes": sizes,
            "in no cluster": alone,
            "prototypes": done.prototypes,
            "map": done.dataset.attrs["map"],
            "labels": dict(zip(clips, found.labels, strict=True)),
        },
        [
            _cluster_line(len(clips), sizes, alone),
            f"map by {done.dataset.attrs['map']}",
            *(f"  {path}" for path in done.files),
        ],
        done.failures,
    )


def _demo_lines(done: Demo) -> list[str]:
    seconds = float(done.dataset["duration"].sum())
    sizes = done.dataset.sizes
    width = max(len(str(path)) for path in done.files.values())
    encoded = (
        f"{sizes['clip']} clips, {seconds:,.1f} s of audio: {sizes['codebook']} × "
        f"{sizes['frame']:,} codes of {done.dataset.qtok.spec.name} in {done.encode_s:.1f} s, "
        f"{seconds / done.encode_s:,.0f} times faster than real time"
    )
    return [
        encoded,
        f"{done.n_clusters} clusters; map by {done.projection}",
        *(
            f"{one.name}: decoded from {one.bit_rate / 1000:.2f} kbit/s, log-mel distance "
            f"{one.numbers['log_mel_distance']:.3f}"
            for one in done.roundtrips
        ),
        "",
        *(f"  {path!s:<{width}}  {what}" for what, path in done.files.items()),
        "",
        f"Open {next(iter(done.files.values()))} in a browser.",
    ]


def _clip_line(clip: Mapping[str, Any]) -> str:
    from qtokfeatures.studio.roundtrip import speed_text

    refined = f" (refine={clip['refine']})" if clip["refine"] else ""
    mixed = f" (mean of {clip['channels']} channels)" if clip["channels"] > 1 else ""
    return (
        f"{clip['name']}: {clip['duration_s']:.2f} s{mixed}, {clip['codebooks']} × "
        f"{clip['frames']} codes, {clip['bit_rate']:,.0f} bit/s, "
        f"log-mel distance {clip['log_mel_distance']:.3f}, "
        f"encoded{refined} {speed_text(clip['encode_speed'])} and decoded "
        f"{speed_text(clip['decode_speed'])} times faster than real time"
    )


def _cluster_line(n_clips: int, sizes: list[int], alone: int) -> str:
    groups = f"clusters of {', '.join(map(str, sizes))}" if sizes else "no clusters"
    return f"{n_clips} clips in {groups}" + (f"; {alone} in none" if alone else "")
