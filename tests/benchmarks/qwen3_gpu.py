"""Qwen3-TTS-Tokenizer-12Hz on a GPU: correctness, speed beside its reference, memory.

    python tests/benchmarks/qwen3_gpu.py [--reference FOLDER] [--budget-s 140] [--tiny --device cpu]

Both sides run one untrained checkpoint of the official sizes. FOLDER is where pip has put
`qwen-tts` 0.1.1 and `transformers` 4.57.3 (``pip install --no-deps --target``); only a process of
the reference's own imports from it. Parts are independent: one that fails leaves the others.
Results go to ``gpu.json`` in ``$OUT``, or in ``--folder``.
"""

from __future__ import annotations

import argparse
import copy
import functools
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

SR, HOP = 24_000, 1920
MB = 1e6


class Report:
    """What was found so far; written after every part."""

    def __init__(self, path: Path, budget_s: float) -> None:
        self.path, self.found = path, {}
        self.start, self.budget_s = time.perf_counter(), budget_s

    @property
    def elapsed_s(self) -> float:
        return time.perf_counter() - self.start

    def part(
        self, name: str, step: Callable[[dict[str, Any]], None], *, least_s: float = 5
    ) -> None:
        """Run a part of the measurements, unless time is short."""
        if self.elapsed_s + least_s > self.budget_s:
            self.found[name] = {"skipped": f"after {self.elapsed_s:.0f} s"}
            print(f"## {name}: left out, time is short", flush=True)
            return
        found: dict[str, Any] = {}
        begin = time.perf_counter()
        self.found[name] = found
        try:
            with torch.inference_mode():
                step(found)
        except Exception as error:  # noqa: BLE001 — the other parts go on
            found["error"] = f"{type(error).__name__}: {error}"[:2000]
            traceback.print_exc(limit=4)
        found["took, s"] = round(time.perf_counter() - begin, 1)
        print(f"## {name}")
        for key, value in found.items():
            print(f"{key}: {value if not isinstance(value, float) else f'{value:.6g}'}")
        sys.stdout.flush()
        self.path.write_text(json.dumps(self.found, indent=1))


def main() -> None:
    options = parse()
    torch.set_num_threads(min(16, os.cpu_count() or 1))
    folder = options.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    out = Path(os.environ.get("OUT") or folder)
    if options.side == "reference":
        reference_side(options, folder, out)
        return
    report = Report(out / "gpu.json", options.budget_s)
    report.part("machine", functools.partial(machine, options))
    report.part("checkpoint", functools.partial(checkpoint, options, folder))
    bench = Bench(options, folder / "checkpoint")
    if options.reference:
        report.part("reference", functools.partial(run_reference, options, folder, out), least_s=25)
    report.part("correct", bench.correct)
    report.part("speed of the float32 codec", bench.speed)
    report.part("speed of fast", bench.speed_of_fast)
    report.part("peak of 30 s", bench.peak)
    report.part("memory over length", bench.growth)
    report.part("out of memory", bench.out_of_memory)
    report.part("cost over length", bench.cost)
    report.part("other ways", functools.partial(bench.other_ways, report), least_s=10)
    print_factors(report.found)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="sizes of the tests' checkpoint")
    parser.add_argument("--folder", type=Path, help="keeps the checkpoint")
    parser.add_argument("--reference", type=Path, help="where its packages are")
    parser.add_argument("--budget-s", type=float, default=140)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--clip-s", type=int, default=10)
    parser.add_argument("--side", default="ours", help=argparse.SUPPRESS)
    return parser.parse_args()


def machine(options: argparse.Namespace, found: dict[str, Any]) -> None:
    found["torch"] = torch.__version__
    if options.device == "cuda":
        facts = torch.cuda.get_device_properties(0)
        found["device"], found["memory, GB"] = facts.name, facts.total_memory / 1e9
        found["cudnn"] = torch.backends.cudnn.version()
    else:
        found["device"] = options.device


