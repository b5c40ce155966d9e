"""Encoding time of folders of short clips beside the time of their MFCC by librosa."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import load_audio
from qtokfeatures.audio.acoustic import mfcc_frames
from qtokfeatures.benches.measured import Measured, identify, percent
from qtokfeatures.benches.speed.timing import with_threads
from qtokfeatures.evaluation.tables import TextTable
from qtokfeatures.exceptions import InputError, require
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.benches.measured import AnyCodec

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "librosa", "soxr")
_OPERATIONS: Final = {
    "Fourier transforms": ("fft", "stft"),
    "matrix products": ("mm", "matmul", "linear", "cdist", "einsum"),
    "convolutions": ("conv",),
}
_REST: Final = "the rest"
_METHOD: Final = (
    "Medians of three turns in one run, codec and librosa in turns. Encode: "
    "`codec.encode_many(paths)`. MFCC: `librosa.load` at 24 kHz, `librosa.feature.mfcc` with 20 "
    "coefficients and `librosa.feature.delta`, mean and standard deviation, otherwise at their "
    "defaults."
)


@dataclass(frozen=True)
class FolderSpeed:
    """Times of one folder in seconds, medians over turns; the parts are on one thread."""

    name: str
    n_clips: int
    duration_s: float
    encode_s: Mapping[int, float]  # files to codes, by threads of torch
    mfcc_s: float
    read_s: float  # reading and resampling
    encoder_s: float
    quantise_s: float  # codebooks, batching, labels
    encoder_shares: Mapping[str, float]  # kinds of operations, 0 … 1

    def ratio(self, threads: int) -> float:
        """Time of encoding over that of MFCC: below 1 the codec is faster."""
        return self.encode_s[threads] / self.mfcc_s


@dataclass(frozen=True, eq=False, kw_only=True)
class SpeedResult(Measured):
    """Times of every folder."""

    bench: ClassVar[str] = "speed"

    folders: tuple[FolderSpeed, ...]

    def tables(self) -> tuple[TextTable, ...]:
        """Times beside MFCC, and their parts."""
        threads = list(self.folders[0].encode_s)
        beside = TextTable(
            "Files to codes, beside files to MFCC statistics, s",
            (
                "folder",
                "clips",
                "audio, s",
                *(_threads("encode", n) for n in threads),
                "librosa, MFCC",
                *(_threads("ratio", n) for n in threads),
            ),
            tuple(_beside(folder) for folder in self.folders),
        )
        kinds = list(self.folders[0].encoder_shares)
        parts = TextTable(
            "Where the time of encoding goes (1 thread), s; and what the encoder computes, %",
            ("folder", "read and resample", "encoder", "codebooks and labels", *kinds),
            tuple(_parts(folder) for folder in self.folders),
        )
        return beside, parts

    def findings(self) -> Iterable[str]:
        """Comparison of every folder, method."""
        yield from (_verdict(folder) for folder in self.folders)
        yield _METHOD
        yield self.identity()


def bench_folders(
    codec: AnyCodec,
    folders: Mapping[str, Sequence[str | Path]],
    *,
    threads: Sequence[int] = (1, 2),
    repeats: int = 3,
    on_progress: Progress | None = None,
) -> SpeedResult:
    """Times of a codec on folders of files, in turns with librosa, so that load affects both.

    One more turn before the timed ones is not counted.
    """
    watch = on_progress or ignore_progress
    empty = [name for name, paths in folders.items() if not paths]
    if empty or not folders:
        raise InputError(f"nothing to time: no files in {', '.join(empty) or 'no folder at all'}")
    measured = tuple(
        _bench_folder(codec, name, [str(path) for path in paths], threads, repeats)
        for name, paths in with_progress(list(folders.items()), "time folders", watch)
    )
    return SpeedResult(**identify(codec, _PACKAGES), folders=measured)


def summarise_mfcc(path: str, *, sr: int) -> npt.NDArray[np.float32]:
    """Means and standard deviations of the MFCC of a file by librosa, shape (80,)."""
    librosa = require("librosa", purpose="MFCC")
    y, _ = librosa.load(path, sr=sr)
    frames = mfcc_frames(y, sr)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def _bench_folder(
    codec: AnyCodec, name: str, paths: list[str], threads: Sequence[int], repeats: int
) -> FolderSpeed:
    sr = codec.spec.sample_rate
    clips = [load_audio(path, target_sr=sr) for path in paths]

    def read() -> None:
        for path in paths:
            load_audio(path, target_sr=sr)

    def mfcc() -> None:
        for path in paths:
            summarise_mfcc(path, sr=sr)

    encoder = _encoder_of(codec, [clip.y for clip in clips])
    jobs: dict[str, Callable[[], Any]] = {
        "mfcc": mfcc,
        "read": with_threads(read, 1),
        "encoder": with_threads(encoder, 1),
        "loaded": with_threads(lambda: codec.encode_many(clips), 1),
    }
    jobs |= {f"{n}": with_threads(lambda: codec.encode_many(paths), n) for n in threads}
    turns = [{key: _time(job) for key, job in jobs.items()} for _ in range(repeats + 1)][1:]
    took = {key: statistics.median(turn[key] for turn in turns) for key in jobs}
    return FolderSpeed(
        name=name,
        n_clips=len(paths),
        duration_s=sum(clip.duration_s for clip in clips),
        encode_s={n: took[f"{n}"] for n in threads},
        mfcc_s=took["mfcc"],
        read_s=took["read"],
        encoder_s=took["encoder"],
        quantise_s=max(0.0, took["loaded"] - took["encoder"]),
        encoder_shares=_shares(with_threads(encoder, 1)),
    )


def _encoder_of(codec: AnyCodec, waves: list[npt.NDArray[np.float32]]) -> Callable[[], None]:
    """A run of ``encode_many`` without reading, codebooks and labels."""
    import torch

    from qtokfeatures.codecs.batching import frames_of, latent_chunks, length_batches

    frames = [frames_of(len(y), codec.spec.hop_length) for y in waves]
    batches = list(length_batches(frames, most=int(codec.batch_s * codec.spec.frame_rate)))

    def run() -> None:
        with torch.inference_mode():
            for rows in batches:
                for _ in latent_chunks(codec, [waves[i] for i in rows]):
                    pass

    return run


def _shares(job: Callable[[], Any]) -> dict[str, float]:
    """Shares of a job's time by kinds of operations of torch."""
    from torch.utils._python_dispatch import TorchDispatchMode

    spent = dict.fromkeys([*_OPERATIONS, _REST], 0.0)

    class Timed(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            start = time.perf_counter()
            result = func(*args, **(kwargs or {}))
            spent[_kind(str(func))] += time.perf_counter() - start
            return result

    with Timed():  # type: ignore[no-untyped-call]
        job()
    total = sum(spent.values()) or 1.0
    return {kind: each / total for kind, each in spent.items()}


def _kind(operation: str) -> str:
    for kind, names in _OPERATIONS.items():
        if any(name in operation for name in names):
            return kind
    return _REST


def _time(job: Callable[[], Any]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def _verdict(folder: FolderSpeed) -> str:
    n = min(folder.encode_s)
    ratio = folder.ratio(n)
    compared = f"{ratio:.1f} times as long as" if ratio > 1 else f"{ratio:.2f} of the time of"
    parts: Mapping[str, float] = {
        "reading and resampling": folder.read_s,
        "the encoder": folder.encoder_s,
        "codebooks and labels": folder.quantise_s,
    }
    most = max(parts, key=lambda part: parts[part])
    return (
        f"{folder.name}: on {n} thread{'s' if n > 1 else ''} encoding takes {compared} MFCC; most "
        f"of it goes into {most}."
    )


def _beside(folder: FolderSpeed) -> tuple[str, ...]:
    return (
        folder.name,
        str(folder.n_clips),
        f"{folder.duration_s:.0f}",
        *(f"{seconds:.2f}" for seconds in folder.encode_s.values()),
        f"{folder.mfcc_s:.2f}",
        *(f"{folder.ratio(n):.2f}" for n in folder.encode_s),
    )


def _parts(folder: FolderSpeed) -> tuple[str, ...]:
    return (
        folder.name,
        f"{folder.read_s:.2f}",
        f"{folder.encoder_s:.2f}",
        f"{folder.quantise_s:.2f}",
        *(percent(share) for share in folder.encoder_shares.values()),
    )


def _threads(what: str, n: int) -> str:
    return f"{what}, {n} thread{'s' if n > 1 else ''}"
