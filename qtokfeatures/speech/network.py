"""Network from frames to symbols: convolution, bidirectional GRU, linear layer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qtokfeatures.speech.recurrent import BidirectionalGRU

BLANK = 0  # index of CTC's blank among the symbols

_KERNEL = 5


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a :class:`SpeechNetwork`; `token_count` is 0 for numeric features."""

    n_inputs: int
    n_symbols: int
    token_count: int = 0
    hidden: int = 96
    stride: int = 1
    dropout: float = 0.2

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes as JSON types."""
        return asdict(self)


class SpeechNetwork(nn.Module):
    """Frames (clip, frame, feature) → log-probabilities (clip, step, symbol)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.hidden
        self.register_buffer("mean", torch.zeros(config.n_inputs))
        self.register_buffer("scale", torch.ones(config.n_inputs))
        if config.token_count:
            # One more entry per codebook replaces masked tokens.
            self.tokens = nn.Embedding(config.n_inputs * (config.token_count + 1), width)
            nn.init.normal_(self.tokens.weight, std=config.n_inputs**-0.5)
        n_in = width if config.token_count else config.n_inputs
        self.convolution = nn.Conv1d(
            n_in, width, _KERNEL, stride=config.stride, padding=_KERNEL // 2
        )
        self.norm = nn.LayerNorm(width)
        self.drop = nn.Dropout(config.dropout)
        self.gru = BidirectionalGRU(width)
        self.head = nn.Linear(2 * width, config.n_symbols)

    def forward(self, frames: Tensor, counts: Tensor, masked: Tensor | None = None) -> Tensor:
        """Return log-probabilities; ``steps_of(counts)`` steps of each clip are valid."""
        return self.log_probs(self.inputs(frames, masked), counts)

    def log_probs(self, x: Tensor, counts: Tensor) -> Tensor:
        """Return the log-probabilities for :meth:`inputs`."""
        there = torch.arange(x.shape[1], device=x.device) < counts[:, None]
        x = x * there[..., None]
        x = self.convolution(x.transpose(1, 2)).transpose(1, 2)
        x = self.drop(F.gelu(self.norm(x)))
        x = self.gru(x, self.steps_of(counts))
        return F.log_softmax(self.head(self.drop(x)), dim=-1)

    def steps_of(self, counts: Tensor) -> Tensor:
        """Return the number of steps for a number of frames."""
        return torch.div(counts - 1, self.config.stride, rounding_mode="floor") + 1

    def standardise(self, frames: npt.NDArray[np.float32]) -> None:
        """Normalise features by the mean and variance of `frames`, (frame, feature)."""
        scale = frames.std(axis=0, dtype=np.float64)
        self.mean.copy_(torch.from_numpy(frames.mean(axis=0, dtype=np.float64)))
        self.scale.copy_(torch.from_numpy(np.where(scale > 1e-5, scale, 1.0)))

    def inputs(self, frames: Tensor, masked: Tensor | None = None) -> Tensor:
        """Return standardised features or embedded tokens, (clip, frame, width)."""
        if not self.config.token_count:
            x = (frames - self.mean) / self.scale
            x = torch.nan_to_num(x)  # padding may be NaN
            return x if masked is None else x.masked_fill(masked, 0.0)
        size = self.config.token_count
        index = frames.clamp(0, size - 1)
        if masked is not None:
            index = index.masked_fill(masked, size)
        offsets = torch.arange(self.config.n_inputs, device=frames.device) * (size + 1)
        embedded: Tensor = self.tokens(index + offsets)
        return embedded.sum(dim=2)
