"""Speed and memory of Qwen3-TTS-Tokenizer-12Hz beside its reference. ``make bench`` prints them.

    python tests/benchmarks/qwen3_speed.py [--threads 2] [--processor-time] [--memory-s 3600]

Both run the same untrained checkpoint of the official sizes, in separate processes and on the same
torch. The first run writes the checkpoint (682 MB) and installs the reference, `qwen-tts`
0.1.1 and the `transformers` that it pins, into a folder that only its own process imports from.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

SR, HOP = 24_000, 1920
REFERENCE = (
    "qwen-tts==0.1.1", "transformers==4.57.3", "tokenizers<0.23", "huggingface_hub<1.0", "regex",
    "requests", "filelock", "tqdm", "pyyaml", "packaging",
)  # fmt: skip
RAGGED_S = np.linspace(1, 15, 16).round(2).tolist()
LENGTHS_S = (10, 100)

Timer = Callable[..., float]


def main() -> None:
    """Measure both sides and print the tables."""
    options = parse()
    if options.side:
        measure(options)
        return
    folder = options.folder.resolve()
    prepare(folder)
    if options.memory_only:
        print_memory(run_side("memory", folder, options))
        return
    results = {side: run_side(side, folder, options) for side in ("reference", "ours")}
    print_speed(results["reference"], results["ours"])
    if options.memory_s:
        print_memory(run_side("memory", folder, options))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("build/qwen3-bench"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="count processor seconds: for a machine that is busy with other things",
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--memory-s",
        type=int,
        default=3600,
        help="seconds of audio that go through encode and decode to see memory stay flat",
    )
    parser.add_argument("--memory-only", action="store_true", help="leave the speed out")
    parser.add_argument("--side", choices=["reference", "ours", "memory"], help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare(folder: Path) -> None:
    """Write the checkpoint and install the reference, where they are not there yet."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.codecs.qwen3.untrained import write_untrained

    if not (folder / "checkpoint" / "model.safetensors").is_file():
        write_untrained(folder / "checkpoint")
    packages = folder / "reference"
    if not (packages / "qwen_tts").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        subprocess.run([*command, str(packages), *REFERENCE], check=True)


