"""The encoder's vectors of many short clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from qtokfeatures.audio import resample
from qtokfeatures.evaluation.pairs import FloatArray

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec

_BATCH_S: Final = 60.0


def latents_of(codec: Codec[Any, Any], waves: Sequence[FloatArray], *, sr: int) -> list[FloatArray]:
    """Return what ``codec.latents`` gives for each clip, several clips at a time.

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
    list of ndarray of float32, shape (frame, dim)
    """
    import torch

    from qtokfeatures.codecs.batching import frames_of, latent_chunks, length_batches

    spec = codec.spec
    resampled = [resample(y, orig_sr=sr, target_sr=spec.sample_rate) for y in waves]
    frames = [frames_of(len(y), spec.hop_length) for y in resampled]
    found: dict[int, FloatArray] = {}
    for rows in length_batches(frames, most=int(_BATCH_S * spec.frame_rate)):
        with torch.inference_mode():
            batch = torch.cat(list(latent_chunks(codec, [resampled[i] for i in rows])), dim=1)
        for i, latent in zip(rows, batch.float().cpu().numpy(), strict=True):
            found[i] = latent[: frames[i]].copy()
    return [found[i] for i in range(len(waves))]
