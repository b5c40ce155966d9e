"""``import qtokfeatures`` is quick and light, and its lazy names are all there."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import qtokfeatures

HEAVY = ("torch", "matplotlib", "sklearn", "dask", "gradio", "xarray", "librosa", "numba", "pandas")
STUB = Path(qtokfeatures.__file__).with_suffix(".pyi")


def python(code: str) -> str:
    """Run `code` in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after `statement`."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps([m for m in sys.modules]))"
    return {name.split(".")[0] for name in json.loads(python(code))}


def stub_names() -> list[str]:
    """Return the public names that the stub promises, submodules included."""
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return sorted(alias.asname or alias.name for node in imports for alias in node.names)


def test_import_loads_nothing_heavy():
    assert loaded_by("import qtokfeatures").isdisjoint(HEAVY)


def test_import_takes_at_most_300_ms():
    code = (
        "import time; start = time.perf_counter(); import qtokfeatures;"
        " print(time.perf_counter() - start)"
    )
    assert min(float(python(code)) for _ in range(5)) <= 0.3


def test_the_whole_process_takes_little_longer_than_python_itself():
    def wall_s(code: str) -> float:
        start = time.perf_counter()
        python(code)
        return time.perf_counter() - start

    bare_s = min(wall_s("pass") for _ in range(5))
    assert min(wall_s("import qtokfeatures") for _ in range(5)) - bare_s <= 0.3


@pytest.mark.parametrize("room", ["audio", "features", "labelled", "exceptions"])
def test_rooms_below_the_codecs_load_no_torch(room: str):
    loaded = loaded_by(f"import qtokfeatures.{room}")
    assert loaded.isdisjoint({"torch", "matplotlib", "librosa", "gradio"})


def test_codecs_and_estimators_load_no_figures_nor_extras():
    loaded = loaded_by("import qtokfeatures.codecs, qtokfeatures.estimators")
    assert loaded.isdisjoint({"matplotlib", "plotly", "umap", "librosa", "gradio", "transformers"})


@pytest.mark.parametrize("name", stub_names())
def test_every_promised_name_is_there(name: str):
    assert getattr(qtokfeatures, name) is not None


def test_stub_dir_and_all_agree():
    assert sorted(qtokfeatures.__all__) == stub_names()
    assert sorted(dir(qtokfeatures)) == stub_names()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = qtokfeatures.no_such_name


def test_version_is_the_installed_one():
    from importlib.metadata import version

    assert qtokfeatures.__version__ == version("qtokfeatures")


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param("import xarray as xr, qtokfeatures", id="xarray first"),
        pytest.param(
            "import qtokfeatures as qt, xarray as xr; qt.CodeSequence", id="any codes name used"
        ),
        pytest.param("import qtokfeatures.labelled, xarray as xr", id="labelled imported"),
    ],
)
def test_accessor_is_registered(statements: str):
    assert python(f"{statements}\nprint(hasattr(xr.Dataset, 'qtok'))").strip() == "True"


def test_accessor_does_not_bring_torch():
    loaded = loaded_by("import xarray, qtokfeatures")
    assert loaded.isdisjoint({"torch", "matplotlib", "sklearn"})
