"""Clips through a codec in batches of similar length, and long clips in segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from qtokfeatures.codecs.network import CodecNetwork, Codes, Vectors
from qtokfeatures.codecs.nn.precision import with_gradients
from qtokfeatures.codecs.out_of_memory import memory_errors_as_codec_errors, run_halving
from qtokfeatures.codecs.streaming import StreamEncoder
from qtokfeatures.codecs.threads import default_threads, map_in_threads
from qtokfeatures.progress import progress_bar

CHUNK_S = 20.0  # seconds of a batch in the network at once: bounds memory for clips of any length
REFINED_S = 10.0  # seconds of audio refined together: gradients take memory in proportion
_LEAST_SHARE = 0.6  # shortest clip of a batch relative to its longest: bounds the padding

_Clip = TypeVar("_Clip", bound=npt.NDArray[Any])
_Result = TypeVar("_Result", bound=npt.NDArray[Any])
_Network = CodecNetwork[Any, Any]


def encode_waves(codec: _Network, waves: Sequence[Vectors], *, refine: int = 0) -> list[Codes]:
    """Encode clips (sample,) at the codec's rate to codes (codebook, frame), in order."""
    if refine:
        return [encode_blocks(codec, [y], refine=refine) for y in waves]
    frames = [frames_of(len(y), codec.spec.hop_length) for y in waves]
    return _in_batches(codec, _encode_batch, waves, frames, cut=lambda codes, n: codes[:, :n])


def latents_of(codec: _Network, waves: Sequence[Vectors]) -> list[Vectors]:
    """Encode clips (sample,) at the codec's rate to latents (frame, dim), in order."""
    frames = [frames_of(len(y), codec.spec.hop_length) for y in waves]
    return _in_batches(codec, _latent_batch, waves, frames, cut=lambda latents, n: latents[:n])


def decode_all(codec: _Network, clips: Sequence[Codes], *, progress: bool = False) -> list[Vectors]:
    """Decode clips (codebook, frame) to audio (sample,), in order."""
    hop, frames = codec.spec.hop_length, [codes.shape[1] for codes in clips]
    with progress_bar("decode", total=len(clips), shown=progress) as advance:
        return _in_batches(
            codec, _decode_batch, clips, frames, cut=lambda y, n: y[: n * hop], advance=advance
        )


def encode_blocks(codec: _Network, blocks: Iterable[Vectors], *, refine: int = 0) -> Codes:
    """Encode one clip given in blocks (sample,) at the codec's rate, of any length."""
    if refine:
        with memory_errors_as_codec_errors(), default_threads(codec.threads):
            return _refine_blocks(codec, blocks, refine)
    stream = StreamEncoder(codec)
    try:
        parts = [stream.push(block) for block in blocks]
        return np.concatenate([*parts, stream.flush()], axis=1)
    finally:
        stream.close()


def latent_chunks(codec: _Network, waves: Sequence[Vectors]) -> Iterator[Tensor]:
    """Yield latents (batch, frame, dim) of zero-padded clips, chunk by chunk along time."""
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


def frames_of(n_samples: int, hop_length: int) -> int:
    """Frames of a clip: a partial last frame counts, and the least is one."""
    return max(1, -(-n_samples // hop_length))


def length_batches(frames: Sequence[int], *, most: int) -> Iterator[list[int]]:
    """Yield indices of clips of similar length, at most `most` padded frames, longest first."""
    batch: list[int] = []
    for i in sorted(range(len(frames)), key=lambda i: (-frames[i], i)):
        longest = frames[batch[0]] if batch else frames[i]
        full = (len(batch) + 1) * longest > most or frames[i] < _LEAST_SHARE * longest
        if batch and full:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _in_batches(
    codec: _Network,
    run: Callable[[_Network, Sequence[_Clip]], list[_Result]],
    clips: Sequence[_Clip],
    frames: Sequence[int],
    *,
    cut: Callable[[_Result, int], Any],
    advance: Callable[[int], None] | None = None,
) -> list[Any]:
    """Run `clips` in batches of similar length; cut the padding off each result."""
    found: dict[int, Any] = {}
    batches = list(length_batches(frames, most=int(codec.batch_s * codec.spec.frame_rate)))
    results_of_batches = map_in_threads(
        lambda rows: run_halving(lambda part: run(codec, part), [clips[i] for i in rows]),
        batches,
        workers=codec.workers,
    )
    for rows, results in zip(batches, results_of_batches, strict=True):
        for i, padded in zip(rows, results, strict=True):
            own = cut(padded, frames[i])
            # Copies, so that no clip keeps the memory of its whole batch.
            found[i] = np.ascontiguousarray(own) if len(rows) == 1 else own.copy()
        if advance is not None:
            advance(len(rows))
    return [found[i] for i in range(len(clips))]


def _latent_batch(codec: _Network, waves: Sequence[Vectors]) -> list[Vectors]:
    with codec.running():
        latent = torch.cat(list(latent_chunks(codec, waves)), dim=1)
        return list(latent.float().cpu().numpy())


def _encode_batch(codec: _Network, waves: Sequence[Vectors]) -> list[Codes]:
    with codec.running():
        codes = [codec.code_chunk(latent) for latent in latent_chunks(codec, waves)]
        return list(torch.cat(codes, dim=2).to(torch.int16).cpu().numpy())


def _decode_batch(codec: _Network, clips: Sequence[Codes]) -> list[Vectors]:
    longest = codec.padded_frames(max(codes.shape[1] for codes in clips))
    padded = np.zeros((len(clips), len(clips[0]), longest), dtype=np.int64)
    for row, codes in zip(padded, clips, strict=True):
        row[:, : codes.shape[1]] = codes
    chunk, hop = int(CHUNK_S * codec.spec.frame_rate), codec.spec.hop_length
    y = np.empty((len(clips), longest * hop), dtype=np.float32)
    state = codec.start_decoding()
    with codec.running():
        for start in range(0, longest, chunk):
            part = torch.from_numpy(padded[:, :, start : start + chunk]).to(codec.device)
            decoded = codec.decode_chunk(part, state).float().cpu().numpy()
            y[:, start * hop : (start + chunk) * hop] = decoded
    return list(y)


def _refine_blocks(codec: _Network, blocks: Iterable[Vectors], steps: int) -> Codes:
    """Encode one clip and refine its codes, segment by segment."""
    hop = codec.spec.hop_length
    length = int(REFINED_S * codec.spec.frame_rate) * hop
    encoder, refiner = codec.start_encoding(), codec.start_refining()
    found = []
    for y in _segments(blocks, length, hop):
        wave = torch.from_numpy(y)[None].to(codec.device)
        with codec.running():
            latent = codec.latent_chunk(wave, encoder)
            codes = codec.code_chunk(latent)
        with with_gradients(codec.device):
            codes = codec.refine_chunk(wave, latent, codes, refiner, steps=steps)
        found.append(codes[0].to(torch.int16).cpu().numpy())
    return np.concatenate(found, axis=1)


def _segments(blocks: Iterable[Vectors], length: int, hop: int) -> Iterator[Vectors]:
    """Join blocks and cut segments of `length` samples; the last is padded to whole frames."""
    waiting = np.zeros(0, dtype=np.float32)
    is_first = True
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        while len(waiting) > length:
            yield waiting[:length]
            waiting, is_first = waiting[length:], False
    if len(waiting) or is_first:
        missing = frames_of(len(waiting), hop) * hop - len(waiting)
        yield np.pad(waiting, (0, missing))
