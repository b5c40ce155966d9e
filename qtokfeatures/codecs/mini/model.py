"""The network of the bundled codec: encoder, codebooks and decoder."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.mini.config import STEPS_PER_FRAME, MiniConfig
from qtokfeatures.codecs.mini.spectra import (
    N_BINS,
    N_FEATURES,
    FrontEnd,
    LevelScale,
    Synthesis,
)
from qtokfeatures.codecs.nn.causal import CausalStack
from qtokfeatures.codecs.nn.quantizer import nearest_codes, residual_decode, residual_encode


@dataclass
class EncoderState:
    """What the encoder remembers between chunks."""

    heard: Tensor | None = None
    ln_level: Tensor | None = None
    fast: list[Tensor] | None = None
    slow: list[Tensor] | None = None


@dataclass
class DecoderState:
    """What the decoder remembers between chunks."""

    ln_level: Tensor | None = None
    slow: list[Tensor] | None = None
    fast: list[Tensor] | None = None
    tail: Tensor | None = field(default=None)


class MiniEncoder(nn.Module):
    """Waveform → latent, one vector a frame: a linear map of the frame plus a network."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        fast, fast_depth, fast_expansion = config.encoder_fast
        slow, slow_depth, slow_expansion = config.encoder_slow
        self.levels = LevelScale(config)
        self.front = FrontEnd()
        self.linear = nn.Linear(STEPS_PER_FRAME * N_FEATURES, config.shape_dim)
        self.enter = nn.Linear(N_FEATURES + 1, fast)
        self.fast = CausalStack(fast, fast_depth, expansion=fast_expansion)
        self.gather = nn.Linear(STEPS_PER_FRAME * fast, slow)
        self.slow = CausalStack(slow, slow_depth, expansion=slow_expansion)
        self.norm = nn.LayerNorm(slow)
        self.leave = nn.Linear(slow, config.shape_dim)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, y: Tensor, state: EncoderState | None = None) -> Tensor:
        """Latents of whole frames; `state`, when given, is continued in place.

        Parameters
        ----------
        y : Tensor, shape (batch, sample)
            24 kHz audio, a multiple of 1920 samples.
        state : EncoderState, optional
            Carries the past of a stream.

        Returns
        -------
        Tensor, shape (batch, frame, shape_dim + 1)
            Shape, and the log level in the last dimension.
        """
        state = EncoderState() if state is None else state
        ln_level = self.levels(y)
        features, state.heard = self.front(y, ln_level, state.heard)
        rise = level_rise(ln_level, state.ln_level)
        state.ln_level = ln_level[:, -1:]
        x = torch.cat([features, rise.repeat_interleave(STEPS_PER_FRAME, 1)[..., None]], dim=2)
        x, state.fast = self.fast(self.enter(x), state.fast)
        x, state.slow = self.slow(self.gather(by_frame(x)), state.slow)
        shape = self.linear(by_frame(features)) + self.leave(self.norm(x))
        latent: Tensor = torch.cat([shape, ln_level[..., None]], dim=2).float()
        return latent


