"""The command ``qtok``: its commands, and how a run of it ends."""

from __future__ import annotations

from typing import Annotated

import typer

from qtokfeatures import __version__
from qtokfeatures.apps import (
    cli_bench,
    cli_classify,
    cli_cluster,
    cli_codec,
    cli_codes,
    cli_demo,
    cli_features,
    cli_info,
    cli_roundtrip,
    interruption,
)
from qtokfeatures.apps.cli_guard import GuardedGroup

app = typer.Typer(
    name="qtok",
    cls=GuardedGroup,
    help="Neural codec tokens as labelled features, and back to audio.",
    epilog="Exit code: 0 all done, 1 some inputs failed (listed at the end), 2 usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo")(cli_demo.demo)
app.command("info")(cli_info.info)
app.command("encode")(cli_codes.encode)
app.command("decode")(cli_codes.decode)
app.command("roundtrip")(cli_roundtrip.roundtrip)
app.command("features")(cli_features.features)
app.command("cluster")(cli_cluster.cluster)
app.command("verify")(cli_bench.verify)
app.add_typer(cli_classify.app, name="classify")
app.add_typer(cli_codec.app, name="codec")
app.add_typer(cli_bench.app, name="bench")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qtok {__version__}")
        raise typer.Exit


@app.callback()
def qtok(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and leave.",
            is_eager=True,
            callback=_show_version,
        ),
    ] = False,
) -> None:
    """Neural codec tokens as labelled features, and back to audio."""


def main() -> None:
    """Run the command line; what the script ``qtok`` calls."""
    interruption.listen()
    app(prog_name="qtok")
