"""Ctrl-C and kill in a process of its own: whole files or none."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from qtokfeatures.apps import interruption

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def stalling_url() -> Iterator[tuple[str, threading.Event]]:
    """Serve a sound whose second half never comes; the event tells that it was asked for."""
    asked, over = threading.Event(), threading.Event()

    class Stall(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"RIFF")
            self.wfile.flush()
            asked.set()
            over.wait(60)

        def log_message(self, *args: object) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Stall)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/slow.wav", asked
    over.set()
    server.shutdown()
    server.server_close()


def _interrupt(
    arguments: list[str], asked: threading.Event, number: signal.Signals
) -> tuple[int, str, str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "qtokfeatures.apps", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asked.wait(120), process.communicate(timeout=10)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_interrupting_encode_leaves_nothing(sounds: Path, tmp_path: Path, stalling_url) -> None:
    url, asked = stalling_url
    out = tmp_path / "out" / "codes.nc"
    arguments = ["encode", str(sounds), url, "-o", str(out)]
    code, printed, err = _interrupt(arguments, asked, signal.SIGINT)
    assert (code, printed) == (130, "")
    assert err == "qtok: interrupted; no file was left half-written\n"
    assert list(out.parent.iterdir()) == []


@pytest.mark.slow
def test_interrupting_roundtrip_leaves_whole_files(sounds, tmp_path, stalling_url) -> None:
    url, asked = stalling_url
    out = tmp_path / "out"
    arguments = ["roundtrip", str(sounds / "a.wav"), url, "-o", str(out)]
    code, _, err = _interrupt(arguments, asked, signal.SIGINT)
    assert code == 130
    assert "Traceback" not in err
    assert {path.suffix for path in out.iterdir()} == {".wav", ".png"}
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_a_polite_kill_leaves_nothing_either(sounds: Path, tmp_path: Path, stalling_url) -> None:
    url, asked = stalling_url
    out = tmp_path / "out" / "codes.zarr"
    arguments = ["encode", str(sounds), url, "-o", str(out)]
    code, _, err = _interrupt(arguments, asked, signal.SIGTERM)
    assert code == 128 + signal.SIGTERM
    assert "Traceback" not in err
    assert list(out.parent.iterdir()) == []


def test_the_command_itself(sounds: Path, broken: Path, tmp_path: Path) -> None:
    """No runner in between: exit code, streams and paths as a shell has them."""
    command = [sys.executable, "-m", "qtokfeatures.apps", "encode", str(sounds), str(broken)]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "ö ut" / "c.nc")],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1
    assert "5 clips" in done.stdout
    assert "1 input failed:" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


@pytest.fixture
def _interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    asked.set()
    monkeypatch.setattr("qtokfeatures.apps.interruption._asked", asked)


@pytest.mark.usefixtures("_interrupted")
def test_an_interrupt_that_a_library_swallowed_ends_the_run_before_the_next_file(
    qtok, sounds: Path
) -> None:
    ran = qtok("roundtrip", sounds / "a.wav", "-o", "out")
    assert ran.code == 130
    assert list(Path("out").iterdir()) == []


@pytest.mark.usefixtures("_interrupted")
def test_an_interrupt_that_came_out_as_another_error(qtok, sounds: Path, monkeypatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError

    monkeypatch.setattr("qtokfeatures.codecs.load_codec", fail)
    ran = qtok("encode", sounds, "-o", "codes.nc")
    assert ran.code == 130
    assert ran.err == "qtok: interrupted; no file was left half-written\n"


def test_what_libsndfile_makes_of_an_interrupt_is_not_shown(capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", interruption._quiet_about_interrupts)

    class Interrupting(io.BytesIO):
        def write(self, *args: object) -> int:
            raise KeyboardInterrupt

    with pytest.raises((AssertionError, sf.LibsndfileError)):
        sf.write(Interrupting(), np.zeros(9), 24000, format="WAV")
    assert capsys.readouterr().err == ""
