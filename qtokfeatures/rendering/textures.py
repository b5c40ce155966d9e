"""Textures of noise, pulses and partials: rain, wind, engines, clicks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.rendering.clips import Rendered, at_level
from qtokfeatures.rendering.tools import SAMPLE_RATE

FloatArray = npt.NDArray[np.float32]
Curve = npt.NDArray[np.floating[Any]]
Texture = Callable[[int, np.random.Generator], Curve]

LICENCE: Final = "Apache-2.0 (synthesised by this project)"
SOURCE: Final = "NumPy"

_MEAN_S: Final = 4.92
_TURN: Final = 2 * np.pi


def render_textures(
    *, minutes: float, seed: int = 0, part: tuple[int, int] = (0, 1)
) -> Iterator[Rendered]:
    """Render every texture of :data:`TEXTURES` in turn, 2 to 8 s each."""
    n_clips = max(1, round(minutes * 60 / _MEAN_S))
    for number in range(part[0], n_clips, part[1]):
        rng = np.random.default_rng((seed, 5, number))
        name = list(TEXTURES)[number % len(TEXTURES)]
        kind = "noise" if name in ("hum", "coloured_noise") else "environment"
        n_samples = round(rng.uniform(2.0, 8.0) * SAMPLE_RATE)
        y = at_level(render_texture(name, n_samples=n_samples, rng=rng), rng)
        yield Rendered(f"{number:04d}_{name}", kind, y, LICENCE, SOURCE)


def render_texture(name: str, *, n_samples: int, rng: np.random.Generator) -> FloatArray:
    """One texture at 24 kHz and peak 1, (sample,)."""
    y = TEXTURES[name](n_samples, rng)
    return np.asarray(y / np.abs(y).max(), np.float32)


def shaped_noise(n_samples: int, gain: Callable[[Curve], Curve], rng: np.random.Generator) -> Curve:
    """Gaussian noise with the spectral magnitude ``gain(frequency in Hz)``."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    spectrum *= gain(np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE))
    y: Curve = np.fft.irfft(spectrum, n_samples)
    return y / float(y.std() + 1e-12)


def _rain(n_samples: int, rng: np.random.Generator) -> Curve:
    low, tilt = rng.uniform(300, 1500), rng.uniform(0.0, 0.8)
    bed = shaped_noise(n_samples, lambda f: f / (f + low) / (1 + f / 1000) ** tilt, rng)
    drops = np.zeros(n_samples)
    for _ in range(int(rng.uniform(10, 400) * n_samples / SAMPLE_RATE)):
        _add(drops, _ping(rng.uniform(900, 7000), rng.uniform(0.002, 0.015), rng), rng)
    return bed * _slow(n_samples, rng, depth=0.2) + drops * rng.uniform(0.5, 8.0)


def _wind(n_samples: int, rng: np.random.Generator) -> Curve:
    y = np.zeros(n_samples)
    for _ in range(3):
        centre, width = rng.uniform(80, 1200), rng.uniform(0.2, 0.9)
        band = shaped_noise(n_samples, _bump(centre, width), rng)
        y += band * _slow(n_samples, rng, depth=0.9) ** 2
    return y + 0.05 * shaped_noise(n_samples, lambda f: 1 / np.sqrt(f + 20), rng)


def _engine(n_samples: int, rng: np.random.Generator) -> Curve:
    f0 = rng.uniform(25, 140) * (0.7 + 0.6 * _slow(n_samples, rng, depth=rng.uniform(0.05, 0.8)))
    phase = _TURN * np.cumsum(f0) / SAMPLE_RATE
    y = np.zeros(n_samples)
    for k in range(1, int(rng.integers(12, 40))):
        y += (
            rng.uniform(0.2, 1.0)
            / k ** rng.uniform(0.5, 1.1)
            * np.sin(k * phase + rng.uniform(0, 6.28))
        )
    noise = shaped_noise(n_samples, _bump(rng.uniform(300, 4000), 1.0), rng)
    return y + rng.uniform(0.1, 0.8) * noise * (1 + 0.5 * np.sin(phase))


