"""Acoustic features beside tokens: statistics by librosa, functionals by openSMILE."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio.acoustic import log_mel_frames, mfcc_frames
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import QtokError, require
from qtokfeatures.features import BY_LOUDNESS, pool_frames
from qtokfeatures.features.pooling import POOLINGS as ALL_POOLINGS

Matrix = npt.NDArray[np.float32]

MFCC: Final = "MFCC"
LOG_MEL: Final = "log-mel"
EGEMAPS: Final = "eGeMAPSv02 (openSMILE)"

# Every pooling that token features have in the bench, so that none differs by pooling alone.
POOLINGS: Final[dict[str, tuple[str, ...]]] = {
    "mean and std": ("mean", "std"),
    "mean, std and delta": ("mean", "std", "delta"),
    "these and by loudness": BY_LOUDNESS,
    "every pooling": ALL_POOLINGS,
}
_FRAMES: Final = {MFCC: mfcc_frames, LOG_MEL: log_mel_frames}
_PLAIN: Final = "mean and std"  # not named in tables
_WINDOW: Final = 2048  # librosa's defaults, as the frames have them
_HOP: Final = 512
_SILENT: Final = 1e-5  # −100 dB of full scale


def pooled_name(family: str, pooling: str) -> str:
    """Name in tables of a family of frames with a pooling."""
    return family if pooling == _PLAIN else f"{family}, {pooling}"


def pooled(family: str, waves: Iterable[FloatArray], sr: int) -> dict[str, Matrix]:
    """MFCC or log-mel of clips, (clip, feature), by name of every pooling."""
    clips = [(_FRAMES[family](y, sr), frame_levels(y)) for y in waves]
    return {
        pooled_name(family, name): np.stack(
            [pool_frames(frames, pooling, levels=levels) for frames, levels in clips]
        )
        for name, pooling in POOLINGS.items()
    }


def frame_levels(y: FloatArray) -> FloatArray:
    """Natural logarithm of the amplitude in each frame of librosa, (frame,)."""
    librosa = require("librosa", purpose="levels of frames")
    rms = librosa.feature.rms(y=y, frame_length=_WINDOW, hop_length=_HOP)[0]
    return np.asarray(np.log(np.maximum(rms, _SILENT)), dtype=np.float32)


def egemaps(waves: Iterable[FloatArray], sr: int) -> Matrix:
    """Functionals of eGeMAPSv02 (Eyben et al., 2016) by openSMILE, (clip, 88); 0 where undefined.

    Its licence allows research only, so no extra installs it.
    """
    try:
        opensmile = importlib.import_module("opensmile")
    except ModuleNotFoundError as error:
        raise QtokError("opensmile is not installed (pip install opensmile)") from error
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    rows = [smile.process_signal(y, sr).to_numpy()[0] for y in waves]
    return np.nan_to_num(np.stack(rows).astype(np.float32))


def baselines(waves: Sequence[FloatArray], sr: int) -> tuple[dict[str, Matrix], dict[str, str]]:
    """Every baseline by name, and those that are not installed, with the reason."""
    found = pooled(MFCC, waves, sr) | pooled(LOG_MEL, waves, sr)
    try:
        return {**found, EGEMAPS: egemaps(waves, sr)}, {}
    except QtokError as error:
        return found, {EGEMAPS: str(error)}


# One of each family is compared with tokens: that with the best pooling in training.
FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    MFCC: tuple(pooled_name(MFCC, pooling) for pooling in POOLINGS),
    LOG_MEL: tuple(pooled_name(LOG_MEL, pooling) for pooling in POOLINGS),
    EGEMAPS: (EGEMAPS,),
}
