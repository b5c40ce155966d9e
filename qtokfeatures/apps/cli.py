"""The command ``qtok``: its commands, and how a run of it ends."""

from __future__ import annotations

import warnings
from typing import Annotated

import typer

from qtokfeatures import __version__
from qtokfeatures.apps import (
    cli_bench,
    cli_classify,
    cli_codec,
    cli_info,
    cli_jobs,
    interruption,
)
from qtokfeatures.apps.cli_console import show_warning
from qtokfeatures.apps.cli_guard import GuardedGroup, JobCommand

app = typer.Typer(
    name="qtok",
    cls=GuardedGroup,
    help="Neural codec tokens as labelled features, and back to audio.",
    epilog="Exit code: 0 all done, 1 some inputs failed (listed at the end), 2 invalid usage, "
    "130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo", cls=JobCommand)(cli_jobs.demo)
app.command("info")(cli_info.info)
app.command("encode", cls=JobCommand)(cli_jobs.encode)
app.command("decode", cls=JobCommand)(cli_jobs.decode)
app.command("roundtrip", cls=JobCommand)(cli_jobs.roundtrip)
app.command("features", cls=JobCommand)(cli_jobs.features)
app.command("cluster", cls=JobCommand)(cli_jobs.cluster)
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
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and exit.",
            is_eager=True,
            callback=_show_version,
        ),
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            min=1,
            help="Threads of the codec on a CPU, for every command; by default 1 for mini and "
            "torch's number for large codecs.",
        ),
    ] = None,
) -> None:
    """Neural codec tokens as labelled features, and back to audio."""
    if threads is not None:
        from qtokfeatures.codecs.threads import use_threads

        context.with_resource(use_threads(threads))


def main() -> None:
    """Run the command line; what the script ``qtok`` calls."""
    interruption.listen()
    warnings.showwarning = show_warning
    app(prog_name="qtok")