def _hum(n_samples: int, rng: np.random.Generator) -> Curve:
    phase = _TURN * rng.choice([50.0, 60.0, 100.0, 120.0]) * _times(n_samples)
    y: Curve = np.zeros(n_samples)
    for k in range(1, 30):
        y += rng.random() / k * np.sin(k * phase + rng.uniform(0, 6.28))
    return y + rng.uniform(0.01, 0.3) * _coloured_noise(n_samples, rng)


def _coloured_noise(n_samples: int, rng: np.random.Generator) -> Curve:
    slope, knee = rng.uniform(-0.5, 1.2), rng.uniform(30, 3000)
    return shaped_noise(n_samples, lambda f: 1 / (f + knee) ** slope, rng)


def _noise_bursts(n_samples: int, rng: np.random.Generator) -> Curve:
    y = np.zeros(n_samples)
    for _ in range(max(2, int(rng.uniform(1, 8) * n_samples / SAMPLE_RATE))):
        length = round(rng.uniform(0.01, 0.5) * SAMPLE_RATE)
        burst = shaped_noise(length, _bump(rng.uniform(200, 9000), rng.uniform(0.1, 1.5)), rng)
        attack = rng.uniform(0.001, 0.3)
        u = np.linspace(0, 1, length)
        _add(y, burst * np.minimum(u / attack, 1) * np.exp(-u * rng.uniform(0, 7)), rng)
    return y + 10 ** rng.uniform(-4, -2) * rng.standard_normal(n_samples)


def _clicks(n_samples: int, rng: np.random.Generator) -> Curve:
    y = np.zeros(n_samples)
    period = round(rng.uniform(0.03, 0.6) * SAMPLE_RATE)
    jitter = rng.choice([0.0, 0.02, 0.4])
    click = _ping(rng.uniform(500, 8000), rng.uniform(0.0005, 0.01), rng)
    for start in range(0, n_samples, period):
        at = start + int(period * jitter * rng.random())
        piece = click[: max(0, n_samples - at)] * rng.uniform(0.4, 1.0)
        y[at : at + piece.size] += piece
    return y + 10 ** rng.uniform(-5, -2) * rng.standard_normal(n_samples)


def _impulses(n_samples: int, rng: np.random.Generator) -> Curve:
    y = np.zeros(n_samples)
    n_impulses = max(3, int(rng.uniform(2, 60) * n_samples / SAMPLE_RATE))
    y[rng.integers(0, n_samples, n_impulses)] = rng.uniform(-1, 1, n_impulses)
    decay = np.exp(-np.arange(n_samples) / (rng.uniform(0.002, 0.4) * SAMPLE_RATE))
    room = decay * rng.standard_normal(n_samples)
    room[0] = rng.uniform(2, 20)
    spectrum = np.fft.rfft(y, 2 * n_samples) * np.fft.rfft(room, 2 * n_samples)
    return np.fft.irfft(spectrum)[:n_samples] + 1e-4 * rng.standard_normal(n_samples)


def _stream(n_samples: int, rng: np.random.Generator) -> Curve:
    y = 0.15 * shaped_noise(n_samples, _bump(rng.uniform(400, 3000), 1.2), rng)
    for _ in range(int(rng.uniform(20, 120) * n_samples / SAMPLE_RATE)):
        decay_s = rng.uniform(0.005, 0.05)
        rise = rng.uniform(0.0, 0.8)
        _add(y, _ping(rng.uniform(300, 3000), decay_s, rng, rise=rise), rng)
    return y


def _chirps(n_samples: int, rng: np.random.Generator) -> Curve:
    y = np.zeros(n_samples)
    low, high = np.sort(rng.uniform(600, 9000, 2))
    for _ in range(max(2, int(rng.uniform(1, 9) * n_samples / SAMPLE_RATE))):
        length = round(rng.uniform(0.03, 0.35) * SAMPLE_RATE)
        u = np.linspace(0, 1, length)
        sweep = np.interp(u, np.sort(rng.random(4)), rng.uniform(low, high, 4))
        wobble = 1 + rng.uniform(0, 0.1) * np.sin(_TURN * rng.uniform(5, 60) * u)
        phase = _TURN * np.cumsum(sweep * wobble) / SAMPLE_RATE
        _add(y, np.sin(np.pi * u) ** rng.uniform(0.3, 2) * np.sin(phase), rng)
    return y + 10 ** rng.uniform(-4, -1.5) * _coloured_noise(n_samples, rng)


