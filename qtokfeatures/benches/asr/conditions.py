"""Test conditions of the ASR bench: noises, rooms, microphones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import signal

from qtokfeatures.audio import load_audio
from qtokfeatures.benches.asr.utterances import SR
from qtokfeatures.benches.clips import read_manifest
from qtokfeatures.evaluation.perturbations import (
    SNRS_DB,
    Perturbation,
    babble,
    mix,
    telephone,
    white_noise,
)
from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.exceptions import InputError, require

CLEAN: Final = "clean"
NOISES: Final = ("white", "babble", "recorded noise")
LOW_SNRS_DB: Final = (10.0, 5.0, 0.0)  # over which errors in noise are averaged
ROOM: Final = "room"
MICROPHONE: Final = "small microphone"

_SMALL_BAND_HZ: Final = (500.0, 2500.0)
_ROOM_M: Final = ((4.0, 8.0), (3.0, 6.0), (2.5, 3.5))
_DISTANCE_M: Final = (1.0, 2.5)
_RT60_S: Final = (0.3, 0.7)
_WALL_M: Final = 0.5
_TRAINING_SEED: Final = 7
_NOISE_FOLDER: Final = "speech-commands-noise"
_SYNTHETIC: Final = ("white", "pink")  # conditions, or trained on, by themselves


def recorded_noise(
    recordings: Sequence[FloatArray], *, snr_db: float, seed: int = 0
) -> Perturbation:
    """One of several recordings of noise, from a random start."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        noise = recordings[int(rng.integers(len(recordings)))]
        start = int(rng.integers(len(noise)))
        return mix(y, np.resize(np.roll(noise, -start), len(y)), snr_db=snr_db)

    return Perturbation(f"{NOISES[2]} {snr_db:g} dB", change, seed)


def simulated_room() -> Perturbation:
    """A random room with flat walls for each clip, by the image method of pyroomacoustics.

    Four to eight metres long, reverberating for 0.3 to 0.7 s, microphone and speaker 1 to 2.5 m
    apart. The delay of the direct sound is removed.
    """

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        response = room_response(sr, rng)
        direct = int(np.argmax(np.abs(response)))
        return np.asarray(signal.fftconvolve(y, response)[direct : direct + len(y)])

    return Perturbation(ROOM, change)


def room_response(sr: int, rng: np.random.Generator) -> FloatArray:
    """Impulse response of a random room, shape (sample,), largest value 1."""
    pra: Any = require("pyroomacoustics", purpose="simulated rooms")
    size = np.array([rng.uniform(*side) for side in _ROOM_M])
    absorption, order = pra.inverse_sabine(rng.uniform(*_RT60_S), size)
    room = pra.ShoeBox(size, fs=sr, materials=pra.Material(absorption), max_order=min(order, 15))
    microphone = rng.uniform(_WALL_M, size - _WALL_M)
    room.add_microphone(microphone)
    room.add_source(_place_near(microphone, size, rng))
    room.compute_rir()
    response = np.asarray(room.rir[0][0], dtype=np.float32)
    return np.asarray(response / np.abs(response).max())


def standard_conditions(
    talkers: Sequence[FloatArray], noises: Sequence[FloatArray]
) -> dict[str, Perturbation | None]:
    """All test conditions; None is unchanged speech."""
    noisy = [
        *(white_noise(snr_db=snr_db) for snr_db in SNRS_DB),
        *(babble(talkers, snr_db=snr_db) for snr_db in SNRS_DB),
        *(recorded_noise(noises, snr_db=snr_db) for snr_db in SNRS_DB),
    ]
    small = telephone(band_hz=_SMALL_BAND_HZ)
    others = [simulated_room(), telephone(), Perturbation(MICROPHONE, small.change)]
    return {CLEAN: None, **{change.name: change for change in (*noisy, *others)}}


def training_noise(talkers: Sequence[FloatArray]) -> Perturbation:
    """White noise, pink noise or babble at 0 to 20 dB, one of them for each clip."""

    def change(y: FloatArray, sr: int, rng: np.random.Generator) -> FloatArray:
        snr_db, kind = float(rng.uniform(0, 20)), int(rng.integers(3))
        if kind == 2:
            return babble(talkers, snr_db=snr_db).change(y, sr, rng)
        noise = rng.standard_normal(len(y), dtype=np.float32)
        return mix(y, pink(noise) if kind else noise, snr_db=snr_db)

    return Perturbation("training noise", change, _TRAINING_SEED)


def low_snr_conditions() -> list[str]:
    """Names of the conditions over which errors in noise are averaged."""
    return [f"{noise} {snr_db:g} dB" for noise in NOISES for snr_db in LOW_SNRS_DB]


def pink(noise: FloatArray) -> FloatArray:
    """White noise filtered to equal power per octave."""
    spectrum = np.fft.rfft(noise)
    # Power falls with 1/f, so amplitude with 1/sqrt(f); the bin at 0 Hz stays finite.
    spectrum /= np.sqrt(np.arange(1, len(spectrum) + 1))
    return np.fft.irfft(spectrum, len(noise)).astype(np.float32)


def _place_near(microphone: Any, size: Any, rng: np.random.Generator) -> Any:
    """A random place at the wanted distance from the microphone, inside the room."""
    while True:
        way = rng.standard_normal(3)
        place = microphone + way / np.linalg.norm(way) * rng.uniform(*_DISTANCE_M)
        if np.all(place > _WALL_M / 2) and np.all(place < size - _WALL_M / 2):
            return place


def load_noises(folder: str | Path) -> list[FloatArray]:
    """Recorded noises at 8 kHz that are reserved for benches."""
    root = Path(folder)
    paths = [Path(row["path"]) for row in read_manifest(root, ("path",))]
    chosen = [
        path
        for path in paths
        if _NOISE_FOLDER in path.parts and not path.stem.startswith(_SYNTHETIC)
    ]
    if not chosen:
        raise InputError(f"{root / 'manifest.csv'}: no noise in {_NOISE_FOLDER}")
    return [load_audio(root / path, target_sr=SR).y for path in chosen]
