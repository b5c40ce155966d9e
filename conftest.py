"""What every test meets, wherever it stands: tests/, docstrings, README.md and docs/."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser
from typer.testing import CliRunner

# Set before anything reads them: figures need no screen, and no test may need a hub's answer.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parent
# Imports Triton, which torch brings along for GPUs only; it has no examples.
collect_ignore = ["qtokfeatures/codecs/nn/triton_kernels.py"]
SHARED = Path(os.environ.get("QTOK_SHARED") or ROOT.parent / "shared").resolve()

_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile(
    "quick", max_examples=30, derandomize=bool(os.environ.get("CI")), **_PATIENT
)
settings.register_profile("thorough", max_examples=300, **_PATIENT)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("thorough" if config.getoption("--slow") else "quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        _skip(items, "slow", "slow: runs with --slow (make test-all)")
    if any(item.get_closest_marker("gpu") for item in items) and not _has_cuda():
        _skip(items, "gpu", "needs a CUDA device, and there is none")
    if not (SHARED / "audio" / "manifest.csv").is_file():
        _skip(items, "shared", _no_recordings())


def _skip(items: list[pytest.Item], marker: str, reason: str) -> None:
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _no_recordings() -> str:
    return f"the shared recordings are not in {SHARED / 'audio'}; QTOK_SHARED names their folder"


@pytest.fixture(scope="session")
def shared_audio() -> Path:
    """Return the folder of the real recordings, which holds ``manifest.csv``."""
    folder = SHARED / "audio"
    if not (folder / "manifest.csv").is_file():
        pytest.skip(_no_recordings())
    return folder


@pytest.fixture(scope="session")
def shared_manifest(shared_audio: Path) -> Any:
    """Return ``manifest.csv`` as strings, with the absolute path of each clip as ``file``."""
    import pandas as pd

    table = pd.read_csv(shared_audio / "manifest.csv", dtype=str, keep_default_na=False)
    table["duration_s"] = table["duration_s"].astype(float)
    table["sample_rate"] = table["sample_rate"].astype(int)
    return table.assign(file=[str(shared_audio / path) for path in table["path"]])


@pytest.fixture(autouse=True)
def _doctest_surroundings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give docstring examples ``np`` and ``qt``, and a folder of their own to write to."""
    if isinstance(request.node, pytest.DoctestItem):
        import numpy as np

        import qtokfeatures

        request.getfixturevalue("doctest_namespace").update(np=np, qt=qtokfeatures)
        monkeypatch.chdir(request.getfixturevalue("tmp_path"))


# The documents: the code blocks of a page run one after another, in a folder of the page's own.


def _enter_folder(namespace: dict[str, Any]) -> None:
    """Start a page in a new folder in which ``recordings/`` holds the bundled sounds."""
    import qtokfeatures as qt

    namespace["__came_from__"] = Path.cwd()
    namespace["__folder__"] = folder = tempfile.TemporaryDirectory(prefix="qtok-page-")
    recordings = Path(folder.name, "recordings")
    recordings.mkdir()
    for file in qt.example_files():
        shutil.copy(file, recordings)
    os.chdir(folder.name)


def _leave_folder(namespace: dict[str, Any]) -> None:
    """Go back, and remove the folder that was made, wherever the page has gone since."""
    os.chdir(namespace["__came_from__"])
    namespace["__folder__"].cleanup()


def _run_shell(example: Example) -> None:
    """Run ``qtok`` commands in this process; others (make, pip) are for the reader's machine."""
    from qtokfeatures.apps.cli import app

    for line in example.parsed.splitlines():
        if line.startswith("qtok "):
            arguments = shlex.split(line, comments=True)[1:]
            done = CliRunner().invoke(app, arguments, prog_name="qtok")
            assert done.exit_code == 0, f"{line}\n{done.output}"


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(),
        CodeBlockParser(language="sh", evaluator=_run_shell),
        SkipParser(),
    ],
    patterns=["README.md", "docs/*.md"],
    setup=_enter_folder,
    teardown=_leave_folder,
    name="documents",
).pytest()