class MiniDecoder(nn.Module):
    """Embedding → waveform: magnitudes (linear map plus network) and phases, inverted."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        slow, slow_depth, slow_expansion = config.decoder_slow
        fast, fast_depth, fast_expansion = config.decoder_fast
        self.linear = nn.Linear(config.shape_dim, STEPS_PER_FRAME * N_BINS)
        self.enter = nn.Linear(config.embedding_dim, slow)
        self.slow = CausalStack(slow, slow_depth, expansion=slow_expansion)
        self.spread = nn.Linear(slow, STEPS_PER_FRAME * fast)
        self.fast = CausalStack(fast, fast_depth, expansion=fast_expansion)
        self.norm = nn.LayerNorm(fast)
        self.magnitude = nn.Linear(fast, N_BINS)
        self.phase = nn.Linear(fast, N_BINS)
        self.synthesis = Synthesis()
        nn.init.zeros_(self.magnitude.weight)
        nn.init.zeros_(self.magnitude.bias)

    def forward(self, embedding: Tensor, state: DecoderState | None = None) -> Tensor:
        """Audio of the given frames; `state`, when given, is continued in place.

        Parameters
        ----------
        embedding : Tensor, shape (batch, frame, shape_dim + 1)
            Sum of codebook entries.
        state : DecoderState, optional
            Carries the past of a stream.

        Returns
        -------
        Tensor, shape (batch, sample)
            24 kHz audio, 1920 samples a frame.
        """
        state = DecoderState() if state is None else state
        ln_magnitude, phase = self.spectrum(embedding, state)
        y: Tensor
        y, state.tail = self.synthesis(ln_magnitude.float(), phase.float(), state.tail)
        return y

    def spectrum(
        self, embedding: Tensor, state: DecoderState | None = None
    ) -> tuple[Tensor, Tensor]:
        """Log magnitudes and phases, each of shape (batch, step, bin)."""
        state = DecoderState() if state is None else state
        shape, ln_level = embedding[..., :-1], embedding[..., -1]
        rise = level_rise(ln_level, state.ln_level)
        state.ln_level = ln_level[:, -1:]
        x = self.enter(torch.cat([shape, rise[..., None]], dim=2))
        x, state.slow = self.slow(x, state.slow)
        x = self.spread(x).reshape(x.shape[0], -1, self.norm.normalized_shape[0])
        x, state.fast = self.fast(x, state.fast)
        x = self.norm(x)
        plain = self.linear(shape).reshape(x.shape[0], -1, N_BINS)
        level = ln_level.repeat_interleave(STEPS_PER_FRAME, dim=1)[..., None]
        return plain + self.magnitude(x) + level, self.phase(x)


class MiniModel(nn.Module):
    """Encoder, codebooks and decoder in one; float32 unless converted.

    Parameters
    ----------
    config : MiniConfig
        Sizes.
    """

    codebooks: Tensor

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = MiniEncoder(config)
        self.decoder = MiniDecoder(config)
        # Codebook 0 holds `shape_count` shapes; its other rows are never used as shapes.
        books = torch.randn(config.n_codebooks, config.codebook_size, config.shape_dim)
        self.register_buffer("codebooks", books / config.shape_dim**0.5)

    @property
    def shapes(self) -> Tensor:
        """Shapes of codebook 0, (shape_count, shape_dim)."""
        return self.codebooks[0, : self.config.shape_count]

    def quantize(self, latent: Tensor, ladder_index: Tensor, books: Tensor | None = None) -> Tensor:
        """Codes of latents.

        Parameters
        ----------
        latent : Tensor, shape (row, shape_dim)
            Shapes.
        ladder_index : Tensor, shape (row,)
            Place of each row's level on the ladder.
        books : Tensor, shape (codebook, code, shape_dim), optional
            The model's codebooks in another precision.

        Returns
        -------
        Tensor of int64, shape (row, codebook)
            Entry ``level * shape_count + shape`` of codebook 0, then plain residual codes.
        """
        books = self.codebooks if books is None else books
        shapes = books[0, : self.config.shape_count]
        first = nearest_codes(latent, shapes)
        rest = residual_encode(latent - shapes[first], books[1:])
        return torch.cat([(ladder_index * self.config.shape_count + first)[:, None], rest], dim=1)

    def embed(self, codes: Tensor) -> Tensor:
        """Sum of the entries named by `codes`, shape (row, codebook), any prefix.

        Returns
        -------
        Tensor, shape (row, shape_dim + 1)
            Shape and log level.
        """
        first = self.shapes[codes[:, 0] % self.config.shape_count]
        rest = residual_decode(codes[:, 1:], self.codebooks[1:])
        ln_level = self.encoder.levels.ln_levels[codes[:, 0] // self.config.shape_count]
        return torch.cat([first + rest, ln_level[:, None].to(rest.dtype)], dim=1)


def by_frame(x: Tensor) -> Tensor:
    """(batch, step, channel) → (batch, frame, 8 * channel)."""
    return x.reshape(x.shape[0], x.shape[1] // STEPS_PER_FRAME, -1)


def level_rise(ln_level: Tensor, before: Tensor | None) -> Tensor:
    """Change of level from frame to frame, which a gain leaves as it is; 0 at the start."""
    first = ln_level[:, :1] if before is None else before
    return torch.diff(ln_level, dim=1, prepend=first).clamp(-6.0, 6.0) / 2
