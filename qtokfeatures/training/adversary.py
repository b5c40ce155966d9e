"""Discriminators of decoded audio, and their least-squares losses.

Multi-period (Kong et al., 2020, arXiv:2010.05646) and multi-resolution complex-STFT
discriminators (Défossez et al., 2022, arXiv:2210.13438).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PERIODS = (2, 3, 5, 7, 11)
RESOLUTIONS = (2048, 1024, 512)
_PERIOD_CHANNELS = (32, 64, 128, 256, 256)
_STFT_CHANNELS = (16, 32, 32, 32)
_SLOPE = 0.1
# Weight of matching the features, beside deceiving the discriminators
MATCHING_WEIGHT = 3.0


class PeriodDiscriminator(nn.Module):
    """Discriminator of samples that lie `period` apart."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        sizes = (1, *_PERIOD_CHANNELS)
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, (5, 1), stride=(3, 1), padding=(2, 0)) for a, b in pairwise(sizes)
        )
        self.verdict = nn.Conv2d(sizes[-1], 1, (3, 1), padding=(1, 0))

    def forward(self, y: Tensor) -> list[Tensor]:
        """Features of every layer of `y` (clip, sample), the verdict last."""
        y = y[:, : y.shape[1] - y.shape[1] % self.period]
        return _judged(y.reshape(len(y), 1, -1, self.period), self.layers, self.verdict)


class SpectrumDiscriminator(nn.Module):
    """Discriminator of a complex spectrogram with windows of `size` samples."""

    window: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        shapes = [((1, 2), 1), ((1, 2), 1), ((1, 2), 2), ((1, 2), 4)]
        sizes = (2, *_STFT_CHANNELS)
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, (3, 9), stride=stride, dilation=(d, 1), padding=(d, 4))
            for a, b, (stride, d) in zip(sizes, sizes[1:], shapes, strict=False)
        )
        self.verdict = nn.Conv2d(sizes[-1], 1, (3, 3), padding=(1, 1))

    def forward(self, y: Tensor) -> list[Tensor]:
        """Features of every layer of `y` (clip, sample), the verdict last."""
        pieces = y.unfold(1, self.size, self.size // 4) * self.window
        spectrum = torch.view_as_real(torch.fft.rfft(pieces)) * (2 / self.size**0.5)
        return _judged(spectrum.permute(0, 3, 1, 2), self.layers, self.verdict)


class Adversary(nn.Module):
    """All discriminators."""

    def __init__(self) -> None:
        super().__init__()
        self.judges = nn.ModuleList(
            [PeriodDiscriminator(p) for p in PERIODS]
            + [SpectrumDiscriminator(size) for size in RESOLUTIONS]
        )

    def forward(self, y: Tensor) -> list[list[Tensor]]:
        """Features and verdicts of each discriminator on `y` (clip, sample)."""
        return [judge(y) for judge in self.judges]


class Opponent:
    """Discriminators with their optimiser."""

    def __init__(self, device: torch.device, lr: float) -> None:
        self.adversary = Adversary().to(device)
        for parameter in self.adversary.parameters():
            parameter.data = parameter.data.contiguous(memory_format=_layout(parameter))
        self.optimizer = torch.optim.AdamW(
            self.adversary.parameters(),
            lr=lr,
            betas=(0.8, 0.99),
            fused=True,
            capturable=device.type == "cuda",
        )

    def judge(self, found: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Train on `found` against `wanted` (clip, sample); return the codec's losses.

        ``against`` is the sum that the codec minimises, ``judges`` the discriminators' own loss.
        """
        found, wanted = same_level(found, wanted)
        # Few CPUs have fast two-dimensional convolutions in bfloat16.
        on_gpu = found.device.type == "cuda"
        with torch.autocast(found.device.type, torch.bfloat16, enabled=on_gpu):
            real = self.adversary(wanted)
            judges = discriminator_loss(real, self.adversary(found.detach()))
            self.optimizer.zero_grad(set_to_none=True)
            judges.backward()
            torch.nn.utils.clip_grad_norm_(self.adversary.parameters(), 10.0)
            self.optimizer.step()
            fake = self.adversary(found)
        deception, matching = deception_loss(fake), matching_loss(real, fake)
        against = deception + MATCHING_WEIGHT * matching
        return {"against": against, "deception": deception, "matching": matching, "judges": judges}


def same_level(found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Both signals with the gain that gives `wanted` an RMS amplitude of 0.1."""
    gain = 0.1 / wanted.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-3)
    return found * gain, wanted * gain


def discriminator_loss(
    real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]
) -> Tensor:
    """Least squares: originals are 1, decoded audio is 0; mean over discriminators."""
    losses = [
        (1 - r[-1].float()).square().mean() + f[-1].float().square().mean()
        for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(losses).mean()


def deception_loss(fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """Distance of decoded audio from the verdict for originals; mean over discriminators."""
    return torch.stack([(1 - f[-1].float()).square().mean() for f in fake]).mean()


def matching_loss(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """Relative L1 between features of originals and of decoded audio; mean over layers."""
    losses = [
        _mean_size(a.detach() - b) / _mean_size(a.detach()).clamp(min=0.01)
        for r, f in zip(real, fake, strict=True)
        for a, b in zip(r[:-1], f[:-1], strict=True)
    ]
    return torch.stack(losses).mean()


def _layout(parameter: Tensor) -> torch.memory_format:
    return torch.channels_last if parameter.ndim == 4 else torch.contiguous_format


def _mean_size(x: Tensor) -> Tensor:
    return x.abs().mean(dtype=torch.float32)


def _judged(x: Tensor, layers: nn.ModuleList, verdict: nn.Module) -> list[Tensor]:
    features = []
    x = x.contiguous(memory_format=torch.channels_last)
    for layer in layers:
        x = F.leaky_relu(layer(x), _SLOPE)
        features.append(x)
    features.append(verdict(x))
    return features
