"""How far decoded audio is from the original, for gradients: spectra at four resolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.mini.spectra import mel_filters

MEL_FLOOR = 1e-4
LONGEST_WINDOW = 2048
_STFT_FLOOR = 3e-5
_SIZES = ((LONGEST_WINDOW, 128), (1024, 80), (512, 64), (256, 32))


class WaveformLoss(nn.Module):
    """Log-mel, log-STFT and spectral convergence at four resolutions.

    Parameters
    ----------
    stft_weight, convergence_weight : float
        Shares beside log-mel, which has 1.
    """

    def __init__(self, *, stft_weight: float = 0.5, convergence_weight: float = 0.25) -> None:
        super().__init__()
        self.stft_weight, self.convergence_weight = stft_weight, convergence_weight
        for size, bands in _SIZES:
            window = torch.hann_window(size, dtype=torch.float32)
            self.register_buffer(f"window_{size}", window, persistent=False)
            self.register_buffer(f"mel_{size}", mel_filters(size, bands), persistent=False)

    def forward(self, found: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Parts of the loss for `found` against `wanted`, each (batch, sample)."""
        parts = [self._at(size, found, wanted) for size, _ in _SIZES]
        mel, stft, convergence = (sum(p) / len(_SIZES) for p in zip(*parts, strict=True))
        total = mel + self.stft_weight * stft + self.convergence_weight * convergence
        return {"loss": total, "mel": mel, "stft": stft, "convergence": convergence}

    def _at(self, size: int, found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        window, mel = self.get_buffer(f"window_{size}"), self.get_buffer(f"mel_{size}")
        a, b = _magnitude(found, size, window), _magnitude(wanted, size, window)
        convergence = torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b).clamp(min=1e-3)
        return log_l1(a @ mel, b @ mel, MEL_FLOOR), log_l1(a, b, _STFT_FLOOR), convergence


def log_l1(a: Tensor, b: Tensor, floor: float) -> Tensor:
    """Mean of ``|ln(a + floor) - ln(b + floor)|``."""
    return (torch.log(a + floor) - torch.log(b + floor)).abs().mean()


def _magnitude(y: Tensor, size: int, window: Tensor) -> Tensor:
    """(batch, step, bin); the small constant keeps the gradient finite at silence."""
    spectrum = torch.fft.rfft(y.unfold(1, size, size // 4) * window)
    power = spectrum.real.square() + spectrum.imag.square()
    return torch.sqrt(power + 1e-10) * (4 / size)
