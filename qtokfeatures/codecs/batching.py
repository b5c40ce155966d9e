"""Many clips through a codec, grouped by length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from qtokfeatures.codecs.network import CodecNetwork
from qtokfeatures.codecs.nn.precision import inference
from qtokfeatures.codecs.out_of_memory import in_memory, named_memory_errors
from qtokfeatures.codecs.refining import refine_blocks
from qtokfeatures.codecs.streaming import StreamEncoder
from qtokfeatures.progress import progress_bar

CHUNK_S = 20.0
"""Longest stretch of a clip that goes through the network at once; memory does not grow past it."""
_SHORTEST_SHARE = 0.6
"""A batch holds no clip shorter than this share of its longest: little is spent on padding."""


def encode_waves(
    codec: CodecNetwork[Any, Any], waves: Sequence[npt.NDArray[np.float32]], *, refine: int = 0
) -> list[npt.NDArray[np.int16]]:
    """Encode clips at the codec's rate, in batches of similar length; order is kept."""
    if refine:
        return [encode_blocks(codec, [y], refine=refine) for y in waves]
    frames = [frames_of(len(y), codec.spec.hop_length) for y in waves]
    found: dict[int, npt.NDArray[np.int16]] = {}
    for rows in length_batches(frames, most=int(codec.batch_s * codec.spec.frame_rate)):
        encoded = in_memory(lambda part: _encode_batch(codec, part), [waves[i] for i in rows])
        for i, own in zip(rows, encoded, strict=True):
            found[i] = np.ascontiguousarray(own[:, : frames[i]])
    return [found[i] for i in range(len(waves))]


def encode_blocks(
    codec: CodecNetwork[Any, Any], blocks: Iterable[npt.NDArray[np.float32]], *, refine: int = 0
) -> npt.NDArray[np.int16]:
    """Encode one clip that comes in pieces at the codec's rate, whatever its length."""
    if refine:
        with named_memory_errors():
            return refine_blocks(codec, blocks, refine)
    stream = StreamEncoder(codec)
    try:
        parts = [stream.push(block) for block in blocks]
        return np.concatenate([*parts, stream.flush()], axis=1)
    finally:
        stream.close()


def latent_chunks(
    codec: CodecNetwork[Any, Any], waves: Sequence[npt.NDArray[np.float32]]
) -> Iterator[Tensor]:
    """Yield ``(batch, frame, dim)`` of zero-padded clips, a stretch of time after another."""
    hop = codec.spec.hop_length
    longest = codec.padded_frames(max(frames_of(len(y), hop) for y in waves)) * hop
    chunk = int(CHUNK_S * codec.spec.frame_rate) * hop
    state = codec.start_encoding()
    for start in range(0, longest, chunk):
        padded = np.zeros((len(waves), min(chunk, longest - start)), dtype=np.float32)
        for row, y in zip(padded, waves, strict=True):
            piece = y[start : start + chunk]
            row[: len(piece)] = piece
        yield codec.latent_chunk(torch.from_numpy(padded).to(codec.device), state)


def latents_of(
    codec: CodecNetwork[Any, Any], waves: Sequence[npt.NDArray[np.float32]]
) -> list[npt.NDArray[np.float32]]:
    """Return the encoder's vectors (frame, dim) of clips at the codec's rate; order is kept."""
    frames = [frames_of(len(y), codec.spec.hop_length) for y in waves]
    found: dict[int, npt.NDArray[np.float32]] = {}
    for rows in length_batches(frames, most=int(codec.batch_s * codec.spec.frame_rate)):
        vectors = in_memory(lambda part: _latent_batch(codec, part), [waves[i] for i in rows])
        for i, own in zip(rows, vectors, strict=True):
            found[i] = own[: frames[i]].copy()
    return [found[i] for i in range(len(waves))]


def decode_all(
    codec: CodecNetwork[Any, Any], clips: Sequence[npt.NDArray[np.int16]], *, progress: bool = False
) -> list[npt.NDArray[np.float32]]:
    """Decode clips, in batches of similar length; order is kept."""
    hop = codec.spec.hop_length
    frames = [codes.shape[1] for codes in clips]
    found: dict[int, npt.NDArray[np.float32]] = {}
    with progress_bar("decode", total=len(clips), shown=progress) as advance:
        for rows in length_batches(frames, most=int(codec.batch_s * codec.spec.frame_rate)):
            waves = in_memory(lambda part: _decode_batch(codec, part), [clips[i] for i in rows])
            for i, own in zip(rows, waves, strict=True):
                y = own[: frames[i] * hop]
                found[i] = y if len(rows) == 1 else y.copy()  # so that its neighbours can go
            advance(len(rows))
    return [found[i] for i in range(len(clips))]


def _latent_batch(
    codec: CodecNetwork[Any, Any], waves: Sequence[npt.NDArray[np.float32]]
) -> list[npt.NDArray[np.float32]]:
    with inference(codec.device):
        latent = torch.cat(list(latent_chunks(codec, waves)), dim=1)
        return list(latent.float().cpu().numpy())


def _encode_batch(
    codec: CodecNetwork[Any, Any], waves: Sequence[npt.NDArray[np.float32]]
) -> list[npt.NDArray[np.int16]]:
    with inference(codec.device):
        codes = [codec.code_chunk(latent) for latent in latent_chunks(codec, waves)]
        return list(torch.cat(codes, dim=2).to(torch.int16).cpu().numpy())


def _decode_batch(
    codec: CodecNetwork[Any, Any], clips: Sequence[npt.NDArray[np.int16]]
) -> list[npt.NDArray[np.float32]]:
    longest = codec.padded_frames(max(codes.shape[1] for codes in clips))
    padded = np.zeros((len(clips), len(clips[0]), longest), dtype=np.int64)
    for row, codes in zip(padded, clips, strict=True):
        row[:, : codes.shape[1]] = codes
    chunk, hop = int(CHUNK_S * codec.spec.frame_rate), codec.spec.hop_length
    y = np.empty((len(clips), longest * hop), dtype=np.float32)
    state = codec.start_decoding()
    with inference(codec.device):
        for start in range(0, longest, chunk):
            part = torch.from_numpy(padded[:, :, start : start + chunk]).to(codec.device)
            decoded = codec.decode_chunk(part, state).float().cpu().numpy()
            y[:, start * hop : (start + chunk) * hop] = decoded
    return list(y)


def frames_of(n_samples: int, hop_length: int) -> int:
    """Frames that `n_samples` take: a last one that is not full counts, and one is the least."""
    return max(1, -(-n_samples // hop_length))


def length_batches(frames: Sequence[int], *, most: int) -> Iterator[list[int]]:
    """Group clips of similar length.

    Parameters
    ----------
    frames : sequence of int
        Length of each clip.
    most : int
        Frames of a batch, padding included; a longer clip is a batch of its own.

    Yields
    ------
    list of int
        Places of the clips of a batch, longest first.
    """
    batch: list[int] = []
    for i in sorted(range(len(frames)), key=lambda i: (-frames[i], i)):
        longest = frames[batch[0]] if batch else frames[i]
        full = (len(batch) + 1) * longest > most or frames[i] < _SHORTEST_SHARE * longest
        if batch and full:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
