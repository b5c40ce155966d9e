"""Command line tools, run through pipes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from typing import Any, Protocol

from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import CodecError


def run_tool(command: Sequence[str], data: bytes = b"", *, timeout_s: float = 120.0) -> bytes:
    """Run a command line tool on some bytes.

    Parameters
    ----------
    command : sequence of str
        The tool and its arguments.
    data : bytes, default b""
        Its standard input.
    timeout_s : float, default 120.0
        Seconds it may take.

    Returns
    -------
    bytes
        Its standard output.

    Raises
    ------
    CodecError
        If it is missing, fails or takes too long.
    """
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, check=True, timeout=timeout_s
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise CodecError(f"{' '.join(command)} failed with {error.returncode}: {said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CodecError(f"{' '.join(command)} did not run: {error}") from error
    return done.stdout


def missing_tools(*tools: str, package: str) -> str:
    """Say which tools are not on the path.

    Parameters
    ----------
    *tools : str
        Names of the tools.
    package : str
        The package that brings them.

    Returns
    -------
    str
        Empty where all are there.

    Examples
    --------
    >>> missing_tools("no-such-tool", package="no-such-package")
    'no-such-tool not found: install no-such-package'
    """
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return f"{' and '.join(missing)} not found: install {package}" if missing else ""


class Peer(Protocol):
    """A codec to compare with.

    Where a peer needs a tool or package that is not there, :meth:`missing` says so and a bench
    leaves it out, with the reason.
    """

    @property
    def name(self) -> str:
        """What to call it in tables."""

    @property
    def note(self) -> str:
        """Version and parameters, for the reader of the tables."""

    @property
    def delays(self) -> bool:
        """Whether its output may come late, so that its delay has to be found and taken out."""

    def missing(self) -> str:
        """Say why it cannot run here; empty where it can."""

    def encode(self, y: FloatArray, sr: int) -> Any:
        """Turn mono samples into whatever the peer transmits."""

    def decode(self, payload: Any, sr: int) -> FloatArray:
        """Turn it back into samples at rate `sr`; they may come late and differ in length."""

    def n_bits(self, payload: Any) -> int | None:
        """Count the bits transmitted; None where nothing is quantised."""