def run_side(side: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Measure one side in a process of its own."""
    environment = dict(os.environ)
    if side == "reference":
        environment["PYTHONPATH"] = str(folder / "reference")
    command = [
        sys.executable, __file__, "--side", side, "--folder", str(folder),
        "--threads", str(options.threads), "--repeats", str(options.repeats),
        "--device", options.device, "--memory-s", str(options.memory_s),
        *["--processor-time"] * options.processor_time,
    ]  # fmt: skip
    subprocess.run(command, env=environment, check=True)
    found: dict[str, float] = json.loads((folder / f"{side}.json").read_text())
    return found


def measure(options: argparse.Namespace) -> None:
    """Measure in this process; results go to a file."""
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.processor_time else time.perf_counter

    def best_s(step: Callable[[], Any], repeats: int = options.repeats) -> float:
        return least_s(step, repeats, clock)

    sides = {"reference": measure_reference, "ours": measure_ours}
    with torch.inference_mode():
        if options.side == "memory":
            found = measure_memory(options.folder, options.device, options.memory_s)
        else:
            found = sides[options.side](options.folder, options.device, best_s)
    (options.folder / f"{options.side}.json").write_text(json.dumps(found))


def measure_reference(folder: Path, device: str, best_s: Timer) -> dict[str, float]:
    """Time `qwen-tts`, and keep its codes of one clip for the others to decode."""
    model = load_reference(folder / "checkpoint").to(device)
    clips = [torch.from_numpy(noise(seconds)) for seconds in RAGGED_S]
    longest = max(len(y) for y in clips)
    padded = torch.stack([torch.nn.functional.pad(y, (0, longest - len(y))) for y in clips])
    mask = torch.stack([torch.arange(longest) < len(y) for y in clips]).long()
    padded, mask = padded.to(device), mask.to(device)
    ten = torch.from_numpy(noise(10))[None].to(device)
    whole = torch.ones_like(ten, dtype=torch.long)
    codes = torch.stack(list(model.encode(ten, whole).audio_codes))
    np.save(folder / "codes.npy", codes[0].T.cpu().numpy())
    steps = {
        "encode 10 s": lambda: model.encode(ten, whole),
        "encode 16 clips, 1–15 s": lambda: model.encode(padded, mask),
        "decode 10 s": lambda: model.decode(codes),
    }
    found = {name: best_s(step) for name, step in steps.items()}
    thirty = torch.from_numpy(noise(30))[None].to(device)

    def both() -> None:
        codes = model.encode(thirty, torch.ones_like(thirty, dtype=torch.long)).audio_codes
        model.decode(torch.stack(list(codes)))

    return found | {"peak of 30 s, both, MB": peak_mb(both)}


def load_reference(checkpoint: Path) -> Any:
    """Import the tokenizer's modules past the package's own inits, which want torchaudio."""
    root = Path(importlib.util.find_spec("qwen_tts").origin).parent  # type: ignore[union-attr]
    for name in ("qwen_tts", "qwen_tts.core", "qwen_tts.core.tokenizer_12hz"):
        module = types.ModuleType(name)
        path = root.joinpath(*name.split(".")[1:])
        module.__path__ = [str(path)]
        sys.modules[name] = module
    name = "qwen_tts.core.tokenizer_12hz.modeling_qwen3_tts_tokenizer_v2"
    kind = importlib.import_module(name).Qwen3TTSTokenizerV2Model
    return kind.from_pretrained(checkpoint, dtype=torch.float32).eval()


def measure_ours(folder: Path, device: str, best_s: Timer) -> dict[str, float]:
    """Time this package's codec."""
    from qtokfeatures.audio import load_audio, log_mel_distance
    from qtokfeatures.codecs import load_codec

    codec = load_codec(folder / "checkpoint", device=device)
    quick = load_codec(folder / "checkpoint", device=device, decode_dtype="fast", encoder=False)
    clips = [load_audio(noise(seconds), sr=SR) for seconds in RAGGED_S]
    ten, codes = noise(10), np.load(folder / "codes.npy")
    steps: dict[str, Callable[[], Any]] = {
        "encode 10 s": lambda: codec.encode(ten, sr=SR),
        "encode 16 clips, 1–15 s": lambda: codec.encode_clips(clips),
        "decode 10 s": lambda: codec.decode(codes),
        "decode 10 s, fast": lambda: quick.decode(codes),
    }
    found = {name: best_s(step) for name, step in steps.items()}
    y, approximate = codec.decode(codes)[0], quick.decode(codes)[0]
    with np.errstate(divide="ignore"):  # where "fast" is float32, there is no error
        ratio = np.square(y).sum() / np.square(y - approximate).sum()
    found["fast, signal to error, dB"] = float(10 * np.log10(ratio))
    found["fast, log-mel distance"] = float(log_mel_distance(y, approximate, SR))
    same = codec.encode(ten, sr=SR)[:, :62] == codes[:, :62]
    found["codes as the reference, first 5 s, %"] = 100 * float(same.mean())
    for seconds in LENGTHS_S:
        long = noise(seconds)
        found[f"encode, ms a second, {seconds} s"] = (
            1000 * best_s(lambda y=long: codec.encode(y, sr=SR), 1) / seconds
        )
    thirty = noise(30)
    found["peak of 30 s, both, MB"] = peak_mb(lambda: codec.decode(codec.encode(thirty, sr=SR)))
    return found


def measure_memory(folder: Path, device: str, seconds: int) -> dict[str, float]:
    """Send audio through encode and decode, ten seconds after ten, and watch the memory."""
    from qtokfeatures.codecs import load_codec

    codec = load_codec(folder / "checkpoint", device=device)
    block, after_a_minute = noise(10), 0.0
    with _sampled() as sizes, codec.stream_encoder() as encoder, codec.stream_decoder() as decoder:
        for second in range(0, seconds, 10):
            decoder.push(encoder.push(block))
            if second == 50:
                after_a_minute = max(sizes)
    return {
        "audio, s": seconds,
        "peak above the weights, MB": (max(sizes) - sizes[0]) / 1e6,
        "growth of the peak after the first minute, MB": (max(sizes) - after_a_minute) / 1e6,
    }


def noise(seconds: float) -> np.ndarray:
    """Make bursts of noise."""
    t = np.arange(round(seconds * SR)) / SR
    y = 0.3 * np.random.default_rng(0).standard_normal(len(t)) * (t * 2 % 1)
    return y.astype(np.float32)


def least_s(step: Callable[[], Any], repeats: int, clock: Callable[[], float]) -> float:
    """Return the least time of some runs, after one that warms up."""
    step()
    times = []
    for _ in range(repeats):
        start = clock()
        step()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(clock() - start)
    return min(times)


def peak_mb(step: Callable[[], Any]) -> float:
    """Return the most memory that `step` holds above what there was before it."""
    with _sampled() as sizes:
        step()
    return (max(sizes) - sizes[0]) / 1e6


@contextmanager
def _sampled() -> Iterator[list[int]]:
    """Note the resident memory every 5 ms."""
    sizes, done = [_resident()], threading.Event()

    def sample() -> None:
        while not done.wait(0.005):
            sizes.append(_resident())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield sizes
    finally:
        done.set()
        thread.join()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def print_speed(reference: Mapping[str, float], ours: Mapping[str, float]) -> None:
    """Print one Markdown table."""
    print("| | reference | qtokfeatures | factor |\n| --- | ---: | ---: | ---: |")
    for name, value in ours.items():
        peer = reference.get(name) or reference.get(name.removesuffix(", fast"))
        if peer is None:
            print(f"| {name} | | {value:.3f} | |")
        else:
            print(f"| {name} | {peer:.3f} | {value:.3f} | {peer / value:.1f} |")


def print_memory(found: Mapping[str, float]) -> None:
    """Print what the memory did."""
    print("\nThrough encode and decode:")
    for name, value in found.items():
        print(f"- {name}: {value:.0f}")


if __name__ == "__main__":
    main()
