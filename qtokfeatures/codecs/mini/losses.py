"""Differentiable distance of decoded audio from the original, at four spectral resolutions."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.mini.spectra import mel_bands

MEL_FLOOR = 1e-4
LONGEST_WINDOW = 2048
_STFT_FLOOR = 3e-5
# Windows in samples, and mel bands of each.
_SIZES = ((LONGEST_WINDOW, 128), (1024, 80), (512, 64), (256, 32))


class Spectra(NamedTuple):
    """Audio at one resolution, each of shape (batch, window, bin or band)."""

    magnitude: Tensor
    ln_magnitude: Tensor
    ln_mel: Tensor


class Distance(NamedTuple):
    """Distances of two sounds at one resolution."""

    mel: Tensor  # log-mel bands, (batch, window)
    stft: Tensor  # log magnitudes, (batch, window)
    convergence: Tensor  # magnitudes, relative to the target's: one number


class WaveformLoss(nn.Module):
    """Log-mel, log-STFT and spectral convergence at four resolutions."""

    def __init__(self, *, stft_weight: float = 0.5, convergence_weight: float = 0.25) -> None:
        super().__init__()
        self.stft_weight, self.convergence_weight = stft_weight, convergence_weight
        for size, bands in _SIZES:
            window = torch.hann_window(size, dtype=torch.float32)
            self.register_buffer(f"window_{size}", window, persistent=False)
            self.register_buffer(f"mel_{size}", mel_bands(size, bands), persistent=False)

    def forward(self, found: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Terms of the loss of `found` against `wanted`, each (batch, sample)."""
        return self.combine(self.distances(self.spectra(found), self.spectra(wanted)))

    def spectra(self, y: Tensor) -> list[Spectra]:
        """Spectra of `y`, shape (batch, sample), at each resolution."""
        return [self._spectra(y, size) for size, _ in _SIZES]

    def distances(self, found: list[Spectra], wanted: list[Spectra]) -> list[Distance]:
        """Distances of the results of :meth:`spectra`, at each resolution."""
        return [_distance(a, b) for a, b in zip(found, wanted, strict=True)]

    def combine(self, distances: list[Distance]) -> dict[str, Tensor]:
        """Terms of the loss, and their weighted sum as "loss"."""
        means = [(d.mel.mean(), d.stft.mean(), d.convergence) for d in distances]
        mel, stft, convergence = (sum(p) / len(means) for p in zip(*means, strict=True))
        total = mel + self.stft_weight * stft + self.convergence_weight * convergence
        return {"loss": total, "mel": mel, "stft": stft, "convergence": convergence}

    def by_frame(self, distances: list[Distance], *, first: int, hop: int, frames: int) -> Tensor:
        """Loss per frame without convergence: mean over the windows centred in the frame."""
        total = distances[0].mel.new_zeros(frames)
        for (size, _), distance in zip(_SIZES, distances, strict=True):
            loss = (distance.mel + self.stft_weight * distance.stft).mean(dim=0)
            middle = torch.arange(len(loss), device=loss.device) * (size // 4) + size // 2
            frame = ((middle - first) // hop).clamp(0, frames - 1)
            windows = torch.bincount(frame, minlength=frames).clamp(min=1)
            total += torch.zeros_like(total).index_add(0, frame, loss) / windows
        return total / len(_SIZES)

    def _spectra(self, y: Tensor, size: int) -> Spectra:
        magnitude = _magnitude(y, size, self.get_buffer(f"window_{size}"))
        mel = magnitude @ self.get_buffer(f"mel_{size}")
        return Spectra(magnitude, torch.log(magnitude + _STFT_FLOOR), torch.log(mel + MEL_FLOOR))


def _distance(found: Spectra, wanted: Spectra) -> Distance:
    gap = torch.linalg.vector_norm(found.magnitude - wanted.magnitude)
    return Distance(
        (found.ln_mel - wanted.ln_mel).abs().mean(dim=2),
        (found.ln_magnitude - wanted.ln_magnitude).abs().mean(dim=2),
        gap / torch.linalg.vector_norm(wanted.magnitude).clamp(min=1e-3),
    )


def log_l1(a: Tensor, b: Tensor, floor: float) -> Tensor:
    """Mean of ``|ln(a + floor) - ln(b + floor)|``."""
    return (torch.log(a + floor) - torch.log(b + floor)).abs().mean()


def _magnitude(y: Tensor, size: int, window: Tensor) -> Tensor:
    """Magnitudes (batch, step, bin); the small constant keeps gradients finite at silence."""
    spectrum = torch.fft.rfft(y.unfold(1, size, size // 4) * window)
    power = spectrum.real.square() + spectrum.imag.square()
    return torch.sqrt(power + 1e-10) * (4 / size)
