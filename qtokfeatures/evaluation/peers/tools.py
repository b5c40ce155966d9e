"""Command line tools, run through pipes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

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
