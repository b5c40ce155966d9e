"""Where frames come from: a codec, or librosa."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio.acoustic import MelWindows

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

Samples = npt.NDArray[np.float32]
Frames = npt.NDArray[Any]

CODEC_FEATURES: Final = ("semantic", "tokens", "embedding", "latent")
"""What a codec can tell of a frame."""
ACOUSTIC_FEATURES: Final = ("logmel", "mfcc")

N_MELS: Final = 80
N_MFCC: Final = 13
_MELS_OF_MFCC: Final = 40
_WINDOW_S: Final = 0.025
_HOP_S: Final = 0.01
_N_FFT: Final = 512


class PieceStream(Protocol):
    """Audio in pieces → frames in pieces."""

    def push(self, y: Samples) -> Frames:
        """Take more samples, and return the frames that are complete."""

    def flush(self) -> Frames:
        """Return the frames that were waiting; nothing follows."""


class FrameSource(ABC):
    """Makes frames of audio at one rate."""

    sr: int
    frame_rate: float
    names: list[str]

    @abstractmethod
    def stream(self) -> PieceStream:
        """Start a stream."""

    def frames_of(self, y: Samples) -> Frames:
        """Return the frames of a whole clip (frame, feature)."""
        stream = self.stream()
        parts = [stream.push(y), stream.flush()]
        return np.concatenate([part for part in parts if len(part)])

    def frames_of_all(self, waves: Sequence[Samples]) -> list[Frames]:
        """Return the frames of each of several clips."""
        return [self.frames_of(y) for y in waves]


class CodecFrames(FrameSource):
    """What a codec knows of each frame."""

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
        """Return the frames of the encoder's vectors (frame, dim)."""
        if self._kind == "latent" or not len(latents):
            return latents
        projected = self._codec.project(latents)
        return np.ascontiguousarray(projected[:, self._codec.semantic_dims])

    def stream(self) -> PieceStream:
        """Start a stream."""
        if self._is_before_quantisation:
            return _LatentFrames(self, self._codec)
        return _CodeStream(self, self._codec)

    def frames_of_all(self, waves: Sequence[Samples]) -> list[Frames]:
        """Return the frames of each of several clips."""
        if self._is_before_quantisation:
            from qtokfeatures.codecs.batching import latents_of

            return [self.of_latents(latents) for latents in latents_of(self._codec, waves)]
        from qtokfeatures.codecs.batching import encode_waves

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


class _LatentFrames:
    """The encoder's vectors as they come, and what is made of them."""

    def __init__(self, source: CodecFrames, codec: Codec) -> None:
        from qtokfeatures.codecs.streaming import LatentStream

        self._source, self._encoder = source, LatentStream(codec)

    def push(self, y: Samples) -> Frames:
        return self._source.of_latents(self._encoder.push(y))

    def flush(self) -> Frames:
        return self._source.of_latents(self._encoder.flush())


class _CodeStream:
    """Codes as they come, and what is made of them."""

    def __init__(self, source: CodecFrames, codec: Codec) -> None:
        from qtokfeatures.codecs.streaming import StreamEncoder

        self._source, self._encoder = source, StreamEncoder(codec)

    def push(self, y: Samples) -> Frames:
        return self._source.of_codes(self._encoder.push(y))

    def flush(self) -> Frames:
        return self._source.of_codes(self._encoder.flush())


class AcousticFrames(FrameSource):
    """Log-mel spectra or MFCC, as librosa computes them, every 10 ms."""

    def __init__(self, kind: str, sr: int) -> None:
        self.sr, window = sr, round(_WINDOW_S * sr)
        self.hop_length, self.n_fft = round(_HOP_S * sr), max(_N_FFT, window)
        self.frame_rate = sr / self.hop_length
        mels, cosines = (_MELS_OF_MFCC, N_MFCC) if kind == "mfcc" else (N_MELS, None)
        self.of_windows = MelWindows(
            sr, n_mels=mels, n_fft=self.n_fft, window=window, hop=self.hop_length, n_mfcc=cosines
        )
        self.names = [f"{kind}_{i}" for i in range(self.of_windows.n_features)]

    def stream(self) -> PieceStream:
        """Start a stream."""
        return _WindowStream(self)


class _WindowStream:
    """Windows over what came, with zeros before the start and behind the end."""

    def __init__(self, source: AcousticFrames) -> None:
        self._source = source
        self._waiting = np.zeros(source.n_fft // 2, np.float32)

    def push(self, y: Samples) -> Frames:
        self._waiting = np.concatenate([self._waiting, np.asarray(y, dtype=np.float32)])
        frames = self._source.of_windows(self._waiting)
        self._waiting = self._waiting[len(frames) * self._source.hop_length :]
        return frames

    def flush(self) -> Frames:
        return self.push(np.zeros(self._source.n_fft // 2, np.float32))
