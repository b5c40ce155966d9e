"""Perturbed test recordings of the tasks bench; learners are trained on clean ones."""

from __future__ import annotations

from typing import Final

import numpy as np

from qtokfeatures.benches.asr.conditions import pink
from qtokfeatures.evaluation.perturbations import Perturbation, mix, small_room, white_noise
from qtokfeatures.evaluation.recording_chains import MP3_SR, through_mp3
from qtokfeatures.evaluation.signals import FloatArray

CLEAN: Final = "clean"

SNRS_DB: Final = (20.0, 10.0)
# A quarter of a frame of 80 ms, the delay of MP3 at 24 kHz, and twice that.
DELAYS_MS: Final = (20, 46, 92)
TILTS_DB: Final = (6.0, -6.0)
MP3_KBIT_S: Final = 32

_MP3_DELAY: Final = 576 + 529  # samples of LAME's encoder and of a usual decoder
_TILT_PIVOT_HZ: Final = 1000.0
_TILT_OCTAVES: Final = 3.0  # to either side of the pivot: 125 Hz to 8 kHz
_TILT_PADDING: Final = 4096  # longer than the filter rings, so that nothing wraps around


def standard_conditions() -> tuple[Perturbation, ...]:
    """Later starts, noise, MP3 with and without its delay, a room, and spectral tilts."""
    return (
        *(delayed(by_ms) for by_ms in DELAYS_MS),
        *(white_noise(snr_db=snr_db) for snr_db in SNRS_DB),
        *(pink_noise(snr_db=snr_db) for snr_db in SNRS_DB),
        mp3(),
        mp3(delay=True),
        small_room(),
        *(tilted(by_db) for by_db in TILTS_DB),
    )


def delayed(by_ms: float) -> Perturbation:
    """Silence before the clip, which becomes so much longer."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        return np.pad(y, (round(by_ms * sr / 1000), 0))

    return Perturbation(f"{by_ms:g} ms later", change)


def pink_noise(*, snr_db: float) -> Perturbation:
    """Noise of equal power per octave, at a ratio of energies over the whole clip."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        return mix(y, pink(rng.standard_normal(len(y), dtype=np.float32)), snr_db=snr_db)

    return Perturbation(f"pink {snr_db:g} dB", change)


def mp3(*, delay: bool = False) -> Perturbation:
    """MP3 at 32 kbit/s and 24 kHz, decoded, optionally with the delay that some decoders keep."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        decoded = through_mp3(y, sr, kbits=MP3_KBIT_S)
        return np.pad(decoded, (round(_MP3_DELAY * sr / MP3_SR) if delay else 0, 0))

    return Perturbation(f"MP3 {MP3_KBIT_S} kbit/s{', delayed' if delay else ''}", change)


def tilted(by_db: float) -> Perturbation:
    """Gain from −`by_db` at 125 Hz to +`by_db` at 8 kHz, linear per octave, without delay."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        size = len(y) + _TILT_PADDING
        hz = np.fft.rfftfreq(size, 1 / sr)
        octaves = np.log2(np.maximum(hz, 1.0) / _TILT_PIVOT_HZ)
        gain_db = by_db * np.clip(octaves / _TILT_OCTAVES, -1, 1)
        tilted = np.fft.irfft(np.fft.rfft(y, size) * 10 ** (gain_db / 20), size)
        return tilted[: len(y)].astype(np.float32)

    return Perturbation(f"tilt {by_db:+g} dB".replace("-", "−"), change)