def _beeps(n_samples: int, rng: np.random.Generator) -> Curve:
    t = _times(n_samples)
    gate = (np.mod(t * rng.uniform(0.5, 6), 1) < rng.uniform(0.2, 0.9)).astype(float)
    y: Curve = np.zeros(n_samples)
    gate = np.convolve(gate, np.hanning(240) / np.hanning(240).sum(), mode="same")
    for frequency in rng.uniform(200, 4000, int(rng.integers(1, 4))):
        tone = np.sin(_TURN * frequency * t)
        y += np.sign(tone) * np.abs(tone) ** rng.uniform(0.15, 1)
    return y * gate + 10 ** rng.uniform(-5, -2) * rng.standard_normal(n_samples)


def _waves(n_samples: int, rng: np.random.Generator) -> Curve:
    surge: Curve = (0.5 - 0.5 * np.cos(_TURN * (_times(n_samples) / rng.uniform(2, 6)))) ** 2
    rumble = shaped_noise(n_samples, lambda f: 1 / (f + 60), rng)
    foam = shaped_noise(n_samples, lambda f: f / (f + 2000), rng)
    return rumble * (0.3 + surge) + foam * surge * rng.uniform(0.1, 0.6)


def _machine(n_samples: int, rng: np.random.Generator) -> Curve:
    rate = rng.uniform(2, 25)
    stroke = np.mod(_times(n_samples) * rate, 1)
    hiss = shaped_noise(n_samples, _bump(rng.uniform(800, 6000), rng.uniform(0.2, 1)), rng)
    thump: Curve = np.sin(_TURN * rng.uniform(50, 200) * stroke / rate) * np.exp(-stroke * 6)
    puff: Curve = np.exp(-stroke * rng.uniform(1, 12))
    return hiss * puff + thump * rng.uniform(0.5, 3)


TEXTURES: Final[dict[str, Texture]] = {
    "rain": _rain,
    "wind": _wind,
    "engine": _engine,
    "hum": _hum,
    "coloured_noise": _coloured_noise,
    "noise_bursts": _noise_bursts,
    "clicks": _clicks,
    "impulses": _impulses,
    "stream": _stream,
    "chirps": _chirps,
    "beeps": _beeps,
    "waves": _waves,
    "machine": _machine,
}


def _times(n_samples: int) -> Curve:
    return np.arange(n_samples) / SAMPLE_RATE


def _slow(n_samples: int, rng: np.random.Generator, *, depth: float) -> Curve:
    """Smooth random curve between 1 − depth and 1 with at most four turns per second."""
    n_points = max(4, int(n_samples / SAMPLE_RATE * rng.uniform(0.5, 4)))
    points: Curve = 1 - depth * rng.random(n_points)
    u = np.linspace(0, n_points - 1, n_samples)
    left = np.minimum(u.astype(int), n_points - 2)
    mix: Curve = 0.5 - 0.5 * np.cos(np.pi * (u - left))
    curve: Curve = points[left] * (1 - mix) + points[left + 1] * mix
    return curve


def _bump(centre: float, octaves: float) -> Callable[[Curve], Curve]:
    def gain(f: Curve) -> Curve:
        distance: Curve = np.log2((f + 1) / centre) / octaves
        return np.asarray(np.exp(-0.5 * distance**2))

    return gain


def _ping(
    frequency: float, decay_s: float, rng: np.random.Generator, *, rise: float = 0.0
) -> Curve:
    t = _times(max(16, round(6 * decay_s * SAMPLE_RATE)))
    phase: Curve = _TURN * frequency * t * (1 + rise * t / (12 * decay_s)) + rng.uniform(0, 6.28)
    decay: Curve = np.exp(-t / decay_s)
    return float(rng.uniform(0.2, 1.0)) * np.sin(phase) * decay


def _add(y: Curve, piece: Curve, rng: np.random.Generator) -> None:
    start = int(rng.integers(0, y.size))
    end = min(y.size, start + piece.size)
    y[start:end] += piece[: end - start]
