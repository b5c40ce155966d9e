"""Sources of frames: the vectors and codes of a codec, log-mel spectra and MFCC."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio.acoustic import MelWindows

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

Samples = npt.NDArray[np.float32]
Frames: TypeAlias = npt.NDArray[Any]

CODEC_FEATURES: Final = ("semantic", "tokens", "embedding", "latent")
ACOUSTIC_FEATURES: Final = ("logmel", "mfcc")

# The usual front end of speech recognisers, as in HTK and Kaldi.
_WINDOW_S: Final = 0.025
_HOP_S: Final = 0.01
_N_FFT: Final = 512
_N_MELS: Final = 80
_MELS_OF_MFCC: Final = 40
_N_MFCC: Final = 13


class PieceStream(Protocol):
    """Incremental computation: samples or frames in, frames (frame, feature) out."""

    def push(self, piece: Frames, /) -> Frames:
        """Return the frames that the next piece completes."""

    def flush(self) -> Frames:
        """Return the remaining frames at the end."""


class FrameSource(ABC):
    """Computation of frames, `frame_rate` per second, from audio at the rate `sr` in Hz."""

    sr: int
    frame_rate: float
    names: list[str]

    @abstractmethod
    def stream(self) -> PieceStream:
        """Start a stream of samples."""

    def frames_of(self, y: Samples) -> Frames:
        """Return the frames of a whole clip (frame, feature)."""
        stream = self.stream()
        parts = [stream.push(y), stream.flush()]
        return np.concatenate([part for part in parts if len(part)])

    def frames_of_all(self, waves: Sequence[Samples]) -> list[Frames]:
        """Return the frames of each of several clips."""
        return [self.frames_of(y) for y in waves]


class CodecFrames(FrameSource):
    """Vectors or codes of a codec; "semantic" is what codebook 0 quantises, before it does."""

    def __init__(self, codec: Codec, kind: str, codebooks: list[int]) -> None:
        self._codec, self._kind, self._codebooks = codec, kind, codebooks
        self.sr, self.frame_rate = codec.spec.sample_rate, codec.spec.frame_rate
        if kind == "tokens":
            self.names = [f"token_{k}" for k in codebooks]
        else:
            self.names = [f"{kind}_{i}" for i in range(self._one_frame().shape[1])]

    def of_codes(self, codes: npt.NDArray[np.int16]) -> Frames:
        """Return the frames of codes (codebook, frame)."""
        if self._kind == "tokens":
            return codes[self._codebooks].T.astype(np.int64)
        if not codes.shape[1]:
            return np.zeros((0, len(self.names)), np.float32)
        return self._codec.embed(codes, codebooks=self._codebooks)

    def of_latents(self, latents: Frames) -> Frames:
        """Return the frames of vectors of the encoder (frame, dim)."""
        if self._kind == "latent" or not len(latents):
            return latents
        projected = self._codec.project(latents)
        return np.ascontiguousarray(projected[:, self._codec.semantic_dims])

    def stream(self) -> PieceStream:
        """Start a stream of samples."""
        from qtokfeatures.codecs.streaming import LatentStream, StreamEncoder

        if self._is_before_quantisation:
            return _MappedStream(LatentStream(self._codec), self.of_latents)
        return _MappedStream(StreamEncoder(self._codec), self.of_codes)

    def frames_of_all(self, waves: Sequence[Samples]) -> list[Frames]:
        """Return the frames of each of several clips, encoded in batches."""
        from qtokfeatures.codecs.batching import encode_waves, latents_of

        if self._is_before_quantisation:
            return [self.of_latents(latents) for latents in latents_of(self._codec, waves)]
        return [self.of_codes(codes) for codes in encode_waves(self._codec, waves)]

    @property
    def _is_before_quantisation(self) -> bool:
        return self._kind in ("latent", "semantic")

    def _one_frame(self) -> Frames:
        spec = self._codec.spec
        if not self._is_before_quantisation:
            return self.of_codes(np.zeros((spec.n_codebooks, 1), np.int16))
        silence = np.zeros(spec.hop_length, dtype=np.float32)
        return self.of_latents(self._codec.latents(silence, sr=spec.sample_rate))


class _MappedStream:
    """Output of a streaming encoder, converted to frames."""

    def __init__(self, encoder: Any, frames_of: Callable[[Any], Frames]) -> None:
        self._encoder, self._frames_of = encoder, frames_of

    def push(self, y: Samples) -> Frames:
        return self._frames_of(self._encoder.push(y))

    def flush(self) -> Frames:
        return self._frames_of(self._encoder.flush())


class AcousticFrames(FrameSource):
    """Log-mel spectra or MFCC of centred windows of 25 ms, every 10 ms."""

    def __init__(self, kind: str, sr: int) -> None:
        self.sr, hop, window = sr, round(_HOP_S * sr), round(_WINDOW_S * sr)
        self.frame_rate = sr / hop
        n_mels, n_mfcc = (_MELS_OF_MFCC, _N_MFCC) if kind == "mfcc" else (_N_MELS, None)
        self.windows = MelWindows(
            sr, n_mels=n_mels, n_mfcc=n_mfcc, n_fft=max(_N_FFT, window), window=window, hop=hop
        )
        self.names = [f"{kind}_{i}" for i in range(self.windows.n_features)]

    def stream(self) -> PieceStream:
        """Start a stream of samples."""
        return _WindowStream(self.windows)


class _WindowStream:
    """Frames of windows, with zeros before the start and after the end."""

    def __init__(self, windows: MelWindows) -> None:
        self._windows, self._half = windows, np.zeros(windows.n_fft // 2, np.float32)
        self._waiting = self._half

    def push(self, y: Samples) -> Frames:
        self._waiting = np.concatenate([self._waiting, np.asarray(y, dtype=np.float32)])
        frames = self._windows(self._waiting)
        self._waiting = self._waiting[len(frames) * self._windows.hop :]
        return frames

    def flush(self) -> Frames:
        return self.push(self._half)
