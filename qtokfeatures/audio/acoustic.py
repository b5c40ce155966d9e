"""Mel filters, log-mel spectra and MFCC: the acoustic features that tokens are compared with."""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import require

DELTA_WIDTH: Final = 9  # librosa's default

# Slaney's scale: linear to 1 kHz (15 mel), above it 27 steps to each factor of 6.4.
_MEL_PER_HZ = 3 / 200
_KNEE_HZ, _KNEE_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27

Matrix = npt.NDArray[np.float32]


@functools.lru_cache(maxsize=32)
def mel_filters(sr: int, n_fft: int, n_mels: int) -> Matrix:
    """Triangles of peak 1 on Slaney's mel scale from 0 to ``sr/2``, (band, bin); read-only.

    Equal to ``librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, htk=False, norm=None)``.
    """
    bins_hz = np.fft.rfftfreq(n_fft, 1 / sr)
    edges_hz = _hz_of_mel(np.linspace(0, _mel_of_hz(np.array(sr / 2)), n_mels + 2))
    width_hz = np.diff(edges_hz)[:, None]
    away_hz = edges_hz[:, None] - bins_hz
    rising, falling = -away_hz[:-2] / width_hz[:-1], away_hz[2:] / width_hz[1:]
    filters: Matrix = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    filters.flags.writeable = False
    return filters


def mfcc_frames(
    y: Matrix,
    sr: int,
    *,
    n_mfcc: int = 20,
    n_mels: int = 128,
    window_s: float | None = None,
    hop_s: float | None = None,
) -> Matrix:
    """MFCC and their differences in time by librosa, (frame, 2 * n_mfcc)."""
    librosa = require("librosa", purpose="MFCC")
    windows = _windows(sr, window_s, hop_s)
    mfcc = librosa.feature.mfcc(y=y, sr=sr, n_mfcc=n_mfcc, n_mels=n_mels, **windows)
    # Clips shorter than the differences' width repeat their edges.
    delta = librosa.feature.delta(mfcc, width=DELTA_WIDTH, mode="nearest")
    return np.concatenate([mfcc, delta]).T.astype(np.float32)


def log_mel_frames(
    y: Matrix,
    sr: int,
    *,
    n_mels: int = 128,
    window_s: float | None = None,
    hop_s: float | None = None,
) -> Matrix:
    """Levels in mel bands by librosa, in dB and at most 80 below the loudest, (frame, band)."""
    librosa = require("librosa", purpose="log-mel spectra")
    mel = librosa.feature.melspectrogram(y=y, sr=sr, n_mels=n_mels, **_windows(sr, window_s, hop_s))
    return np.asarray(librosa.power_to_db(mel).T, dtype=np.float32)


class MelWindows:
    """Whole windows to the natural logarithm of mel power, as speech recognisers use it.

    Area-normalised filters of librosa; `n_mfcc` replaces the bands by their first cosines.
    """

    lowest_hz: Final = 20.0
    floor: Final = 1e-6  # −60 dB of full scale: about the noise of a room

    def __init__(
        self, sr: int, *, n_mels: int, n_fft: int, window: int, hop: int, n_mfcc: int | None = None
    ) -> None:
        librosa = require("librosa", extra="asr", purpose="mfcc" if n_mfcc else "logmel")
        self.n_fft, self.window, self.hop, self.n_mfcc = n_fft, window, hop, n_mfcc
        self.n_features = n_mfcc or n_mels
        self._stft = librosa.stft
        self._mel = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=self.lowest_hz)

    @np.errstate(under="ignore")  # powers below the smallest float are far below the floor
    def __call__(self, y: Matrix) -> Matrix:
        """Features of every whole window in `y`, (window, feature)."""
        from scipy.fft import dct

        if len(y) < self.n_fft:
            return np.zeros((0, self.n_features), np.float32)
        spectra = self._stft(
            y, n_fft=self.n_fft, win_length=self.window, hop_length=self.hop, center=False
        )
        levels = np.log(self._mel @ np.square(np.abs(spectra)) + self.floor)
        if self.n_mfcc:
            levels = dct(levels, axis=0, norm="ortho")[: self.n_mfcc]
        return np.ascontiguousarray(levels.T, dtype=np.float32)


def _windows(sr: int, window_s: float | None, hop_s: float | None) -> dict[str, Any]:
    """The windows' size and hop in samples; librosa's defaults where not given."""
    sizes = {"n_fft": window_s, "hop_length": hop_s}
    return {name: round(size_s * sr) for name, size_s in sizes.items() if size_s is not None}


def _mel_of_hz(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _KNEE_MEL + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(hz < _KNEE_HZ, hz * _MEL_PER_HZ, above)


def _hz_of_mel(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel / _MEL_PER_HZ, above)
