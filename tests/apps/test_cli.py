"""The command itself: help, version, errors, what it imports."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from qtokfeatures import __version__
from qtokfeatures.exceptions import InputError

COMMANDS = ["demo", "info", "encode", "decode", "roundtrip", "features", "cluster", "verify"]


def test_help_lists_the_commands_and_the_exit_codes(qtok) -> None:
    ran = qtok("--help")
    assert ran.code == 0
    assert all(command in ran.out for command in [*COMMANDS, "codec", "bench"])
    assert "0 all done, 1 some inputs failed" in ran.out


@pytest.mark.parametrize("command", [*COMMANDS, "codec", "codec list", "bench", "bench codec"])
def test_each_command_has_help(qtok, command: str) -> None:
    ran = qtok(*command.split(), "-h")
    assert ran.code == 0
    assert "Usage" in ran.out


def test_version(qtok) -> None:
    ran = qtok("--version")
    assert (ran.code, ran.out) == (0, f"qtok {__version__}\n")


def test_an_unknown_command_is_usage(qtok) -> None:
    assert qtok("enkode").code == 2


def test_a_missing_argument_is_usage(qtok) -> None:
    assert qtok("encode", "-o", "codes.nc").code == 2


def test_help_loads_no_heavy_package() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from qtokfeatures.apps.cli import app;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "print([n for n in ('torch', 'matplotlib', 'sklearn', 'xarray', 'pandas', 'numpy',"
        " 'umap', 'soundfile') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("qtokfeatures.codecs.load_codec", fail)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("no such thing:\n  look here"), "qtok: no such thing: look here\n"),
        (
            PermissionError(13, "Permission denied", "x"),
            "qtok: [Errno 13] Permission denied: 'x'\n",
        ),
        (ZeroDivisionError("by 0"), "qtok: internal error, please report it: ZeroDivisionError"),
    ],
)
def test_errors_are_one_line(qtok, sounds, monkeypatch, error: Exception, line: str) -> None:
    _fail_with(error, monkeypatch)
    ran = qtok("encode", sounds, "-o", "codes.nc")
    assert ran.code == 1
    assert ran.err.startswith(line)
    assert ran.err.count("\n") == 1
    assert ran.out == ""


def test_debugging_shows_the_traceback(qtok, sounds, monkeypatch) -> None:
    monkeypatch.setenv("QTOK_DEBUG", "1")
    error = InputError("here")
    _fail_with(error, monkeypatch)
    assert qtok("encode", sounds, "-o", "codes.nc").exception is error


def test_a_reader_that_leaves_early_is_no_error(sounds) -> None:
    command = f'"{sys.executable}" -m qtokfeatures.apps info --json "{sounds}" | head -c 1'
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, env=os.environ
    )
    assert "Traceback" not in done.stderr
