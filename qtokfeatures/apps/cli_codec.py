"""``qtok codec``: list, download and train codecs."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from qtokfeatures.apps import cli_train
from qtokfeatures.apps.cli_console import print_json, print_table, say
from qtokfeatures.apps.cli_options import AsJson

if TYPE_CHECKING:
    from qtokfeatures.labelled import CodecSpec

app = typer.Typer(help="List, download and train codecs.", no_args_is_help=True)


@app.callback()
def codec() -> None:
    """List, download and train codecs."""


app.command("train")(cli_train.train)


@app.command("list")
def list_codecs(as_json: AsJson = False) -> None:
    """List the codecs that can be loaded by name, without downloading any."""
    from qtokfeatures.codecs import list_codecs as known_names
    from qtokfeatures.codecs import load_codec
    from qtokfeatures.codecs.hub import is_repository_name

    names = known_names()
    specs = {n: load_codec(n, device="cpu").spec for n in names if not is_repository_name(n)}
    if as_json:
        entries = [asdict(specs[name]) if name in specs else {"name": name} for name in names]
        print_json({"codecs": entries})
        return
    print_table(
        {
            "name": "left",
            "Hz": "right",
            "frames/s": "right",
            "codebooks": "right",
            "kbit/s": "right",
            "fingerprint": "left",
        },
        [_row(specs[name]) if name in specs else _downloaded_row(name) for name in names],
    )


@app.command("pull")
def pull(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of a codec on the hub.")
    ] = "Qwen/Qwen3-TTS-Tokenizer-12Hz",
    revision: Annotated[
        str | None,
        typer.Option(
            "--revision", metavar="REV", help="Branch, tag or commit; by default the tested one."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download the weights of a codec into the hub's cache, for use without a network."""
    from qtokfeatures.codecs.registry import pull_codec

    folder, commit = pull_codec(name, revision=revision)
    if as_json:
        print_json({"name": name, "commit": commit, "folder": str(folder)})
        return
    say(f"{name} (commit {commit}) is in {folder}")


def _downloaded_row(name: str) -> tuple[object, ...]:
    return (name, "", "", "", "", "downloaded when first used")


def _row(spec: CodecSpec) -> tuple[object, ...]:
    kbit_rate = spec.n_codebooks * math.log2(spec.codebook_size) * spec.frame_rate / 1000
    return (
        spec.name,
        spec.sample_rate,
        f"{spec.frame_rate:g}",
        f"{spec.n_codebooks} × {spec.codebook_size}",
        f"{kbit_rate:.2f}",
        spec.fingerprint,
    )
