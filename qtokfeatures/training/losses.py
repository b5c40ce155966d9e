"""The loss on predicted magnitudes; that on decoded audio is beside the codec."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.mini.config import STEP
from qtokfeatures.codecs.mini.losses import MEL_FLOOR, log_l1
from qtokfeatures.codecs.mini.spectra import (
    SYNTHESIS_WINDOW,
    TAIL,
    by_place,
    mel_bands,
    step_windows,
)


class MagnitudeLoss(nn.Module):
    """L1 between log magnitudes of the decoder and of the original, per bin and per mel band."""

    windows: Tensor
    mel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("windows", step_windows(), persistent=False)
        self.register_buffer("mel", mel_bands(SYNTHESIS_WINDOW, 100), persistent=False)

    def forward(self, ln_magnitude: Tensor, y: Tensor) -> Tensor:
        """Loss of `ln_magnitude` (batch, step, bin) against `y` (batch, 240 * step + 240)."""
        target = self.spectrum(y)
        found = torch.exp(ln_magnitude.float().clamp(max=4.0))
        bins = (torch.log(found + MEL_FLOOR) - torch.log(target + MEL_FLOOR)).abs().mean()
        mels = log_l1(found @ self.mel, target @ self.mel, MEL_FLOOR)
        loss: Tensor = bins + mels
        return loss

    def spectrum(self, y: Tensor) -> Tensor:
        """Magnitudes as the decoder should find them, (batch, step, bin)."""
        # The last windows are zero where they would reach beyond `y`.
        padded = torch.nn.functional.pad(y, (0, SYNTHESIS_WINDOW - STEP - TAIL))
        pieces = by_place(padded.unfold(1, SYNTHESIS_WINDOW, STEP), self.windows)
        magnitude: Tensor = torch.fft.rfft(pieces).abs() * (4 / SYNTHESIS_WINDOW)
        return magnitude
