"""Wall and processor seconds of small work on one thread, on torch's default, and by itself.

    python tests/benchmarks/small_work_threads.py            # the machine as it is
    python tests/benchmarks/small_work_threads.py --busy 9   # beside so many busy processes

Runs of the three alternate, so that changes of the load meet all of them alike.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

import qtokfeatures as qt
from qtokfeatures.codecs import Codec
from qtokfeatures.codecs.threads import use_threads

SR = 24_000


def jobs(codec: Codec) -> dict[str, Callable[[], object]]:
    """Return what is measured: a stream of 80 ms blocks, clips, and a folder's worth of clips."""
    rng = np.random.default_rng(0)
    y = (0.1 * rng.standard_normal(7 * SR)).astype(np.float32)
    codes, clips = codec.encode(y, sr=SR), [y] * 10

    def stream() -> None:
        with codec.stream_encoder() as encoder:
            for start in range(0, len(y), 1920):
                encoder.push(y[start : start + 1920])

    return {
        "stream of 7 s": stream,
        "encode 1 s": lambda: codec.encode(y[:SR], sr=SR),
        "encode 7 s": lambda: codec.encode(y, sr=SR),
        "decode 7 s": lambda: codec.decode(codes),
        "encode_many 70 s": lambda: codec.encode_many(clips, sr=SR),
    }


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processes busy in the meantime."""
    code = "while True: sum(range(100_000))"
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def measure(job: Callable[[], object], rounds: int) -> dict[str, tuple[float, float]]:
    """Median wall and processor seconds of each number of threads."""
    default = torch.get_num_threads()
    ways = {"one": 1, f"default ({default})": default, "by itself": None}
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    job()
    for _ in range(rounds):
        for way, count in ways.items():
            with use_threads(count):
                wall, processor = time.perf_counter(), time.process_time()
                job()
                seconds[way].append((time.perf_counter() - wall, time.process_time() - processor))
    return {
        way: (statistics.median(w for w, _ in runs), statistics.median(p for _, p in runs))
        for way, runs in seconds.items()
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--busy", type=int, default=0, help="processes that run beside it")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    codec = qt.load_codec("mini", device="cpu")
    with busy(options.busy):
        time.sleep(1)
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        print(f"{os.cpu_count()} cores, load {load}, {options.busy} busy processes started here")
        for name, job in jobs(codec).items():
            found = measure(job, options.rounds)
            cells = [f"{way} {w:.3f} s wall {p:.3f} s cpu" for way, (w, p) in found.items()]
            print(f"{name:18s} " + " | ".join(cells))


if __name__ == "__main__":
    main()
