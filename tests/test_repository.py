"""What the repository promises about its own files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
MB = 1_000_000
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def tracked_files() -> list[Path]:
    """Return the files that git tracks."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def constraints() -> list[Requirement]:
    """Return the lines of ``constraints.txt``, comments left out."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pinned_versions(python: str) -> dict[str, str]:
    """Return the version of each distribution that is pinned under `python`."""
    return {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in constraints()
        if applies(pin, python)
    }


def applies(requirement: Requirement, python: str) -> bool:
    """Tell whether the marker of `requirement` holds under `python`."""
    marker = requirement.marker
    return marker is None or marker.evaluate({"python_version": python, "extra": ""})


def direct_requirements() -> list[Requirement]:
    """Return what the package and the extra ``dev`` ask for, as distributions."""
    extras = PROJECT["optional-dependencies"]
    asked = [Requirement(line) for line in PROJECT["dependencies"] + extras["dev"]]
    of_extras = [
        Requirement(line)
        for requirement in asked
        if requirement.name == PROJECT["name"]
        for extra in requirement.extras
        for line in extras[extra]
    ]
    return [r for r in asked if r.name != PROJECT["name"]] + of_extras


def pages() -> list[Path]:
    """Return the documents that people read."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, flags=re.MULTILINE))


def test_no_tracked_file_is_above_16_mb():
    sizes = {path.relative_to(ROOT): path.stat().st_size for path in tracked_files()}
    assert {name: size for name, size in sizes.items() if size > 16 * MB} == {}


def test_bundled_audio_is_at_most_4_mb():
    sizes = [f.stat().st_size for f in tracked_files() if f.parent.name == "examples_audio"]
    assert 0 < sum(sizes) <= 4 * MB


def test_nothing_made_is_tracked():
    made = re.compile(r"(^|/)(\.venv|demo|site|dist|build|__pycache__|\.ipynb_checkpoints)/")
    names = [path.relative_to(ROOT).as_posix() for path in tracked_files()]
    assert [name for name in names if made.search(name)] == []


@pytest.mark.parametrize("python", PYTHONS)
def test_every_direct_requirement_is_pinned_within_its_range(python: str):
    pins = pinned_versions(python)
    wanted = {canonicalize_name(r.name): r for r in direct_requirements() if applies(r, python)}
    assert wanted.keys() - pins.keys() == set()
    outside = {n: pins[n] for n, r in wanted.items() if not r.specifier.contains(pins[n])}
    assert outside == {}


def test_constraints_are_one_exact_version_a_line():
    for pin in constraints():
        (specifier,) = pin.specifier
        assert specifier.operator == "==", pin
        assert pin.url is None, pin
        assert Version(specifier.version).local is None, pin


@pytest.mark.parametrize("python", PYTHONS)
def test_no_distribution_is_pinned_twice(python: str):
    names = [canonicalize_name(pin.name) for pin in constraints() if applies(pin, python)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    "target", ["demo", "test", "test-all", "check", "bench", "bench-codec", "docs", "clean"]
)
def test_make_has_the_target(target: str):
    assert target in make_targets()


def test_readme_begins_with_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^make (\S+)", text, flags=re.MULTILINE)
    assert commands[:2] == ["demo", "test"]


def test_documents_name_only_make_targets_that_exist():
    named = {
        target
        for page in pages()
        for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page.read_text(encoding="utf-8"))
    }
    assert named - make_targets() == set()


def test_links_between_documents_lead_somewhere():
    links = [
        (page, link)
        for page in pages()
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not link.startswith(("http:", "https:", "mailto:"))
    ]
    broken = [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()]
    assert links
    assert broken == []


def test_extras_are_the_rooms_own():
    extras = PROJECT["optional-dependencies"]
    assert {"viz", "web", "dask", "asr", "hf", "eval", "live", "all", "dev"} <= extras.keys()
    (everything,) = (Requirement(line) for line in extras["all"])
    assert everything.extras == extras.keys() - {"all", "dev"}


def test_ci_script_can_be_run():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
