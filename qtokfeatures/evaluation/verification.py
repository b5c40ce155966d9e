"""Whether a codec gives the same codes and audio however it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.signals import FloatArray, check_mono
from qtokfeatures.evaluation.verify_report import (
    AudioCheck,
    CodesCheck,
    VerifyReport,
    compare_codes,
)
from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import as_code_sequence, build_codes

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

Codes = npt.NDArray[np.int16]

_CHUNKS: Final = (1, 479, 1920, 12_345, 2, 3841)

_LONGEST_S: Final = 7.3
_BEYOND_WINDOWS_S: Final = 31.7  # longer than what networks look back on, and than their chunks
"""Samples pushed at once, over and over: less than a frame, a frame, several and a bit."""

_FRAME_CHUNKS: Final = (1, 3, 2, 7)
"""Frames pushed at once, over and over."""


def verify(
    codec: Codec[Any, Any],
    *,
    seconds: float = 60.0,
    clips: Sequence[npt.ArrayLike] | None = None,
    threads: Sequence[int] = (1, 2, 4),
) -> VerifyReport:
    """Encode and decode the same clips in several ways and compare.

    Every clip is encoded and decoded alone, which is the reference; then once more, in one batch,
    in a stream of odd chunks, and with other numbers of torch threads.

    Parameters
    ----------
    codec : Codec
        The codec.
    seconds : float, default 60.0
        Length of the synthetic clips together. Fewer than 10,000 frames (800 s at 12.5 frames a
        second) cannot tell whether one in 10,000 differs; there, one near-tie passes.
    clips : sequence of array_like, optional
        Clips to use instead, each of shape (sample,) at the codec's own rate.
    threads : sequence of int, default (1, 2, 4)
        Numbers of threads to try; the number in force is restored.

    Returns
    -------
    VerifyReport
        ``report.ok`` says whether all agree, ``report.status`` is an exit status.

    Raises
    ------
    InputError
        If `seconds` is not above 0, a clip is not mono, empty or not finite, or there is no such
        number of threads.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> verify(qt.load_codec("mini", device="cpu"), seconds=1.0, threads=[1]).ok
    True
    """
    if not hasattr(codec, "spec"):
        raise InputError(f"verify takes a codec, as load_codec returns it; got {codec!r}")
    if not all(isinstance(n, (int, np.integer)) and n >= 1 for n in threads):
        raise InputError(f"threads must be numbers of at least 1, got {threads!r}")
    spec = codec.spec
    if clips is None:
        chosen = verify_clips(seconds, sr=spec.sample_rate, hop_length=spec.hop_length)
    else:
        chosen = [check_mono(y, f"clip {index}") for index, y in enumerate(clips)]
    if not chosen:
        raise InputError("there is no clip to verify with")
    return _Reference(codec, chosen).report(threads)


class _Reference:
    """Clips, and what the codec makes of each alone."""

    def __init__(self, codec: Codec[Any, Any], clips: Sequence[FloatArray]) -> None:
        self.codec, self.clips, self.sr = codec, clips, codec.spec.sample_rate
        self.latents = [codec.project(codec.latents(y, sr=self.sr)) for y in clips]
        self.codes = self.encode_alone()
        self.audio = self.decode_alone()

    def report(self, threads: Sequence[int]) -> VerifyReport:
        codes = [
            self.check_codes("once more", self.encode_alone),
            self.check_codes("one batch", self.encode_batch),
            self.check_codes("stream of odd chunks", self.encode_stream),
        ]
        audio = [
            self.check_audio("once more", self.decode_alone),
            self.check_audio("one batch", self.decode_batch),
            self.check_audio("stream of odd chunks", self.decode_stream),
        ]
        for number in threads:
            with _torch_threads(number):
                name = f"{number} thread{'s' * (number > 1)}"
                codes.append(self.check_codes(name, self.encode_alone))
                audio.append(self.check_audio(name, self.decode_alone))
        duration_s = sum(len(y) for y in self.clips) / self.sr
        spec = self.codec.spec
        return VerifyReport(
            spec.name, spec.fingerprint, len(self.clips), duration_s, tuple(codes), tuple(audio)
        )

    def encode_alone(self) -> list[Codes]:
        return [self.codec.encode(y, sr=self.sr) for y in self.clips]

    def encode_batch(self) -> list[Codes]:
        return list(as_code_sequence(self.codec.encode_many(list(self.clips), sr=self.sr)))

    def encode_stream(self) -> list[Codes]:
        return [self._stream_codes(y) for y in self.clips]

    def decode_alone(self) -> list[FloatArray]:
        return [
            self.codec.decode(codes, length=len(y))[0]
            for codes, y in zip(self.codes, self.clips, strict=True)
        ]

    def decode_batch(self) -> list[FloatArray]:
        ds = build_codes(
            self.codes,
            spec=self.codec.spec,
            n_samples=[len(y) for y in self.clips],
            sample_rates=[self.sr] * len(self.clips),
            sources=[f"clip {index}" for index in range(len(self.clips))],
        )
        return [y for y, _ in self.codec.decode_many(ds)]

    def decode_stream(self) -> list[FloatArray]:
        return [
            self._stream_audio(codes)[: len(y)]
            for codes, y in zip(self.codes, self.clips, strict=True)
        ]

    def check_codes(self, name: str, encode: Callable[[], list[Codes]]) -> CodesCheck:
        n_frames, differences = 0, []
        try:
            for latents, expected, got in zip(self.latents, self.codes, encode(), strict=True):
                n_frames += expected.shape[1]
                differences += compare_codes(self.codec, latents, expected, got)
        except InputError as error:
            return CodesCheck(name, n_frames, tuple(differences), problem=str(error))
        return CodesCheck(name, n_frames, tuple(differences))

    def check_audio(self, name: str, decode: Callable[[], list[FloatArray]]) -> AudioCheck:
        largest = 0.0
        for expected, got in zip(self.audio, decode(), strict=True):
            if expected.shape != got.shape:
                problem = f"{len(got)} samples where {len(expected)} were expected"
                return AudioCheck(name, float("inf"), problem=problem)
            if not np.isfinite(got).all():
                return AudioCheck(name, float("inf"), problem="samples that are not finite")
            largest = max(largest, float(np.abs(expected - got).max(initial=0.0)))
        return AudioCheck(name, largest)

    def _stream_codes(self, y: FloatArray) -> Codes:
        with self.codec.stream_encoder() as stream:
            parts = [stream.push(chunk) for chunk in _chunks(y, _CHUNKS)]
            return np.concatenate([*parts, stream.flush()], axis=1)

    def _stream_audio(self, codes: Codes) -> FloatArray:
        with self.codec.stream_decoder() as stream:
            parts = [stream.push(chunk.T) for chunk in _chunks(codes.T, _FRAME_CHUNKS)]
            return np.concatenate([*parts, stream.flush()])


def _chunks(array: npt.NDArray[Any], sizes: Sequence[int]) -> Iterator[npt.NDArray[Any]]:
    start = 0
    for size in cycle(sizes):
        if start >= len(array):
            return
        yield array[start : start + size]
        start += size


@contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def verify_clips(seconds: float, *, sr: int, hop_length: int, seed: int = 0) -> list[FloatArray]:
    """Make clips of odd lengths: voices, strokes, noise, sweeps and silence.

    One of them is 31.7 s long, or a little more than half of `seconds`.

    Parameters
    ----------
    seconds : float
        Length of all of them together, about; above 0.
    sr : int
        Rate, in Hz.
    hop_length : int
        Samples of a codec frame; some clips end one sample before, at or after a frame.
    seed : int, default 0
        Seed of the random numbers.

    Returns
    -------
    list of ndarray of float32, shape (sample,)
        Peaks from 0 to 1.

    Raises
    ------
    InputError
        If `seconds` is not above 0.

    Examples
    --------
    >>> clips = verify_clips(5.0, sr=24_000, hop_length=1920)
    >>> [len(clip) for clip in clips[:4]]
    [1, 1919, 1920, 1921]
    """
    if not seconds > 0:
        raise InputError(f"seconds must be above 0, got {seconds}")
    rng = np.random.default_rng(seed)
    long_s = min(_BEYOND_WINDOWS_S, 0.55 * seconds)
    lengths = [1, hop_length - 1, hop_length, hop_length + 1]
    lengths += [hop_length // 2, max(1, round(long_s * sr))]
    while sum(lengths) < seconds * sr:
        lengths.append(int(rng.integers(hop_length, round(_LONGEST_S * sr))))
    makers = (_voice, _strokes, _noise, _sweep, _silence)
    return [
        makers[index % len(makers)](length, sr, rng).astype(np.float32)
        for index, length in enumerate(lengths)
    ]


def _voice(length: int, sr: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = np.arange(length) / sr
    pitch = rng.uniform(80, 300) * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / sr
    formant = rng.uniform(2, 8) * (1 + 0.5 * np.sin(2 * np.pi * 1.9 * time))
    tone = sum(np.exp(-(((n - formant) / 2) ** 2)) * np.sin(n * phase) for n in range(1, 20))
    return _to_peak(tone * np.clip(np.sin(2 * np.pi * 2.3 * time), 0, None), rng)


def _strokes(length: int, sr: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    y = np.zeros(length)
    for start in rng.integers(0, length, size=1 + length // (sr // 3)):
        time = np.arange(length - start) / sr
        tone = np.sin(2 * np.pi * rng.uniform(100, 2000) * time)
        y[start:] += tone * np.exp(-time * rng.uniform(3, 30))
    return _to_peak(y, rng)


def _noise(length: int, sr: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    white = rng.normal(size=length)
    colour = rng.uniform(0, 0.95)
    shaped = np.convolve(white, colour ** np.arange(min(length, 200)))[:length]
    return _to_peak(shaped, rng)


def _sweep(length: int, sr: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    low, high = np.sort(rng.uniform(40, 0.45 * sr, size=2))
    phase = 2 * np.pi * np.cumsum(np.geomspace(low, high, length)) / sr
    return _to_peak(np.sin(phase), rng)


def _silence(length: int, sr: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return np.zeros(length)


def _to_peak(y: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    loudest = np.abs(y).max(initial=0.0)
    return y * (10 ** rng.uniform(-2, 0) / loudest) if loudest else y
