"""Codes and the encoder's vectors of many short clips, in one go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qtokfeatures.audio import resample
from qtokfeatures.evaluation.pairs import FloatArray
from qtokfeatures.labelled import CodeSequence, build_codes

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec


def encode_with_latents(
    codec: Codec[Any, Any], waves: Sequence[FloatArray], *, sr: int
) -> tuple[CodeSequence, list[FloatArray]]:
    """Return what ``codec.encode`` and ``codec.latents`` give for each clip, in half the time.

    Parameters
    ----------
    codec : Codec
        The codec.
    waves : sequence of ndarray of float32, shape (sample,)
        Mono clips.
    sr : int
        Their rate, in Hz.

    Returns
    -------
    codes : CodeSequence
        The codes of all clips.
    latents : list of ndarray of float32, shape (frame, dim)
        The vectors that were quantised.
    """
    import torch

    from qtokfeatures.codecs.batching import frames_of, latent_chunks, length_batches

    spec = codec.spec
    at_rate = [resample(y, orig_sr=sr, target_sr=spec.sample_rate) for y in waves]
    frames = [frames_of(len(y), spec.hop_length) for y in at_rate]
    found: dict[int, tuple[Any, FloatArray]] = {}
    for rows in length_batches(frames, most=int(codec.batch_s * spec.frame_rate)):
        with torch.inference_mode():
            latent = torch.cat(list(latent_chunks(codec, [at_rate[i] for i in rows])), dim=1)
            codes = codec.code_chunk(latent).to(torch.int16).cpu().numpy()
        for i, own, vectors in zip(rows, codes, latent.float().cpu().numpy(), strict=True):
            found[i] = np.ascontiguousarray(own[:, : frames[i]]), vectors[: frames[i]].copy()
    dataset = build_codes(
        [found[i][0] for i in range(len(waves))],
        spec=spec,
        sources=["" for _ in waves],
        n_samples=[len(y) for y in waves],
        sample_rates=[sr] * len(waves),
    )
    return CodeSequence(dataset), [found[i][1] for i in range(len(waves))]
