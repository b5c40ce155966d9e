"""Cost of QTokenizer with all codes cached: at most 1.5 times reading the files.

    python tests/benchmarks/warm_cache.py [--clips 400] [--rounds 5] [--codec mini] [--cold]

Codes are found by the samples of a clip, so the least that can be done is to read (decode) each
file and hash its samples. That is timed beside ``fit_transform`` of a QTokenizer whose cache folder
holds all codes, in turns, in processor seconds of this process (wall seconds stand beside them);
the factor is the median over the rounds. ``--cold`` also times the first ``fit_transform``, which
encodes. The recordings are those in the folder that ``QTOK_SHARED`` names, or the bundled sounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import qtokfeatures as qt
from qtokfeatures.audio import load_many
from qtokfeatures.labelled import CodeCache

SHARED = Path(os.environ.get("QTOK_SHARED") or Path(__file__).parents[3] / "shared")
MOST = 1.5
FEATURES = ("histogram", "embedding", "both")


def recordings(most: int) -> list[str]:
    """Return paths of recordings, from all over the collection."""
    manifest = SHARED / "audio" / "manifest.csv"
    if not manifest.is_file():
        return [str(file) for file in qt.example_files()][:most]
    paths = pd.read_csv(manifest)["path"]
    step = max(1, len(paths) // most)
    return [str(manifest.parent / path) for path in paths[::step][:most]]


def read_and_hash(files: list[str]) -> None:
    """Do what finding codes by content cannot do without."""
    for _, clip in load_many(files):
        CodeCache.key(clip.y, clip.sr, "fingerprint")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return processor seconds and wall seconds."""
    processor, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - processor, time.perf_counter() - wall


def report(tokenizer: qt.QTokenizer, files: list[str], rounds: int) -> float:
    """Print one line, and return the factor in processor time."""
    reading, warm = [], []
    for _ in range(rounds):
        reading.append(timed(lambda: read_and_hash(files)))
        warm.append(timed(lambda: tokenizer.fit_transform(files)))
    factors = [w[0] / r[0] for r, w in zip(reading, warm, strict=True)]
    factor = statistics.median(factors)
    shown = [
        statistics.median(column) for pair in (reading, warm) for column in zip(*pair, strict=True)
    ]
    print(
        f"{tokenizer.features:<10} read and hash {shown[0]:.2f} s (wall {shown[1]:.2f} s)   "
        f"warm {shown[2]:.2f} s (wall {shown[3]:.2f} s)   "
        f"factor {factor:.2f} ({min(factors):.2f} … {max(factors):.2f})"
    )
    return factor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--codec", default="mini")
    parser.add_argument("--cold", action="store_true")
    args = parser.parse_args()
    files = recordings(args.clips)
    codec = qt.load_codec(args.codec)
    with tempfile.TemporaryDirectory() as folder:
        first = qt.QTokenizer(codec, cache=folder)
        cold = timed(lambda: first.fit_transform(files))
        seconds = float(first.encode(files).duration.sum())
        print(f"{len(files)} files, {seconds:.0f} s of audio, {codec.spec.describe()}")
        if args.cold:
            print(f"cold       {cold[0]:.2f} s (wall {cold[1]:.2f} s)")
        tokenizers = [qt.QTokenizer(codec, features=name, cache=folder) for name in FEATURES]
        factors = [report(tokenizer, files, args.rounds) for tokenizer in tokenizers]
    worst = max(factors)
    raise SystemExit(0 if worst <= MOST else f"{worst:.2f} is more than {MOST}")


if __name__ == "__main__":
    main()