def checkpoint(options: argparse.Namespace, folder: Path, found: dict[str, Any]) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.codecs.qwen3.untrained import FULL_SIZE, write_untrained

    sizes = copy.deepcopy(FULL_SIZE)
    if options.tiny:
        tiny = Path(__file__).parents[1] / "codecs" / "golden" / "qwen3-tiny" / "config.json"
        sizes = json.loads(tiny.read_text())
    if not (folder / "checkpoint" / "model.safetensors").is_file():
        write_untrained(folder / "checkpoint", sizes=sizes)
    found["written"] = str(folder / "checkpoint")


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Make bursts of noise."""
    t = np.arange(round(seconds * SR)) / SR
    y = 0.3 * np.random.default_rng(seed).standard_normal(len(t)) * (t * 2 % 1)
    return y.astype(np.float32)


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def median_ms(step: Callable[[], Any], repeats: int, *, most_s: float = 4) -> float:
    """Return the median of some runs, after three that warm up."""
    for _ in range(3):
        step()
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < repeats and (not times or time.perf_counter() - begin < most_s):
        synchronize()
        start = time.perf_counter()
        step()
        synchronize()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def peak_mb(step: Callable[[], Any]) -> dict[str, float]:
    """Return the most memory the device held, weights included, while `step` ran."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    synchronize()
    return {
        "before, MB": before / MB,
        "allocated, MB": torch.cuda.max_memory_allocated() / MB,
        "reserved, MB": torch.cuda.max_memory_reserved() / MB,
    }


def signal_to_error_db(y: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(np.square(y).sum() / max(np.square(y - other).sum(), 1e-30)))


