"""Slower encoding for a closer reconstruction: codes are fitted to what they decode to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from qtokfeatures.codecs.nn.precision import inference, with_gradients
from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    from qtokfeatures.codecs.network import CodecNetwork

STRETCH_S = 10.0
"""Audio whose codes are fitted together; memory does not grow past it."""


def refine_blocks(
    codec: CodecNetwork[Any, Any], blocks: Iterable[npt.NDArray[np.float32]], steps: int
) -> npt.NDArray[np.int16]:
    """Encode one clip and fit its codes, a stretch of ten seconds after another.

    Parameters
    ----------
    codec : CodecNetwork
        What encodes.
    blocks : iterable of ndarray of float32, shape (sample,)
        The clip, in pieces, at the codec's rate.
    steps : int
        Steps of the descent for each stretch.

    Returns
    -------
    ndarray of int16, shape (codebook, frame)
        Codes.

    Raises
    ------
    CodecError
        This codec cannot fit codes, or one half of it was not loaded.
    """
    hop = codec.spec.hop_length
    stretch = int(STRETCH_S * codec.spec.frame_rate) * hop
    encoder, refiner = codec.start_encoding(), codec.start_refining()
    found = []
    for y in _stretches(blocks, stretch, hop):
        wave = torch.from_numpy(y)[None].to(codec.device)
        with inference(codec.device):
            latent = codec.latent_chunk(wave, encoder)
            codes = codec.code_chunk(latent)
        with with_gradients(codec.device):
            codes = codec.refine_chunk(wave, latent, codes, refiner, steps=steps)
        found.append(codes[0].to(torch.int16).cpu().numpy())
    return np.concatenate(found, axis=1)


def checked_steps(refine: int) -> int:
    """Return `refine` as an int, or raise :class:`InputError`."""
    if isinstance(refine, bool) or not isinstance(refine, Integral) or refine < 0:
        raise InputError(f"refine must be a whole number of steps, 0 or more, got {refine!r}")
    return int(refine)


def _stretches(
    blocks: Iterable[npt.NDArray[np.float32]], stretch: int, hop: int
) -> Iterator[npt.NDArray[np.float32]]:
    """Cut a clip anew; the last stretch is filled up with zeros to whole frames, one at least."""
    waiting = np.zeros(0, dtype=np.float32)
    is_first = True
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        while len(waiting) > stretch:
            yield waiting[:stretch]
            waiting, is_first = waiting[stretch:], False
    if len(waiting) or is_first:
        frames = max(1, -(-len(waiting) // hop))
        yield np.pad(waiting, (0, frames * hop - len(waiting)))
