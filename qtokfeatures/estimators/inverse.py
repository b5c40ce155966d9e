"""From pooled features to sound: which frames, which rate, how long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from qtokfeatures.estimators.frame_bank import FrameBank
from qtokfeatures.estimators.resynthesis import Resynthesizer
from qtokfeatures.estimators.targets import target_rows
from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec


@dataclass(frozen=True, eq=False)
class PooledSound:
    """A sound for a vector of pooled features.

    Parameters
    ----------
    y : ndarray of float32, shape (sample,)
        Mono audio.
    frames : xarray.Dataset
        ``clip``, ``time`` and ``run`` of each real frame it is made of, (frame). The attribute
        ``distance`` says how far the features of the sound are from those asked for.
    """

    y: npt.NDArray[np.float32]
    frames: xr.Dataset


def sounds_of_features(
    X: Any,
    *,
    codec: Codec,
    transformer: Any,
    bank: FrameBank,
    sr: int,
    duration_s: float | None = None,
) -> list[PooledSound]:
    """Make a sound for each vector of features.

    Parameters
    ----------
    X : array_like, DataArray, DataFrame or sparse, shape (clip, feature)
        Pooled features.
    codec : Codec
        Decodes and encodes.
    transformer : transformer
        Fitted; codes to features.
    bank : FrameBank
        Real frames.
    sr : int
        Rate of the sounds, in Hz.
    duration_s : float, optional
        Their length in seconds; by default the median of the clips that the bank is of.

    Returns
    -------
    list of PooledSound

    Raises
    ------
    InputError
        If X has the wrong shape, or the duration is not above 0.
    """
    length = _n_samples(bank.duration_s if duration_s is None else duration_s, sr)
    n_frames = -(-length * codec.spec.sample_rate // (sr * codec.spec.hop_length))
    resynthesizer = Resynthesizer(codec, transformer, bank)
    sounds = []
    for target in target_rows(X, resynthesizer.n_features):
        made = resynthesizer.make(target, n_frames)
        frames = bank.origins(made.frames, codec.spec).assign_attrs(distance=made.distance)
        sounds.append(PooledSound(resynthesizer.decode(made, sr=sr, length=length), frames))
    return sounds


def _n_samples(duration_s: Any, sr: int) -> int:
    is_number = isinstance(duration_s, (int, float, np.number)) and not isinstance(duration_s, bool)
    if not (is_number and math.isfinite(duration_s) and duration_s > 0):
        raise InputError(f"duration_s must be a number of seconds above 0, got {duration_s!r}")
    return max(1, round(float(duration_s) * sr))
