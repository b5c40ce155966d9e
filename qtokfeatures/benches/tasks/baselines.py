"""Acoustic features beside tokens: statistics by librosa, functionals by openSMILE."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.audio.acoustic import log_mel_frames, mfcc_frames
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import QtokError
from qtokfeatures.features import pool_frames

Matrix = npt.NDArray[np.float32]

MFCC: Final = "MFCC"


def mfcc_statistics(waves: Iterable[FloatArray], sr: int) -> Matrix:
    """Mean and standard deviation of 20 MFCC and their differences, (clip, 80)."""
    return np.stack([pool_frames(mfcc_frames(y, sr)) for y in waves])


def log_mel_statistics(waves: Iterable[FloatArray], sr: int) -> Matrix:
    """Mean and standard deviation of 128 mel bands in dB, (clip, 256)."""
    return np.stack([pool_frames(log_mel_frames(y, sr)) for y in waves])


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


BASELINES: Final[dict[str, Callable[[Iterable[FloatArray], int], Matrix]]] = {
    MFCC: mfcc_statistics,
    "log-mel": log_mel_statistics,
    "eGeMAPSv02 (openSMILE)": egemaps,
}
