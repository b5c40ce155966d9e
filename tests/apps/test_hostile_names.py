"""Names as a stranger gives them: on the terminal, in tables and as paths."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

from qtokfeatures.apps.cli_console import printable, show_warning
from qtokfeatures.studio.output_files import write_table

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names that Windows forbids")

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\udcff"


@pytest.fixture(autouse=True)
def _no_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtokfeatures.viz.projection._umap_fits", lambda table: False)


def tone(source: Path, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    shutil.copy(source, path)


def is_plain(text: str) -> bool:
    return not any(
        (ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160 or char in "\u202e\udcff"
        for char in text
    )


def test_escapes_in_names_of_files_are_shown_not_obeyed(qtok, sounds: Path, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    tone(sounds / "a.wav", folder / f"good{ESCAPES}.wav")
    (folder / f"bad{ESCAPES}.wav").write_bytes(b"RIFF")
    for arguments in (["info", folder], ["roundtrip", folder, "-o", "out"]):
        ran = qtok(*arguments)
        assert ran.code == 1
        assert is_plain(ran.out + ran.err)
        assert r"\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\udcff" in ran.out
        assert r"\x1b]0;owned\x07" in ran.err


def test_a_name_with_a_line_break_adds_no_line(qtok, tmp_path: Path) -> None:
    (tmp_path / "a.wav\n0 inputs failed:").write_bytes(b"RIFF")
    ran = qtok("encode", tmp_path / "a.wav\n0 inputs failed:", "-o", "c.nc")
    assert ran.err.count("\n") == 2


def test_json_keeps_the_name_and_prints_it_escaped(qtok, tmp_path: Path) -> None:
    path = tmp_path / f"bad{ESCAPES}.wav"
    path.write_bytes(b"RIFF")
    ran = qtok("info", path, "--json")
    assert is_plain(ran.out)
    assert json.loads(ran.out)["failed"][0]["source"] == str(path)


@pytest.mark.parametrize("argument", ["--data", "--\x1b[31m"])
def test_usage_errors_are_plain(qtok, argument: str) -> None:
    ran = qtok("demo", argument, "no\x1b[31m")
    assert ran.code == 2
    assert is_plain(ran.err)


def test_the_reason_of_a_server_is_escaped(qtok) -> None:
    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404, "gone\x1b[2J\x1b]0;owned\x07")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Refuse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ran = qtok("encode", f"http://127.0.0.1:{server.server_port}/a.wav", "-o", "c.nc")
    server.shutdown()
    server.server_close()
    assert ran.code == 1
    assert "404" in ran.err
    assert is_plain(ran.err)


def test_a_warning_is_one_plain_line(capsys) -> None:
    show_warning(UserWarning("class\n\x1b[31m"), UserWarning, "file.py", 3)
    assert capsys.readouterr().err == "qtok: warning: class \\x1b[31m\n"


@pytest.mark.parametrize("text", ["小提琴 ß é", "a\u200db", "tab le"])
def test_other_scripts_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


FORMULAS = ["=1+1.wav", "+1.wav", "-1.wav", "@SUM(A1).wav", "\tx.wav", "＝1.wav"]  # noqa: RUF001


def test_tables_hold_no_formulas(qtok, sounds: Path, tmp_path: Path) -> None:
    for name in FORMULAS:
        tone(sounds / "a.wav", tmp_path / "in" / name)
    assert qtok("cluster", tmp_path / "in", "-k", 2, "-o", "out").code == 0
    assert qtok("features", tmp_path / "in", "-o", "f.csv").code == 0
    for table in ("out/labels.csv", "f.csv"):
        clips = pd.read_csv(table, keep_default_na=False)["clip"].tolist()
        assert sorted(clips) == sorted(f"'{name}" for name in FORMULAS)
    with xr.open_dataset("out/labels.nc") as exact:
        assert sorted(exact["clip"].values) == sorted(FORMULAS)


def test_headings_labels_and_numbers(tmp_path: Path) -> None:
    table = pd.DataFrame({"=cmd|' /C calc'!A0": ["-x", "y"], "n": [-1.5, 2.0], "k": [-3, 3]})
    write_table(tmp_path / "t.csv", table.assign(kind=pd.Categorical(["@a", "b"])))
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["'=cmd|' /C calc'!A0,n,k,kind", "'-x,-1.5,-3,'@a", "y,2.0,3,b"]


def test_a_backslash_is_part_of_a_name(qtok, sounds: Path, tmp_path: Path) -> None:
    tone(sounds / "a.wav", tmp_path / "in" / "a\\b.wav")
    ran = qtok("cluster", tmp_path / "in", "-o", "out", "--json")
    assert list(ran.json["labels"]) == ["a\\b.wav"]
    assert qtok("encode", tmp_path / "in" / "a\\b.wav", "-o", "c.nc").code == 0
    assert qtok("decode", "c.nc", "-o", "decoded").code == 0
    assert [path.name for path in Path("decoded").iterdir()] == ["a_b_decoded.wav"]
