"""Encoding and decoding piece by piece, with the codes and samples of one pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from qtokfeatures.audio.waveforms import stream_piece
from qtokfeatures.codecs.checks import as_codes
from qtokfeatures.codecs.network import CodecNetwork
from qtokfeatures.codecs.nn.precision import inference
from qtokfeatures.codecs.out_of_memory import named_memory_errors
from qtokfeatures.exceptions import StreamClosedError

_CHUNK_FRAMES = 250


class _FrameStream:
    """Audio in pieces → what a codec makes of whole frames."""

    def __init__(self, codec: CodecNetwork[Any, Any]) -> None:
        self._codec, self._open = codec, True
        self._state = codec.start_encoding()
        self._rest = np.zeros(0, dtype=np.float32)

    def _whole_frames(self, y: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Take more audio, and return the samples of the frames that are complete now."""
        _check_open(self._open)
        waiting = np.concatenate([self._rest, stream_piece(y)])
        whole = len(waiting) - len(waiting) % self._codec.spec.hop_length
        self._rest = waiting[whole:].copy()
        return waiting[:whole]

    def _last_frame(self) -> npt.NDArray[np.float32]:
        """Pad what is left to a whole frame, and end the stream."""
        _check_open(self._open)
        missing = -len(self._rest) % self._codec.spec.hop_length
        self.close()
        return np.pad(self._rest, (0, missing))

    def close(self) -> None:
        """End the stream without encoding what is left."""
        self._open = False

    def _latents(self, y: npt.NDArray[np.float32]) -> Iterator[Tensor]:
        """Yield (1, frame, dim), a stretch of whole frames after another."""
        chunk = _CHUNK_FRAMES * self._codec.spec.hop_length
        for start in range(0, len(y), chunk):
            piece = torch.from_numpy(y[None, start : start + chunk]).to(self._codec.device)
            yield self._codec.latent_chunk(piece, self._state)


class StreamEncoder(_FrameStream):
    """Audio in pieces → codes in pieces; made by :meth:`Codec.stream_encoder`.

    Parameters
    ----------
    codec : CodecNetwork
        The codec that encodes.
    """

    def push(self, y: npt.ArrayLike) -> npt.NDArray[np.int16]:
        """Take more audio.

        Parameters
        ----------
        y : array, shape (sample,)
            Mono audio at the codec's rate, any number of samples, none included. Floats, or
            integers, which are divided by their full scale.

        Returns
        -------
        ndarray of int16, shape (codebook, frame)
            Codes of the frames that are complete now; possibly none.

        Raises
        ------
        AudioError
            Not one-dimensional, or values that are not finite or no audio.
        """
        return self._encode(self._whole_frames(y))

    def flush(self) -> npt.NDArray[np.int16]:
        """Pad what is left to a whole frame, encode it and end the stream.

        Returns
        -------
        ndarray of int16, shape (codebook, frame)
            One frame, or none where nothing was left.
        """
        return self._encode(self._last_frame())

    def _encode(self, y: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
        parts = [np.zeros((self._codec.spec.n_codebooks, 0), dtype=np.int16)]
        with _moving(self):
            for latent in self._latents(y):
                codes = self._codec.code_chunk(latent)
                parts.append(codes[0].to(torch.int16).cpu().numpy())
        return np.concatenate(parts, axis=1)


class LatentStream(_FrameStream):
    """Audio in pieces → the encoder's vectors before quantisation, in pieces.

    Parameters
    ----------
    codec : CodecNetwork
        The codec that encodes.
    """

    def push(self, y: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Take more audio, as :meth:`StreamEncoder.push` does; return vectors (frame, dim)."""
        return self._vectors(self._whole_frames(y))

    def flush(self) -> npt.NDArray[np.float32]:
        """Pad what is left to a whole frame, return its vector and end the stream."""
        return self._vectors(self._last_frame())

    def _vectors(self, y: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with _moving(self):
            parts = [latent[0].float().cpu().numpy() for latent in self._latents(y)]
        return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)


class StreamDecoder:
    """Codes in pieces → audio in pieces; made by :meth:`Codec.stream_decoder`.

    Parameters
    ----------
    codec : CodecNetwork
        The codec that decodes.
    """

    def __init__(self, codec: CodecNetwork[Any, Any]) -> None:
        self._codec, self._open = codec, True
        self._state = codec.start_decoding()

    def push(self, codes: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Take more codes.

        Parameters
        ----------
        codes : array of int, shape (codebook, frame)
            Any number of frames, none included.

        Returns
        -------
        ndarray of float32, shape (sample,)
            Their audio at the codec's rate.

        Raises
        ------
        CodesError
            A wrong shape or an entry that no codebook has.
        """
        _check_open(self._open)
        codec = self._codec
        array = as_codes(codes, codec.spec, least_frames=0)
        if array.shape[1] == 0:
            return np.zeros(0, dtype=np.float32)
        checked = torch.from_numpy(array.astype(np.int64))
        with _moving(self):
            waves = [
                codec.decode_chunk(part[None].to(codec.device), self._state)[0]
                for part in checked.split(_CHUNK_FRAMES, dim=1)
            ]
            return torch.cat(waves).float().cpu().numpy()

    def flush(self) -> npt.NDArray[np.float32]:
        """End the stream.

        Returns
        -------
        ndarray of float32, shape (sample,)
            Samples that were held back: none, because decoding is causal.
        """
        _check_open(self._open)
        self.close()
        return np.zeros(0, dtype=np.float32)

    def close(self) -> None:
        """End the stream."""
        self._open = False


@contextmanager
def _moving(stream: _FrameStream | StreamDecoder) -> Iterator[None]:
    """Run the network; where that fails half-way, the past is neither old nor new: end it."""
    try:
        with inference(stream._codec.device), named_memory_errors():  # noqa: SLF001 — one module
            yield
    except BaseException:
        stream.close()
        raise


def _check_open(is_open: bool) -> None:
    if not is_open:
        raise StreamClosedError("this stream has ended: open another one")
