"""How long a folder of short clips takes to encode, beside what librosa takes for their MFCC."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio import load_audio
from qtokfeatures.audio.acoustic import mfcc_frames
from qtokfeatures.benches.provenance import codec_identity, package_versions
from qtokfeatures.benches.speed.timing import with_threads
from qtokfeatures.exceptions import InputError, require
from qtokfeatures.progress import Progress, ignore_progress, with_progress

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

_PACKAGES: Final = ("qtokfeatures", "numpy", "torch", "librosa", "soxr")
_OPERATIONS: Final = {
    "Fourier transforms": ("fft", "stft"),
    "matrix products": ("mm", "matmul", "linear", "cdist", "einsum"),
    "convolutions": ("conv",),
}
_REST: Final = "the rest"


@dataclass(frozen=True)
class FolderSpeed:
    """The time that one folder took, in seconds, medians over turns.

    Parameters
    ----------
    name : str
        What is in it.
    n_clips : int
        Clips in it.
    duration_s : float
        Their length together.
    encode_s : mapping of int to float
        Threads of torch to the time of ``codec.encode_many``, from files to codes.
    mfcc_s : float
        Time in which librosa reads them and computes and summarises MFCC.
    read_s : float
        Of the time on one thread: reading, and resampling to the codec's rate.
    encoder_s : float
        The encoder.
    quantise_s : float
        The search in the codebooks, with what it takes to batch and label.
    encoder_shares : mapping of str to float
        What the encoder's time goes into, 0 … 1.
    """

    name: str
    n_clips: int
    duration_s: float
    encode_s: Mapping[int, float]
    mfcc_s: float
    read_s: float
    encoder_s: float
    quantise_s: float
    encoder_shares: Mapping[str, float]

    def ratio(self, threads: int) -> float:
        """Time of encoding over time of MFCC: below 1 the codec is faster."""
        return self.encode_s[threads] / self.mfcc_s


@dataclass(frozen=True)
class FolderSpeedResult:
    """What :func:`bench_folders` measured.

    Parameters
    ----------
    codec : mapping of str to str
        Name, revision and fingerprint of the codec.
    folders : tuple of FolderSpeed
        One a folder.
    versions : mapping of str to str
        Versions of the packages that were timed.
    """

    codec: Mapping[str, str]
    folders: tuple[FolderSpeed, ...]
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types.

        Returns
        -------
        dict
        """
        return asdict(self)


def bench_folders(
    codec: Codec[Any, Any],
    folders: Mapping[str, Sequence[str | Path]],
    *,
    threads: Sequence[int] = (1, 2),
    repeats: int = 3,
    on_progress: Progress | None = None,
) -> FolderSpeedResult:
    """Time a codec on files, in turns with librosa, so that other load meets both.

    Parameters
    ----------
    codec : Codec
        The codec.
    folders : mapping of str to sequence of path
        Name in tables to audio files.
    threads : sequence of int, default (1, 2)
        Numbers of threads of torch.
    repeats : int, default 3
        Timed turns; the median counts. One more before them is not timed.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    FolderSpeedResult

    Raises
    ------
    InputError
        If a folder has no files.
    MissingExtraError
        If librosa is not installed.
    """
    watch = on_progress or ignore_progress
    empty = [name for name, paths in folders.items() if not paths]
    if empty or not folders:
        raise InputError(f"nothing to time: no files in {', '.join(empty) or 'no folder at all'}")
    measured = tuple(
        _bench_folder(codec, name, [str(path) for path in paths], threads, repeats)
        for name, paths in with_progress(list(folders.items()), "time folders", watch)
    )
    return FolderSpeedResult(codec_identity(codec), measured, package_versions(_PACKAGES))


def summarise_mfcc(path: str, *, sr: int) -> npt.NDArray[np.float32]:
    """Read a file with librosa and summarise its MFCC, all at librosa's defaults.

    Parameters
    ----------
    path : str
        An audio file.
    sr : int
        Rate to resample to, in Hz.

    Returns
    -------
    ndarray of float32, shape (80,)
        Means and standard deviations of 20 coefficients and their differences.

    Raises
    ------
    MissingExtraError
        If librosa is not installed.
    """
    librosa = require("librosa", purpose="MFCC")
    y, _ = librosa.load(path, sr=sr)
    frames = mfcc_frames(y, sr)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def _bench_folder(
    codec: Codec[Any, Any], name: str, paths: list[str], threads: Sequence[int], repeats: int
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


def _encoder_of(codec: Codec[Any, Any], waves: list[npt.NDArray[np.float32]]) -> Callable[[], None]:
    """What ``encode_many`` does without reading, codebooks and labels."""
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
    """Which kinds of operations of torch a job spends its time in."""
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
