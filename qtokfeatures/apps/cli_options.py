"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Sounds = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES...",
        help="Audio files, folders (searched), patterns or URLs; a.wav#t=1,2 is an excerpt.",
    ),
]
SoundsOrCodes = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES...",
        help="Audio files, folders (searched), patterns or URLs; codes files (.nc, .zarr).",
    ),
]
CodecName = Annotated[
    str | None,
    typer.Option(
        "--codec",
        metavar="NAME",
        help="Name or folder of a codec; by default mini, or the codec that made the codes.",
        show_default=False,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="NAME", help="Device of the codec: auto, cpu, cuda, cuda:1, mps."
    ),
]
Channels = Annotated[
    str,
    typer.Option(
        "--channels",
        metavar="mix|separate",
        help="Average the channels of a file, or make each a clip of its own.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        envvar="QTOK_CACHE",
        help="Folder in which codes are cached; by default no cache.",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="Threads of the codec on a CPU; by default 1 for mini and torch's number for large "
        "codecs.",
        show_default=False,
    ),
]
Features = Annotated[
    str,
    typer.Option(
        "--features",
        metavar="histogram|embedding|both",
        help="Token histogram, embedding statistics, or both.",
    ),
]
Codebooks = Annotated[
    int | None,
    typer.Option(
        "--codebooks",
        metavar="N",
        min=1,
        help="Only the first N codebooks, the coarsest; by default all.",
        show_default=False,
    ),
]
Clusters = Annotated[
    int | None,
    typer.Option(
        "-k",
        "--clusters",
        metavar="N",
        min=1,
        help="Number of clusters; by default the number from 2 to 12 with the best silhouette.",
        show_default=False,
    ),
]
Refine = Annotated[
    int,
    typer.Option(
        "--refine",
        metavar="STEPS",
        min=0,
        help="Optimisation steps that bring the decoded audio closer to the original; slower; mini "
        "only.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON; no progress bar.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress bar and no summary; errors only.")
]
Folder = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="DIR", help="Folder to write to; created if missing."),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, help="Seed of the random numbers.")
]
