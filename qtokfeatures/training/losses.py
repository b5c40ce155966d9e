"""Losses on predicted magnitudes and on semantic latents."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qtokfeatures.codecs.mini.config import STEP, STEPS_PER_FRAME, MiniConfig
from qtokfeatures.codecs.mini.losses import MEL_FLOOR, log_l1
from qtokfeatures.codecs.mini.spectra import (
    N_MELS,
    SYNTHESIS_WINDOW,
    TAIL,
    by_place,
    mel_bands,
    step_windows,
)
from qtokfeatures.training.batches import LABEL_STEPS, N_WORD_CLASSES, UNKNOWN, Batch

_HIDDEN = 384
_WORD_WEIGHT = 0.5
_SPECTRUM_WEIGHT = 1.0
_SMOOTHING = 0.1


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
        """Target magnitudes of the decoder, (batch, step, bin)."""
        # The last windows are zero beyond the end of `y`.
        padded = torch.nn.functional.pad(y, (0, SYNTHESIS_WINDOW - STEP - TAIL))
        pieces = by_place(padded.unfold(1, SYNTHESIS_WINDOW, STEP), self.windows)
        magnitude: Tensor = torch.fft.rfft(pieces).abs() * (4 / SYNTHESIS_WINDOW)
        return magnitude


class SemanticLoss(nn.Module):
    """Prediction of phones, parts of words and the clean spectrum from a quantised frame."""

    def __init__(self, config: MiniConfig, n_phones: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(config.semantic_dim, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.GELU(),
        )
        self.phones = nn.Linear(_HIDDEN, len(LABEL_STEPS) * max(1, n_phones))
        self.words = nn.Linear(_HIDDEN, N_WORD_CLASSES)
        self.spectrum = nn.Linear(_HIDDEN, STEPS_PER_FRAME * N_MELS)

    def forward(self, semantic: Tensor, batch: Batch, clean: Tensor) -> dict[str, Tensor]:
        """Weighted sum ``semantic`` and its parts, for latents (clip, frame, semantic_dim)."""
        hidden = self.body(semantic)
        phones = self.phones(hidden).float().unflatten(-1, (len(LABEL_STEPS), -1))
        parts = {
            "phones": _cross_entropy(phones, batch.phones),
            "words": _cross_entropy(self.words(hidden).float(), batch.words),
        }
        found = self.spectrum(hidden).float().reshape(clean.shape)
        parts["spectrum"] = (found - clean).abs().mean()
        parts["semantic"] = (
            parts["phones"] + _WORD_WEIGHT * parts["words"] + _SPECTRUM_WEIGHT * parts["spectrum"]
        )
        return parts


def _cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean over the labelled frames; 0 without any."""
    scores, labels = scores.flatten(0, -2), labels.flatten()
    total = F.cross_entropy(
        scores, labels, ignore_index=UNKNOWN, reduction="sum", label_smoothing=_SMOOTHING
    )
    return total / (labels != UNKNOWN).sum().clamp(min=1)
