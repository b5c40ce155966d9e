"""A mel spectrogram turned back into sound by Griffin and Lim's algorithm."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np

from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import require


@dataclass(frozen=True)
class GriffinLim:
    """A mel spectrogram, not quantised, inverted by librosa: what magnitudes alone allow.

    Parameters
    ----------
    n_mels : int, default 80
        Mel bands.
    n_fft : int, default 1024
        Window, in samples.
    hop_length : int, default 256
        Hop, in samples.
    n_iter : int, default 64
        Iterations.
    """

    n_mels: int = 80
    n_fft: int = 1024
    hop_length: int = 256
    n_iter: int = 64

    @property
    def name(self) -> str:
        """What to call it in tables."""
        return "mel + Griffin-Lim"

    @property
    def note(self) -> str:
        """Version of librosa and parameters."""
        version = require("librosa", purpose="Griffin-Lim").__version__
        return (
            f"librosa {version}, {self.n_mels} bands of magnitude, window {self.n_fft}, "
            f"hop {self.hop_length}, {self.n_iter} iterations; not quantised, so it has no bit rate"
        )

    @property
    def delays(self) -> bool:
        """False: frames are centred."""
        return False

    def missing(self) -> str:
        """Say whether librosa is missing."""
        found = importlib.util.find_spec("librosa")
        return "" if found else "librosa not found: pip install 'qtokfeatures[eval]'"

    def encode(self, y: FloatArray, sr: int) -> FloatArray:
        """Return magnitudes in mel bands, shape (band, frame)."""
        librosa = require("librosa", purpose="Griffin-Lim")
        mel: FloatArray = librosa.feature.melspectrogram(
            y=np.pad(y, (0, -len(y) % self.hop_length)),
            sr=sr,
            power=1.0,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            n_mels=self.n_mels,
        )
        return mel

    def decode(self, payload: FloatArray, sr: int) -> FloatArray:
        """Return samples whose mel spectrogram comes close."""
        librosa = require("librosa", purpose="Griffin-Lim")
        stft = librosa.feature.inverse.mel_to_stft(payload, sr=sr, n_fft=self.n_fft, power=1.0)
        y_hat: FloatArray = librosa.griffinlim(
            stft, n_iter=self.n_iter, hop_length=self.hop_length, random_state=0
        )
        return y_hat

    def n_bits(self, payload: FloatArray) -> None:
        """Return None: nothing is quantised."""
        return
