"""Every notebook of ``examples/`` runs from top to bottom."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
QUICK = {"quickstart"}  # the others run in make test-all


def notebooks() -> list[object]:
    """Return one parameter a notebook; all but the quick ones are marked slow."""
    return [
        pytest.param(path, id=path.stem, marks=() if path.stem in QUICK else pytest.mark.slow)
        for path in sorted(EXAMPLES.glob("*.ipynb"))
    ]


@pytest.mark.parametrize("path", notebooks())
def test_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Notebooks may import the modules beside them, as in a session started in examples/.
    known = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLES), *([known] if known else [])]))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()


def test_the_quick_notebooks_are_there():
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} >= QUICK
