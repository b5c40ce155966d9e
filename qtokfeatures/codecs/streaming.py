"""Encoding and decoding block by block, with the codes and samples of one pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from typing_extensions import Self

from qtokfeatures.audio.resampling import BlockResampler, checked_rate
from qtokfeatures.audio.waveforms import stream_piece
from qtokfeatures.codecs.checks import as_codes
from qtokfeatures.codecs.network import CodecNetwork, Codes, Vectors
from qtokfeatures.codecs.out_of_memory import memory_errors_as_codec_errors
from qtokfeatures.exceptions import StreamClosedError
from qtokfeatures.parameters import whole

_CHUNK_FRAMES = 250  # frames of one push in the network at once: bounds memory


class _Stream:
    """A codec, and the end of its stream."""

    def __init__(self, codec: CodecNetwork[Any, Any]) -> None:
        self._codec, self._open = codec, True

    def close(self) -> None:
        """End the stream and discard pending samples."""
        self._open = False

    def __enter__(self) -> Self:
        """Return the stream."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the stream."""
        self.close()

    def _check_open(self) -> None:
        if not self._open:
            raise StreamClosedError("this stream has ended: open another one")

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Run the network; an error ends the stream, whose state is then half advanced."""
        try:
            with self._codec.running(), memory_errors_as_codec_errors():
                yield
        except BaseException:
            self.close()
            raise


class _FrameStream(_Stream):
    """Audio in blocks → latents of whole frames."""

    def __init__(
        self, codec: CodecNetwork[Any, Any], *, sr: int | None = None, channels: int = 1
    ) -> None:
        super().__init__(codec)
        rate = codec.spec.sample_rate
        self._n_channels = whole("channels", channels, at_least=1)
        self._resampler = BlockResampler(rate if sr is None else checked_rate(sr), rate)
        self._state = codec.start_encoding()
        self._rest = np.zeros(0, dtype=np.float32)

    def _whole_frames(self, y: npt.ArrayLike) -> Vectors:
        """Append audio; return the samples of the frames that are now complete."""
        self._check_open()
        piece = self._resampler.push(stream_piece(y, self._n_channels))
        waiting = np.concatenate([self._rest, piece])
        end = len(waiting) - len(waiting) % self._codec.spec.hop_length
        self._rest = waiting[end:].copy()
        return waiting[:end]

    def _last_frames(self) -> Vectors:
        """Pad the pending samples to whole frames and end the stream."""
        self._check_open()
        waiting = np.concatenate([self._rest, self._resampler.flush()])
        missing = -len(waiting) % self._codec.spec.hop_length
        self.close()
        return np.pad(waiting, (0, missing))

    def _latents(self, y: Vectors) -> Iterator[Tensor]:
        """Yield latents (1, frame, dim) of whole frames, chunk by chunk."""
        chunk = _CHUNK_FRAMES * self._codec.spec.hop_length
        for start in range(0, len(y), chunk):
            piece = torch.from_numpy(y[None, start : start + chunk]).to(self._codec.device)
            yield self._codec.latent_chunk(piece, self._state)


class StreamEncoder(_FrameStream):
    """Encoder of audio that arrives in blocks, opened by :meth:`Codec.stream_encoder`.

    Parameters
    ----------
    codec : CodecNetwork
        The codec that encodes.
    sr : int, optional
        Rate of the blocks in Hz; the codec's own by default.
    channels : int, default=1
        Number of channels of the blocks, which are averaged.
    """

    def push(self, y: npt.ArrayLike) -> Codes:
        """Append audio and encode the frames that are complete.

        Parameters
        ----------
        y : array, shape (sample,), (sample, channel) or (channel, sample)
            Any number of samples, including none, at the rate and with the channels of the
            stream. Floats, or integers, which are divided by their full scale. A square block is
            taken as (sample, channel).

        Returns
        -------
        ndarray of int16, shape (codebook, frame)
            Codes of the frames that are now complete; possibly none.

        Raises
        ------
        AudioError
            If the block has other channels, or holds values that are not finite or no audio.
        StreamClosedError
            If the stream has ended.
        """
        return self._encode(self._whole_frames(y))

    def flush(self) -> Codes:
        """Pad the pending samples to whole frames, encode them and end the stream.

        Returns
        -------
        ndarray of int16, shape (codebook, frame)
            The last frames, or none if no samples were pending.
        """
        return self._encode(self._last_frames())

    def _encode(self, y: Vectors) -> Codes:
        parts = [np.zeros((self._codec.spec.n_codebooks, 0), dtype=np.int16)]
        with self._running():
            for latent in self._latents(y):
                codes = self._codec.code_chunk(latent)
                parts.append(codes[0].to(torch.int16).cpu().numpy())
        return np.concatenate(parts, axis=1)


class LatentStream(_FrameStream):
    """Audio in blocks → latents (frame, dim) in blocks."""

    def push(self, y: npt.ArrayLike) -> Vectors:
        """Append audio; return the latents of the frames that are complete."""
        return self._vectors(self._whole_frames(y))

    def flush(self) -> Vectors:
        """Pad the pending samples to a whole frame, return its latent and end the stream."""
        return self._vectors(self._last_frames())

    def _vectors(self, y: Vectors) -> Vectors:
        with self._running():
            parts = [latent[0].float().cpu().numpy() for latent in self._latents(y)]
        return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)


class StreamDecoder(_Stream):
    """Decoder of codes that arrive in blocks, opened by :meth:`Codec.stream_decoder`.

    Parameters
    ----------
    codec : CodecNetwork
        The codec that decodes.
    """

    def __init__(self, codec: CodecNetwork[Any, Any]) -> None:
        super().__init__(codec)
        self._state = codec.start_decoding()

    def push(self, codes: npt.ArrayLike) -> Vectors:
        """Decode more frames.

        Parameters
        ----------
        codes : array of int, shape (codebook, frame)
            Any number of frames, including none.

        Returns
        -------
        ndarray of float32, shape (sample,)
            Their audio at the codec's rate.

        Raises
        ------
        CodesError
            If the shape is wrong or an entry is in no codebook.
        StreamClosedError
            If the stream has ended.
        """
        self._check_open()
        codec = self._codec
        array = as_codes(codes, codec.spec, least_frames=0)
        if array.shape[1] == 0:
            return np.zeros(0, dtype=np.float32)
        checked = torch.from_numpy(array.astype(np.int64))
        with self._running():
            waves = [
                codec.decode_chunk(part[None].to(codec.device), self._state)[0]
                for part in checked.split(_CHUNK_FRAMES, dim=1)
            ]
            return torch.cat(waves).float().cpu().numpy()

    def flush(self) -> Vectors:
        """End the stream.

        Returns
        -------
        ndarray of float32, shape (sample,)
            Pending samples: always none, because decoding is causal.
        """
        self._check_open()
        self.close()
        return np.zeros(0, dtype=np.float32)
