"""Errors as one line, and interruptions without a trace."""

from __future__ import annotations

import os
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from qtokfeatures.apps.interruption import was_interrupted
from qtokfeatures.exceptions import QtokError

INTERRUPTED = 130


class GuardedGroup(TyperGroup):
    """A group of commands that turns what went wrong into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; see the class."""
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
    typer.echo(f"qtok: {' '.join(message.split())}", err=True)
    raise typer.Exit(1) from None


def _is_about_usage(error: Exception) -> bool:
    """Errors of the parser carry their own exit code and show themselves."""
    return hasattr(error, "exit_code")
