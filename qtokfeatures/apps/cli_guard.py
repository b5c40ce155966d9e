"""Commands whose errors are one line, and whose interruptions leave no trace."""

from __future__ import annotations

import os
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from qtokfeatures.apps.cli_console import printable, say
from qtokfeatures.apps.interruption import was_interrupted
from qtokfeatures.exceptions import QtokError
from qtokfeatures.studio.failures import RequestError

INTERRUPTED = 130


class JobCommand(TyperCommand):
    """A command whose options are the parameters of a job, which refuses wrong values."""

    def invoke(self, ctx: Any) -> Any:
        """Run the job; a refused value becomes a usage error that names the option."""
        try:
            return super().invoke(ctx)
        except RequestError as error:
            options = {option.name: option for option in self.params}
            named = options.get(error.parameter)
            raise typer.BadParameter(
                str(error), ctx=ctx, param_hint=_shown_name(named) if named else None
            ) from error


def _shown_name(parameter: Any) -> str:
    """Return an option's flags, or an argument's name, as the help shows it."""
    flags = [flag for flag in parameter.opts if flag.startswith("-")]
    return " / ".join(f"'{flag}'" for flag in flags) or f"'{parameter.metavar or parameter.name}'"


class GuardedGroup(TyperGroup):
    """A group of commands that turns errors into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _leave_interrupted()
        except (BrokenPipeError, typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if was_interrupted():
                _leave_interrupted()
            if _is_about_usage(error):
                if hasattr(error, "message"):
                    error.message = printable(error.message)
                raise
            _explain(_described(error), error)


def _leave_interrupted() -> NoReturn:
    typer.echo("qtok: interrupted; no file was left half-written", err=True)
    raise typer.Exit(INTERRUPTED) from None


def _described(error: Exception) -> str:
    if isinstance(error, (QtokError, OSError, MemoryError)):
        return str(error) or type(error).__name__
    return (
        f"internal error, please report it: {type(error).__name__}: {error} "
        "(QTOK_DEBUG=1 shows where)"
    )


def _explain(message: str, error: BaseException) -> NoReturn:
    if os.environ.get("QTOK_DEBUG", "0") not in {"", "0"}:
        raise error
    say(f"qtok: {' '.join(message.split())}", err=True)
    raise typer.Exit(1) from None


def _is_about_usage(error: Exception) -> bool:
    """Return whether an error is one of the parser's, which carry their own exit code."""
    return hasattr(error, "exit_code")
