"""Cost of the main path: time, modules executed and repeated work of ``QTokenizer.fit_transform``.

    python tests/benchmarks/main_path.py [--clips 400] [--rounds 5] [--against COMMIT]

Counts are those of three bundled sounds: modules of the package that run, and calls of the
functions that load clips and build and check Datasets. Times are processor seconds of short files
(0.3 to 1.5 s), cold (nothing in the cache) and warm, on one thread. ``--against`` checks another
commit out into a temporary worktree and measures both in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
MOST_MODULES = 40
COUNTED = ("read_clip", "build_codes", "check_codes", "CodecSpec.from_attrs")


def counts() -> dict[str, int]:
    """Count modules and calls of one ``fit_transform`` of three files that nothing is known of."""
    import qtokfeatures as qt

    package = str(Path(qt.__file__).parent)
    files = qt.example_files()[:3]
    qt.QTokenizer(cache=None).fit_transform(files)  # imports what is loaded on first use
    modules: set[str] = set()
    calls: Counter[str] = Counter()

    def note(frame, event, _argument):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(package):
            modules.add(code.co_filename)
            calls[getattr(code, "co_qualname", code.co_name)] += 1

    sys.setprofile(note)
    try:
        qt.QTokenizer(cache=None).fit_transform(files)
    finally:
        sys.setprofile(None)
    return {"modules": len(modules), **{name: calls[name] for name in COUNTED}}


def times(folder: Path) -> dict[str, float]:
    """Return processor seconds of a first and a second ``fit_transform`` of all files."""
    import qtokfeatures as qt

    files = sorted(folder.glob("*.wav"))
    qt.QTokenizer(cache=None).fit_transform(files[:2])
    found = {}
    for name in ("cold", "warm"):
        start = time.process_time()
        qt.QTokenizer().fit_transform(files)
        found[name] = time.process_time() - start
    return found


def write_clips(folder: Path, n_clips: int) -> None:
    """Write short clips of noise and tones at 16 kHz."""
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    for index in range(n_clips):
        n_samples = int(rng.integers(4800, 24000))
        tone = np.sin(np.arange(n_samples) * rng.uniform(0.05, 0.5))
        y = 0.2 * tone + rng.normal(0, 0.02, n_samples)
        soundfile.write(folder / f"{index:04}.wav", y, 16000)


def measured(tree: Path, *arguments: str) -> dict[str, float]:
    """Run this script on the package of a worktree, on one thread."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(
        command, env=environment, cwd=tree, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare(trees: dict[str, Path], folder: Path, rounds: int) -> int:
    """Print a line for each worktree, and return the modules that run in this one."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for _ in range(rounds):
        for name, tree in trees.items():
            found[name].append(measured(tree, "--times", str(folder)))
    for name, tree in trees.items():
        number = measured(tree, "--counts")
        seconds = {
            kind: statistics.median(each[kind] for each in found[name]) for kind in ("cold", "warm")
        }
        shown = ", ".join(f"{what} {n}" for what, n in number.items())
        print(f"{name:<12} cold {seconds['cold']:.3f} s, warm {seconds['warm']:.3f} s; {shown}")
    return int(measured(trees["this"], "--counts")["modules"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", metavar="COMMIT")
    parser.add_argument("--times", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--counts", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.times or arguments.counts:
        print(json.dumps(times(arguments.times) if arguments.times else counts()))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder, other = Path(temporary) / "clips", Path(temporary) / "other"
        folder.mkdir()
        write_clips(folder, arguments.clips)
        trees = {"this": REPOSITORY}
        git = ["git", "-C", str(REPOSITORY), "worktree"]
        if arguments.against:
            subprocess.run(
                [*git, "add", "-q", "--detach", str(other), arguments.against], check=True
            )
            trees[arguments.against] = other
        try:
            modules = compare(trees, folder, arguments.rounds)
        finally:
            if arguments.against:
                subprocess.run([*git, "remove", "--force", str(other)], check=True)
    if modules > MOST_MODULES:
        sys.exit(f"{modules} modules run, at most {MOST_MODULES} should")


if __name__ == "__main__":
    main()
