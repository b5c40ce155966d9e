"""Mutated files, read in a process of their own with a limit on its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzz_readers.py")


def check(first: int, count: int) -> None:
    command = [sys.executable, SCRIPT, "--first", str(first), "--count", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, check=False)
    last = done.stdout.strip().splitlines()[-1:]
    assert done.returncode == 0, f"after file {last}: {done.returncode}, {done.stderr[-2000:]}"
    outcomes = eval(last[0], {"__builtins__": {}})
    assert sum(outcomes.values()) == count
    assert min(outcomes["clip"], outcomes["error"]) > count // 20


def test_mutated_files_are_clips_or_errors():
    check(0, 600)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 21_000, 4000))
def test_many_mutated_files_are_clips_or_errors(first):
    check(first, 4000)
