"""Errors as one line, and interruptions without a trace."""

from __future__ import annotations

import os
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from qtokfeatures.exceptions import QtokError

INTERRUPTED = 130


class GuardedGroup(TyperGroup):
    """A group of commands that turns what went wrong into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; see the class."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("qtok: interrupted; no file was left half-written", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except (BrokenPipeError, typer.Exit, typer.Abort):
            raise
        except (QtokError, OSError, MemoryError) as error:
            _explain(str(error) or type(error).__name__, error)
        except Exception as error:
            if _is_about_usage(error):
                raise
            _explain(
                f"internal error, please report it: {type(error).__name__}: {error} "
                "(QTOK_DEBUG=1 shows where)",
                error,
            )


def _explain(message: str, error: BaseException) -> NoReturn:
    if os.environ.get("QTOK_DEBUG", "0") not in {"", "0"}:
        raise error
    typer.echo(f"qtok: {' '.join(message.split())}", err=True)
    raise typer.Exit(1) from None


def _is_about_usage(error: Exception) -> bool:
    """Errors of the parser carry their own exit code and show themselves."""
    return hasattr(error, "exit_code")
