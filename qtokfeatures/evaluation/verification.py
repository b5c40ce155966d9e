"""Verification that a codec gives the same codes and audio however it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from qtokfeatures.parameters import number, whole

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

Codes = npt.NDArray[np.int16]

# Sizes of pushed chunks in turn: less than a frame, a frame, several and a remainder.
_CHUNKS: Final = (1, 479, 1920, 12_345, 2, 3841)
_FRAME_CHUNKS: Final = (1, 3, 2, 7)

_LONGEST_S: Final = 7.3
_BEYOND_WINDOWS_S: Final = 31.7  # longer than the networks' context and than their chunks


def verify(
    codec: Codec[Any, Any],
    *,
    seconds: float = 60.0,
    clips: Sequence[npt.ArrayLike] | None = None,
    threads: Sequence[int] = (1, 2, 4),
) -> VerifyReport:
    """Encode and decode the same clips in several ways and compare the results.

    The reference is every clip encoded and decoded alone. It is compared with a second run, one
    batch, a stream of odd chunks, and other numbers of torch threads.

    Parameters
    ----------
    codec : Codec
        The codec.
    seconds : float, default 60.0
        Total duration of the synthetic clips. Below 10,000 frames (800 s at 12.5 frames per
        second) a rate of one differing frame in 10,000 cannot be measured, and one near-tie
        passes.
    clips : sequence of array_like, optional
        Clips to use instead, each of shape (sample,) at the codec's sampling rate.
    threads : sequence of int, default (1, 2, 4)
        Numbers of torch threads to compare; the current number is restored afterwards.

    Returns
    -------
    VerifyReport
        ``report.ok`` is true if all results agree.

    Raises
    ------
    InputError
        If `seconds` is not above 0, there is no clip, a clip is empty, not mono or not finite, or
        a number of threads is not a whole number of at least 1.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> qt.verify(qt.load_codec("mini", device="cpu"), seconds=1.0, threads=[1]).ok
    True
    """
    if not hasattr(codec, "spec"):
        raise InputError(f"verify needs a codec as load_codec returns it, got {codec!r}")
    threads = [whole("threads", n, at_least=1) for n in threads]
    spec = codec.spec
    if clips is None:
        chosen = verify_clips(seconds, sr=spec.sample_rate, hop_length=spec.hop_length)
    else:
        chosen = [check_mono(y, f"clip {index}") for index, y in enumerate(clips)]
    if not chosen:
        raise InputError("clips is empty; verify needs at least one clip")
    return _Reference(codec, chosen).report(threads)


class _Reference:
    """Clips, encoded and decoded each alone."""

    def __init__(self, codec: Codec[Any, Any], clips: Sequence[FloatArray]) -> None:
        self.codec, self.clips, self.sr = codec, clips, codec.spec.sample_rate
        self.latents = [codec.project(codec.latents(y, sr=self.sr)) for y in clips]
        self.codes = self.encode_alone()
        self.audio = self.decode_alone()

    def report(self, threads: Sequence[int]) -> VerifyReport:
        from qtokfeatures.codecs.threads import use_threads

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
        for n in threads:
            with use_threads(n):
                name = f"{n} thread{'s' * (n > 1)}"
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
                problem = f"{len(got)} samples instead of {len(expected)}"
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


def verify_clips(seconds: float, *, sr: int, hop_length: int, seed: int = 0) -> list[FloatArray]:
    """Synthetic voices, strokes, noise, sweeps and silence of odd lengths, one of up to 31.7 s."""
    seconds = number("seconds", seconds, above=0)
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
