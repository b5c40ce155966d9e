"""The wheel holds what it needs, installs into an empty environment and runs there."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).resolve().parents[1]
MB = 1_000_000


def run(*command: str | Path, cwd: Path) -> str:
    """Run `command` in `cwd`, without this checkout on the path, and return what it prints."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the ``bin`` of an environment that holds the wheel with ``[viz]`` and no more."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home / "venv", with_pip=True)
    programs = home / "venv" / ("Scripts" if os.name == "nt" else "bin")
    run(
        programs / "python", "-m", "pip", "install", "--quiet",
        "--constraint", ROOT / "constraints.txt", f"qtokfeatures[viz] @ {wheel.as_uri()}",
        cwd=home,
    )  # fmt: skip
    return programs


def test_wheel_holds_weights_audio_and_types(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    assert sum(name.endswith(".safetensors") for name in names) >= 1
    assert sum("/examples_audio/" in name for name in names) >= 40
    assert {"qtokfeatures/py.typed", "qtokfeatures/__init__.pyi"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_wheel_holds_nothing_else(wheel: Path):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"qtokfeatures", next(top for top in tops if top.endswith(".dist-info"))}


def test_wheel_is_small(wheel: Path):
    assert wheel.stat().st_size <= 22 * MB
    sizes = {info.filename: info.file_size for info in zipfile.ZipFile(wheel).infolist()}
    assert sum(size for name, size in sizes.items() if name.endswith(".safetensors")) <= 16 * MB
    assert sum(size for name, size in sizes.items() if "/examples_audio/" in name) <= 4 * MB


def test_installed_package_is_the_wheel_s(programs: Path, tmp_path: Path):
    where = run(
        programs / "python", "-c", "import qtokfeatures; print(qtokfeatures.__file__)", cwd=tmp_path
    )
    assert Path(where.strip()).is_relative_to(programs.parent)


def test_demo_runs_from_a_foreign_folder(programs: Path, tmp_path: Path):
    run(programs / "qtok", "demo", "-o", "out", cwd=tmp_path)
    assert (tmp_path / "out" / "report.html").stat().st_size > 1000
    assert list((tmp_path / "out").rglob("*.png"))
