"""Load mutated audio files: each is a clip or an AudioError, in bounded memory and time.

    python tests/audio/fuzz_readers.py [--first 0] [--count 2000] [--memory-mb 1500]

Prints what the files came to, and stops with the number of the file that broke the rule, whose
bytes ``mutated(number)`` returns. The number of the file under way stands on standard output, so
that it is known of one that kills the process, too.
"""

from __future__ import annotations

import argparse
import functools
import io
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile as sf

from qtokfeatures.audio import load_audio
from qtokfeatures.exceptions import AudioError

FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_24"), ("RF64", None),
    ("FLAC", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("AIFF", None), ("AU", None),
    ("CAF", None), ("W64", None), ("NIST", None), ("VOC", None),
]  # fmt: skip
LONGEST_S, SLOWEST_S = 60.0, 20.0
SIZES = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7F000000, 0xFFFFFFF0)


@functools.cache
def seeds() -> list[bytes]:
    """Return a short file of each format, mono or stereo, and two files in a row."""
    rng = np.random.default_rng(0)
    found = []
    for format_, subtype in FORMATS:
        for channels in (1, 2):
            buffer = io.BytesIO()
            y = 0.2 * rng.standard_normal((4800, channels))
            sf.write(buffer, y, 48_000, format=format_, subtype=subtype)
            found.append(buffer.getvalue())
    return found + [data + data for data in found]


def mutated(number: int) -> bytes:
    """Return file `number`: a seed with some bytes, sizes or ranges changed."""
    rng = np.random.default_rng([7, number])
    files = seeds()
    data = bytearray(files[number % len(files)])
    for _ in range(int(rng.integers(1, 5))):
        near = min(len(data), 200) if rng.random() < 0.7 else len(data)  # headers, most often
        place = int(rng.integers(0, max(1, near)))
        match int(rng.integers(0, 7)):
            case 0:
                data[place : place + 1] = rng.bytes(1)
            case 1:
                order = "<I" if rng.random() < 0.5 else ">I"
                data[place : place + 4] = struct.pack(order, int(rng.choice(SIZES)))
            case 2:
                data[place : place + 8] = rng.bytes(8)
            case 3:
                del data[int(rng.integers(0, len(data) + 1)) :]
            case 4:
                del data[place : place + int(rng.integers(1, 64))]
            case 5:
                data[place:place] = rng.bytes(int(rng.integers(1, 3000)))
            case 6:
                other = files[int(rng.integers(0, len(files)))]
                data[place:] = other[int(rng.integers(0, len(other))) :]
    return bytes(data)


def outcome(data: bytes, path: Path) -> str:
    """Load bytes, and the same as a file on disk; return what they came to."""
    path.write_bytes(data)
    start = time.monotonic()
    results = [loaded(data), loaded(path)]
    took_s = time.monotonic() - start
    if took_s > SLOWEST_S:
        return f"slow: {took_s:.0f} s"
    odd = [result for result in results if isinstance(result, str) and result != "error"]
    if odd:
        return odd[0]
    if any(isinstance(result, str) for result in results):
        return "error"  # of a damaged header, libsndfile may read a file and refuse its bytes
    return "clip" if np.array_equal(*results) else "bytes and file differ"


def loaded(audio: bytes | Path) -> str | np.ndarray:
    """Return the samples, "error" for an AudioError, or what is wrong."""
    source = "<bytes>" if isinstance(audio, bytes) else str(audio)
    try:
        clip = load_audio(audio, max_duration_s=LONGEST_S)
    except AudioError as error:
        return "error" if str(error).startswith(f"{source}: ") else f"no source: {error}"
    is_sound = clip.y.dtype == np.float32 and clip.y.ndim == 1 and np.isfinite(clip.y).all()
    return clip.y if is_sound and clip.n_samples == len(clip.y) > 0 else f"odd: {clip!r}"


def main() -> int:
    """Try files, and return 1 at the first that broke the rule."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--memory-mb", type=int, default=1500)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    seeds()
    if sys.platform == "linux":
        import resource

        most = options.memory_mb * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.first, options.first + options.count):
            print(number, flush=True)
            result = outcome(mutated(number), Path(folder, "mutated"))
            outcomes[result] += 1
            if result not in ("clip", "error"):
                print(result, flush=True)
                return 1
    print(dict(outcomes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