class Bench:
    """This package's side."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.device = torch.device(options.device)
        self._codes: dict[int, torch.Tensor] = {}

    @functools.cached_property
    def codec(self) -> Any:
        from qtokfeatures.codecs import load_codec

        return load_codec(self.folder, device=self.device)

    @functools.cached_property
    def fast(self) -> Any:
        from qtokfeatures.codecs import load_codec

        return load_codec(self.folder, device=self.device, decode_dtype="fast", encoder=False)

    @functools.cached_property
    def on_cpu(self) -> tuple[Any, list[Any], list[np.ndarray], np.ndarray]:
        from qtokfeatures.audio import load_audio
        from qtokfeatures.codecs import load_codec

        codec = load_codec(self.folder, device="cpu")
        lengths = [share * self.options.clip_s for share in (0.8, 0.33, 0.49)]
        clips = [load_audio(noise(s, i), sr=SR) for i, s in enumerate(lengths)]
        codes = [codec.encode_clips([clip])[0] for clip in clips]
        return codec, clips, codes, codec.decode(codes[0])[0]

    def compare(self, codec: Any, found: dict[str, Any], *, encode: bool = True) -> None:
        _, clips, codes, y = self.on_cpu
        if encode:
            same = [(a == b).mean() for a, b in zip(codec.encode_clips(clips), codes, strict=True)]
            found["codes as on the CPU, %"] = [round(100 * float(s), 4) for s in same]
        other = codec.decode(codes[0])[0]
        found["finite"] = bool(np.isfinite(other).all())
        found["audio, largest difference"] = float(np.abs(y - other).max())
        found["audio, signal to error, dB"] = signal_to_error_db(y, other)

    def correct(self, found: dict[str, Any]) -> None:
        """Compare with the CPU: codes and audio; then pieces with the whole."""
        from qtokfeatures.audio import log_mel_distance
        from qtokfeatures.codecs.nn import fused

        _, clips, codes, y = self.on_cpu
        self.compare(self.codec, found)
        found["audio, largest value"] = float(np.abs(y).max())
        found["Triton kernels"] = self.device.type == "cuda" and fused.triton_kernels() is not None
        for _ in range(2):  # the second time as graphs
            again = self.codec.encode_clips(clips[:1])[0]
            wave = self.codec.decode(codes[0])[0]
        found["codes as on the CPU, as graphs, %"] = 100 * float((again == codes[0]).mean())
        found["audio, as graphs, largest difference"] = float(np.abs(y - wave).max())
        with self.codec.stream_encoder() as stream:
            parts = [stream.push(clips[0].y[i : i + HOP]) for i in range(0, len(clips[0].y), HOP)]
            streamed = np.concatenate([*parts, stream.flush()], axis=1)
        found["codes as a stream of frames, %"] = 100 * float((streamed == codes[0]).mean())
        with self.codec.stream_decoder() as stream:
            streamed = [stream.push(codes[0][:, i : i + 1]) for i in range(codes[0].shape[1])]
        found["audio as a stream of frames, largest difference"] = float(
            np.abs(np.concatenate(streamed) - y).max()
        )
        fast: dict[str, Any] = {}
        self.compare(self.fast, fast, encode=False)
        fast["log-mel distance"] = float(log_mel_distance(y, self.fast.decode(codes[0])[0], SR))
        fast["dtypes"] = sorted({str(b.dtype) for b in self.fast.model.decoder.buffers()})
        found["fast"] = fast
        found["graphs"] = self.graphs(self.codec)

    @staticmethod
    def graphs(codec: Any) -> dict[str, Any]:
        return {
            name: {"on": g.enabled, "captured": len(g._graphs), "replays": g.replays}
            for name, g in codec._network().computed.items()
            if isinstance(name, str)
        }

    def inputs(self, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return audio and codes on the device."""
        y = torch.from_numpy(np.stack([noise(self.options.clip_s, seed) for seed in range(batch)]))
        y = torch.nn.functional.pad(y, (0, -y.shape[1] % HOP))
        if batch not in self._codes:
            shape = (batch, self.codec.spec.n_codebooks, self.options.clip_s * SR // HOP)
            entries = torch.Generator().manual_seed(batch)
            size = self.codec.spec.codebook_size
            self._codes[batch] = torch.randint(0, size, shape, generator=entries)
        return y.to(self.device), self._codes[batch].to(self.device)

    def encode_on_device(self, codec: Any, y: torch.Tensor) -> torch.Tensor:
        return codec.code_chunk(codec.latent_chunk(y, codec.start_encoding()))

    def time(self, codec: Any, found: dict[str, Any], *, encode: bool, whole: bool) -> None:
        """Time a codec at both batches: on the device, and from array to array."""
        from qtokfeatures.audio import load_audio

        repeats = self.options.repeats
        for batch in self.options.batches:
            y, codes = self.inputs(batch)
            steps: dict[str, Callable[[], Any]] = {}
            if encode:
                steps["encode"] = lambda y=y: self.encode_on_device(codec, y)
            steps["decode"] = lambda codes=codes: codec.decode_chunk(codes, codec.start_decoding())
            if whole and encode:
                clips = [load_audio(row, sr=SR) for row in y.cpu().numpy()]
                steps["encode, array to array"] = lambda clips=clips: codec.encode_clips(clips)
            if whole:
                arrays = list(codes.to(torch.int16).cpu().numpy())
                steps["decode, array to array"] = lambda arrays=arrays: decode_all(codec, arrays)
            for name, step in steps.items():
                try:
                    most_s = 4 if whole else 1.5
                    found[f"{name}, batch {batch}, ms"] = median_ms(step, repeats, most_s=most_s)
                except Exception as error:  # noqa: BLE001 — the other steps go on
                    found[f"{name}, batch {batch}, ms"] = f"{type(error).__name__}: {error}"[:300]

    def speed(self, found: dict[str, Any]) -> None:
        self.time(self.codec, found, encode=True, whole=True)
        found["graphs"] = self.graphs(self.codec)

        if self.device.type == "cuda":
            found["reserved, MB"] = torch.cuda.max_memory_reserved() / MB

    def speed_of_fast(self, found: dict[str, Any]) -> None:
        self.time(self.fast, found, encode=False, whole=True)

    def peak(self, found: dict[str, Any]) -> None:
        """Measure as the vendor's figure of 1.02 GB has it: weights included."""
        if self.device.type != "cuda":
            return
        y = noise(30)
        found["float32"] = self.alone(lambda codec: codec.decode(codec.encode(y, sr=SR)))
        found["float32, one batch"] = self.alone(
            lambda codec: decode_all(codec, [codec.encode(y, sr=SR)])
        )
        found["fast"] = self.alone(
            lambda codec: codec.decode(codec.encode(y, sr=SR)), decode_dtype="fast"
        )

    def alone(self, step: Callable[[Any], Any], **options: Any) -> dict[str, float]:
        """Measure the peak of a codec that has the device to itself."""
        from qtokfeatures.codecs import load_codec

        self.forget()
        codec = load_codec(self.folder, device=self.device, **options)
        return peak_mb(lambda: step(codec))

    def forget(self) -> None:
        for name in ("codec", "fast"):
            self.__dict__.pop(name, None)
        import gc

        gc.collect()
        torch.cuda.empty_cache()

    def growth(self, found: dict[str, Any]) -> None:
        if self.device.type != "cuda":
            return
        for seconds in (60, 600, 1800):
            y = noise(seconds)
            peaks = peak_mb(lambda y=y: self.codec.decode(self.codec.encode(y, sr=SR)))
            found[f"{seconds} s"] = {k: round(v) for k, v in peaks.items()}

    def out_of_memory(self, found: dict[str, Any]) -> None:
        """Leave so little memory that a batch does not fit, and see it go on in smaller ones."""
        if self.device.type != "cuda":
            return
        from qtokfeatures.codecs.qwen3 import decoder, encoder

        _, codes = self.inputs(8)
        arrays = list(codes.to(torch.int16).cpu().numpy())
        expected = decode_all(self.codec, arrays)
        sizes: list[int] = []
        original = self.codec.model.decoder.forward

        def noted(x: torch.Tensor, memory: Any) -> torch.Tensor:
            sizes.append(len(x))
            return original(x, memory)

        values = decoder._MOST_VALUES_ON_GPU, encoder._MOST_VALUES_ON_GPU
        decoder._MOST_VALUES_ON_GPU = encoder._MOST_VALUES_ON_GPU = 2**40
        self.codec.model.decoder.forward = noted
        total = torch.cuda.get_device_properties(0).total_memory
        try:
            torch.cuda.empty_cache()
            room = torch.cuda.memory_reserved() + 2.5e9
            torch.cuda.set_per_process_memory_fraction(room / total)
            waves = decode_all(self.codec, arrays)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
            decoder._MOST_VALUES_ON_GPU, encoder._MOST_VALUES_ON_GPU = values
            del self.codec.model.decoder.forward
        found["batches tried"] = sizes
        found["largest difference"] = float(
            max(np.abs(a - b).max() for a, b in zip(waves, expected, strict=True))
        )

    def cost(self, found: dict[str, Any]) -> None:
        for seconds in (10, 100, 1000) if self.device.type == "cuda" else (2, 4):
            y = noise(seconds)
            codes = self.codec.encode(y, sr=SR)
            encode = median_ms(lambda y=y: self.codec.encode(y, sr=SR), 3, most_s=3)
            decode = median_ms(lambda codes=codes: self.codec.decode(codes), 3, most_s=3)
            found[f"{seconds} s, ms a second"] = {
                "encode": round(encode / seconds, 4), "decode": round(decode / seconds, 4)
            }  # fmt: skip

    def other_ways(self, report: Report, found: dict[str, Any]) -> None:
        """Measure what was not chosen."""
        self.forget()
        ways: dict[str, Callable[[Any], None]] = {
            "without graphs": without_graphs,
            "encoder split": lambda m: each(m.encoder, "split_precision"),
            "both by convolution": lambda m: None,
            "decoder by products": lambda m: each(m.decoder, "multiply_taps"),
            "decoder bfloat16": lambda m: lower(m.decoder, torch.bfloat16),
        }
        for benchmark in (False, True):
            torch.backends.cudnn.benchmark = benchmark
            for name, prepare in ways.items():
                if benchmark and name == "without graphs":
                    continue
                if report.elapsed_s + 6 > report.budget_s:
                    found["left out from"] = f"{name}, cudnn.benchmark={benchmark}"
                    return
                one: dict[str, Any] = {}
                found[f"{name}, cudnn.benchmark={benchmark}"] = one
                try:
                    codec = self.made(prepare)
                    self.compare(codec, one)
                    self.time(codec, one, encode="decoder" not in name, whole=False)
                except Exception as error:  # noqa: BLE001 — the other ways go on
                    one["error"] = f"{type(error).__name__}: {error}"[:500]
        torch.backends.cudnn.benchmark = False

    def made(self, prepare: Callable[[Any], None]) -> Any:
        """Build a codec that convolves in another way."""
        from qtokfeatures.codecs.qwen3.checkpoint import Checkpoint
        from qtokfeatures.codecs.qwen3.codec import Qwen3TTSTokenizer, qwen3_spec
        from qtokfeatures.codecs.qwen3.config import Qwen3Config
        from qtokfeatures.codecs.qwen3.model import build_model

        config = Qwen3Config.read(self.folder / "config.json")
        model = build_model(config, Checkpoint(self.folder, self.device))
        spec = qwen3_spec(config, name="x", revision="x", digest="x")
        if prepare is without_graphs:
            model.prepare(self.device)
            codec = Qwen3TTSTokenizer(model, spec, self.device)
            without_graphs(codec)
            return codec
        model.encoder.enter.multiply_taps()
        model.decoder.leave.multiply_taps()
        for part in (model.encoder, model.decoder):
            each(part, "add_bias_late")
        prepare(model)
        return Qwen3TTSTokenizer(model, spec, self.device)


def without_graphs(codec: Any) -> None:
    codec._run = lambda step, x, memory: getattr(codec.model, step)(x, memory)


def each(part: Any, method: str) -> None:
    for convolution in part.convolutions():
        getattr(convolution, method)()


def lower(part: Any, dtype: torch.dtype) -> None:
    for convolution in part.convolutions():
        convolution.lower_precision(dtype)


def decode_all(codec: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
    from qtokfeatures.codecs import batching

    return batching.decode_all(codec, arrays)


# ------------------------------------------------------------------------- the reference's side


def run_reference(
    options: argparse.Namespace, folder: Path, out: Path, found: dict[str, Any]
) -> None:
    """Measure the reference in a process of its own."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = str(options.reference.resolve())
    environment["OUT"] = str(out)
    command = [
        sys.executable, __file__, "--side", "reference", "--folder", str(folder),
        "--device", options.device, "--repeats", str(options.repeats),
        "--clip-s", str(options.clip_s), "--batches", *map(str, options.batches),
    ]  # fmt: skip
    subprocess.run(command, env=environment, check=True, timeout=90)
    found.update(json.loads((out / "reference.json").read_text()))


def reference_side(options: argparse.Namespace, folder: Path, out: Path) -> None:
    """Time `qwen-tts` at both batches, as it comes and without TF32."""
    hide_packages()
    spec = importlib.util.spec_from_file_location(
        "qwen3_speed", Path(__file__).with_name("qwen3_speed.py")
    )
    speed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(speed)
    model = speed.load_reference(folder / "checkpoint").to(options.device)
    found: dict[str, Any] = {}
    with torch.inference_mode():
        for allowed in (True, False):
            torch.backends.cudnn.allow_tf32 = allowed
            kind = "" if allowed else ", without TF32"
            for batch in options.batches:
                time_reference(model, options, batch, kind, found)
                (out / "reference.json").write_text(json.dumps(found))
        torch.backends.cudnn.allow_tf32 = True
        if options.device == "cuda":
            y = torch.from_numpy(noise(30))[None].to(options.device)

            def both() -> None:
                encoded = model.encode(y, torch.ones_like(y, dtype=torch.long)).audio_codes
                model.decode(torch.stack(list(encoded)))

            found["peak of 30 s"] = peak_mb(both)
    (out / "reference.json").write_text(json.dumps(found))


def hide_packages() -> None:
    """Keep the reference's `transformers` from packages it does not need, of other years."""
    hidden = {"accelerate", "peft", "torchvision", "torchaudio", "kernels", "jax", "tensorflow"}
    find = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> Any:
        return None if name.partition(".")[0] in hidden else find(name, package)

    importlib.util.find_spec = find_spec


def time_reference(
    model: Any, options: argparse.Namespace, batch: int, kind: str, found: dict[str, Any]
) -> None:
    arrays = np.stack([noise(options.clip_s, seed) for seed in range(batch)])
    y = torch.from_numpy(arrays).to(options.device)
    mask = torch.ones_like(y, dtype=torch.long)
    codes = torch.stack(list(model.encode(y, mask).audio_codes))
    kept = codes.cpu()

    def encode_arrays() -> Any:
        y = torch.from_numpy(arrays).to(options.device)
        found = model.encode(y, torch.ones_like(y, dtype=torch.long)).audio_codes
        return [c.cpu().numpy() for c in found]

    def decode_arrays() -> Any:
        return [w.cpu().numpy() for w in model.decode(kept.to(options.device)).audio_values]

    steps: dict[str, Callable[[], Any]] = {
        "encode": lambda: model.encode(y, mask),
        "decode": lambda: model.decode(codes),
    }
    if not kind:
        steps["encode, array to array"] = encode_arrays
        steps["decode, array to array"] = decode_arrays
    for name, step in steps.items():
        found[f"{name}, batch {batch}, ms{kind}"] = median_ms(step, options.repeats, most_s=3)


def print_factors(found: dict[str, Any]) -> None:
    """Print one Markdown table."""
    ours = found.get("speed of the float32 codec", {})
    fast, peer = found.get("speed of fast", {}), found.get("reference", {})
    print(f"\n{found.get('machine')}\n")
    print("| | reference | its TF32 off | float32 | factor | fast | factor |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, theirs in peer.items():
        if not isinstance(theirs, float) or name.endswith(("TF32", "took, s")):
            continue
        row = [f"{theirs:.2f}", shown(peer.get(f"{name}, without TF32"))]
        for side in (ours, fast):
            value = side.get(name)
            row += [shown(value), shown(theirs / value if isinstance(value, float) else None)]
        print(f"| {name} | {' | '.join(row)} |")


def shown(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else ""


if __name__ == "__main__":
    main()
