"""Augmentation of training batches, and corruptions that semantic codes should survive."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from qtokfeatures.codecs.mini.config import SAMPLE_RATE

# Reading speeds of segments; pitch changes in proportion.
SPEEDS = (0.84, 0.88, 0.92, 0.96, 1.04, 1.08, 1.12, 1.16)

_EQ_POINTS = 8
_ROOM_S = 0.5


def augment(y: Tensor, generator: torch.Generator) -> Tensor:
    """Augmented copy of `y` (clip, sample), the target of the codec."""
    draw = _Draws(y, generator)
    y = y * torch.where(draw.uniform() < 0.5, -1.0, 1.0)
    gain_db = torch.where(draw.uniform() < 1 / 3, _curves(draw, 8.0, y.shape[1]), 0.0)
    top_hz = torch.where(draw.uniform() < 0.1, draw.uniform(3_400, 9_000), 2.0 * SAMPLE_RATE)
    y = _filtered(y, gain_db + _low_pass_db(top_hz, y.shape[1]))
    below = torch.where(draw.uniform() < 1 / 6, 10 ** (draw.uniform(-25.0, -5.0) / 20), 0.0)
    y = y + below * torch.roll(y, 1, dims=0)
    peak_db = torch.where(draw.uniform() < 0.15, draw.uniform(-50.0, -9.0), draw.uniform(-9.0, 3.0))
    peak = y.abs().amax(dim=1, keepdim=True).clamp(min=1e-3)
    return y * (0.5 * 10 ** (peak_db / 20) / peak)


def corrupt(y: Tensor, generator: torch.Generator) -> Tensor:
    """`y` (clip, sample) with rooms, noise, babble, equalisation and telephone bands.

    A fifth of the clips stay unchanged.
    """
    draw = _Draws(y, generator)
    clean = y
    rooms = _in_rooms(y, draw)
    y = torch.where(draw.uniform() < 0.35, rooms, y)
    y = y + _noise(clean, y, draw)
    gain_db = torch.where(draw.uniform() < 0.5, _curves(draw, 12.0, y.shape[1]), 0.0)
    narrow, telephone = draw.uniform() < 0.4, draw.uniform() < 0.5
    top_hz = torch.where(telephone, draw.uniform(3_300, 4_200), draw.uniform(2_800, 8_000))
    top_hz = torch.where(narrow, top_hz, 2.0 * SAMPLE_RATE)
    bottom_hz = torch.where(narrow, draw.uniform(20, 400), 0.0)
    band_db = _low_pass_db(top_hz, y.shape[1]) + _high_pass_db(bottom_hz, y.shape[1])
    y = _filtered(y, gain_db + band_db)
    return torch.where(draw.uniform() < 0.2, clean, y)


class _Draws:
    """Random columns, one number per clip, on the clips' device."""

    def __init__(self, y: Tensor, generator: torch.Generator) -> None:
        self.size, self.device, self.generator = y.shape[0], y.device, generator

    def uniform(self, low: float = 0.0, high: float = 1.0, count: int = 1) -> Tensor:
        drawn = torch.rand(self.size, count, device=self.device, generator=self.generator)
        return low + (high - low) * drawn

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(self.size, *shape, device=self.device, generator=self.generator)


def _noise(clean: Tensor, y: Tensor, draw: _Draws) -> Tensor:
    """Noise to add to `y`: tilted noise, babble of the other clips, or one other clip."""
    n = clean.shape[1]
    octaves = torch.log2(_bins_hz(n, clean.device).clamp(min=30) / 1000)
    tilt_db = torch.where(draw.uniform() < 0.5, 0.0, draw.uniform(-9.0, 2.0))
    hiss = _filtered(draw.normal(n), tilt_db * octaves.clamp(min=-4))
    others = [torch.roll(clean, shift, dims=0) for shift in (2, 3, 5, 7, 11)]
    babble = torch.stack(others).sum(dim=0)
    choice = draw.uniform()
    noise = torch.where(choice < 0.55, hiss, torch.where(choice < 0.85, babble, others[0]))
    snr_db = torch.where(draw.uniform() < 0.1, 60.0, draw.uniform(-5.0, 20.0))
    wanted = _rms(y) * 10 ** (-snr_db / 20)
    return noise * wanted / _rms(noise)


def _in_rooms(y: Tensor, draw: _Draws) -> Tensor:
    size = round(_ROOM_S * SAMPLE_RATE)
    t = torch.arange(size, device=y.device) / SAMPLE_RATE
    decay = torch.exp(-math.log(1000) * t / draw.uniform(0.1, _ROOM_S))
    response = draw.normal(size) * decay
    response = response * draw.uniform(0.1, 1.0) / response.square().sum(1, keepdim=True).sqrt()
    response[:, 0] = 1.0
    length = 1 << (y.shape[1] + size).bit_length()
    spectrum = torch.fft.rfft(y, n=length) * torch.fft.rfft(response, n=length)
    reverberant: Tensor = torch.fft.irfft(spectrum, n=length)
    return reverberant[:, : y.shape[1]]


def _filtered(y: Tensor, gain_db: Tensor) -> Tensor:
    """`y` with a gain per bin of its spectrum."""
    spectrum = torch.fft.rfft(y) * 10 ** (gain_db / 20)
    filtered: Tensor = torch.fft.irfft(spectrum, n=y.shape[1])
    return filtered


def _curves(draw: _Draws, most_db: float, n: int) -> Tensor:
    """Smooth random gains over octaves, (clip, bin), dB."""
    points = draw.uniform(-most_db, most_db, count=_EQ_POINTS)
    hz = _bins_hz(n, points.device)
    place = (torch.log2(hz.clamp(min=60) / 60) / math.log2(200)).clamp(0, 1)
    grid = torch.stack([2 * place - 1, torch.zeros_like(place)], dim=1)[None, None]
    curves = F.grid_sample(
        points[None, :, None, :].permute(1, 0, 2, 3).contiguous(),
        grid.expand(len(points), -1, -1, -1),
        align_corners=True,
        padding_mode="border",
    )
    return curves[:, 0, 0]


def _low_pass_db(top_hz: Tensor, n: int) -> Tensor:
    above: Tensor = (_bins_hz(n, top_hz.device) / top_hz - 1).clamp(0, 1)
    return -400 * above


def _high_pass_db(bottom_hz: Tensor, n: int) -> Tensor:
    below: Tensor = (1 - _bins_hz(n, bottom_hz.device) / bottom_hz.clamp(min=1e-3)).clamp(0, 1)
    return -60 * below


def _bins_hz(n: int, device: torch.device) -> Tensor:
    return torch.linspace(0, SAMPLE_RATE / 2, n // 2 + 1, device=device)


def _rms(y: Tensor) -> Tensor:
    rms: Tensor = y.square().mean(dim=1, keepdim=True).sqrt()
    return rms.clamp(min=1e-6)
