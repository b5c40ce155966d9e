"""Network of the bundled codec: two encoders, codebooks and a decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from qtokfeatures.codecs.mini.config import STEPS_PER_FRAME, MiniConfig
from qtokfeatures.codecs.mini.spectra import (
    N_BINS,
    N_FEATURES,
    N_MELS,
    FrontEnd,
    LevelScale,
    Synthesis,
)
from qtokfeatures.codecs.nn.causal import CausalStack
from qtokfeatures.codecs.nn.quantizer import half_norms, nearest_codes, residual_encode


@dataclass
class TrunkState:
    """Streaming state of the two stacks of a :class:`Trunk`."""

    fast: list[Tensor] | None = None
    slow: list[Tensor] | None = None


@dataclass
class EncoderState:
    """Streaming state of the encoder."""

    samples: Tensor | None = None
    ln_level: Tensor | None = None
    semantic: TrunkState | None = None
    shape: TrunkState | None = None


@dataclass
class DecoderState:
    """Streaming state of the decoder."""

    ln_level: Tensor | None = None
    slow: list[Tensor] | None = None
    fast: list[Tensor] | None = None
    tail: Tensor | None = None


class SearchBooks(NamedTuple):
    """Entries to search, semantic ones and the shapes of every codebook, with their norms."""

    semantic: Tensor
    books: Tensor
    semantic_norms: Tensor
    norms: Tensor


class Trunk(nn.Module):
    """Steps → one vector per frame: a stack at 100 Hz, then one at 12.5 Hz."""

    def __init__(
        self, n_features: int, fast: tuple[int, int, int], slow: tuple[int, int, int], dim: int
    ) -> None:
        super().__init__()
        self.enter = nn.Linear(n_features, fast[0])
        self.fast = CausalStack(fast[0], fast[1], expansion=fast[2])
        self.gather = nn.Linear(STEPS_PER_FRAME * fast[0], slow[0])
        self.slow = CausalStack(slow[0], slow[1], expansion=slow[2])
        self.norm = nn.LayerNorm(slow[0])
        self.leave = nn.Linear(slow[0], dim)

    def forward(self, x: Tensor, state: TrunkState) -> Tensor:
        """(batch, step, feature) → (batch, frame, dim); advances `state`."""
        x, state.fast = self.fast(self.enter(x), state.fast)
        x, state.slow = self.slow(self.gather(by_frame(x)), state.slow)
        with torch.autocast(x.device.type, enabled=False):
            leaving: Tensor = self.leave(self.norm(x))
        return leaving


class MiniEncoder(nn.Module):
    """Waveform → latents ``[semantic | shape | log level]``, one per frame."""

    # The semantic part has a network of its own, trained under noise. The shape is a linear map of
    # the frame plus a network, which starts at zero.

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.levels = LevelScale(config)
        self.front = FrontEnd()
        self.semantic = Trunk(
            N_MELS + 1, config.semantic_fast, config.semantic_slow, config.semantic_dim
        )
        self.linear = nn.Linear(STEPS_PER_FRAME * N_FEATURES, config.shape_dim)
        self.shape = Trunk(
            N_FEATURES + 1, config.encoder_fast, config.encoder_slow, config.shape_dim
        )
        nn.init.zeros_(self.shape.leave.weight)
        nn.init.zeros_(self.shape.leave.bias)

    def forward(self, y: Tensor, state: EncoderState | None = None) -> Tensor:
        """Encode whole frames (batch, sample); advances `state`."""
        state = EncoderState() if state is None else state
        features, change, ln_level = self.analyse(y, state)
        semantic = self.semantic_latents(features, change, state)
        shape = self.shape_latents(features, change, state)
        return torch.cat([semantic, shape, ln_level[..., None]], dim=2).float()

    def analyse(self, y: Tensor, state: EncoderState) -> tuple[Tensor, Tensor, Tensor]:
        """Features (batch, step, feature), level changes (batch, step), levels (batch, frame)."""
        ln_level = self.levels(y)
        features, state.samples = self.front(y, ln_level, state.samples)
        change = level_change(ln_level, state.ln_level)
        state.ln_level = ln_level[:, -1:]
        return features, change.repeat_interleave(STEPS_PER_FRAME, 1), ln_level

    def semantic_latents(self, features: Tensor, change: Tensor, state: EncoderState) -> Tensor:
        """Vectors that codebook 0 quantises, (batch, frame, semantic_dim)."""
        state.semantic = state.semantic or TrunkState()
        mels = torch.cat([features[..., :N_MELS], change[..., None]], dim=2)
        found: Tensor = self.semantic(mels, state.semantic)
        return found

    def shape_latents(self, features: Tensor, change: Tensor, state: EncoderState) -> Tensor:
        """Vectors that the other codebooks quantise, (batch, frame, shape_dim)."""
        state.shape = state.shape or TrunkState()
        x = torch.cat([features, change[..., None]], dim=2)
        rest: Tensor = self.shape(x, state.shape)
        with torch.autocast(x.device.type, enabled=False):
            linear: Tensor = self.linear(by_frame(features))
        return linear + rest


class MiniDecoder(nn.Module):
    """Embeddings → magnitudes (linear map plus network) and phases → waveform."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        slow, slow_depth, slow_expansion = config.decoder_slow
        fast, fast_depth, fast_expansion = config.decoder_fast
        self.semantic_dim = config.semantic_dim
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
        """Decode embeddings (batch, frame, dim) → (batch, sample); advances `state`."""
        state = DecoderState() if state is None else state
        ln_magnitude, phase = self.spectrum(embedding, state)
        y: Tensor
        y, state.tail = self.synthesis(ln_magnitude.float(), phase.float(), state.tail)
        return y

    def spectrum(
        self, embedding: Tensor, state: DecoderState | None = None
    ) -> tuple[Tensor, Tensor]:
        """Log magnitudes and phases, each (batch, step, bin)."""
        state = DecoderState() if state is None else state
        vectors, ln_level = embedding[..., :-1], embedding[..., -1]
        change = level_change(ln_level, state.ln_level)
        state.ln_level = ln_level[:, -1:]
        x = self.enter(torch.cat([vectors, change[..., None]], dim=2))
        x, state.slow = self.slow(x, state.slow)
        x = self.spread(x).reshape(x.shape[0], -1, self.norm.normalized_shape[0])
        x, state.fast = self.fast(x, state.fast)
        level = ln_level.repeat_interleave(STEPS_PER_FRAME, dim=1)[..., None]
        # Log magnitudes and phases need more digits than bfloat16 has.
        with torch.autocast(x.device.type, enabled=False):
            x = self.norm(x)
            plain = self.linear(vectors[..., self.semantic_dim :]).reshape(x.shape[0], -1, N_BINS)
            return plain + self.magnitude(x) + level, self.phase(x)


class MiniModel(nn.Module):
    """Encoder, codebooks and decoder; float32 unless converted."""

    # Codebook 0 quantises the semantic part; each of its entries also stands for a mean shape.
    # Codebook 1 holds all pairs of a level and one of few shapes, so that a gain of whole levels
    # changes no other codebook. The rest quantise what remains of the shape.
    semantic_entries: Tensor
    codebooks: Tensor
    typical_ln_level: Tensor

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = MiniEncoder(config)
        self.decoder = MiniDecoder(config)
        semantic = torch.randn(config.semantic_count, config.semantic_dim)
        self.register_buffer("semantic_entries", semantic / config.semantic_dim**0.5)
        # Rows beyond `config.entry_counts` are never used.
        books = torch.randn(config.n_codebooks, config.codebook_size, config.shape_dim)
        self.register_buffer("codebooks", books / config.shape_dim**0.5)
        self.register_buffer("typical_ln_level", torch.full((config.semantic_count,), -3.0))

    def search_books(self, dtype: torch.dtype | None = None) -> SearchBooks:
        """Codebooks in `dtype`, by default their own, for :meth:`quantize`."""
        semantic, books = self.semantic_entries.to(dtype), self.codebooks.to(dtype)
        return SearchBooks(semantic, books, half_norms(semantic), half_norms(books))

    def quantize(self, latent: Tensor, search: SearchBooks | None = None) -> Tensor:
        """Quantise latents (row, dim) → int64 (row, codebook)."""
        search = search or self.search_books()
        semantic, shape, ln_level = self.split(latent)
        semantic_codes = nearest_codes(semantic, search.semantic, search.semantic_norms)
        return self.quantize_shape(
            shape, semantic_codes, self.encoder.levels.place(ln_level), search
        )

    def quantize_shape(
        self,
        shape: Tensor,
        semantic_codes: Tensor,
        levels: Tensor,
        search: SearchBooks,
        *,
        width: int = 1,
    ) -> Tensor:
        """Quantise shapes (row, shape_dim) of given semantic codes and levels, by a beam search."""
        counts = list(enumerate(self.config.entry_counts))[1:]
        found = residual_encode(
            shape - search.books[0][semantic_codes],
            [search.books[k, :count] for k, count in counts],
            [search.norms[k, :count] for k, count in counts],
            width=width,
        )
        found[:, 0] += levels * self.config.shape_count
        return torch.cat([semantic_codes[:, None], found], dim=1)

    def embed(self, codes: Tensor) -> Tensor:
        """Sum the entries of `codes` (row, codebook), of all or the first books → (row, dim)."""
        semantic_codes = self._used_semantic_codes(codes)
        shape = self.codebooks[0][semantic_codes]
        for k in range(1, codes.shape[1]):
            index = codes[:, k] % self.config.shape_count if k == 1 else codes[:, k]
            shape = shape + self.codebooks[k][index]
        ln_level = self.ln_levels(codes).to(shape.dtype)  # the encoder may be in float64
        return torch.cat([self.semantic_entries[semantic_codes], shape, ln_level[:, None]], dim=1)

    def _used_semantic_codes(self, codes: Tensor) -> Tensor:
        """Codes of codebook 0; unused ones become the first."""
        first = codes[:, 0]
        return torch.where(first < self.config.semantic_count, first, 0)

    def ln_levels(self, codes: Tensor) -> Tensor:
        """Log level of each row of `codes`; of codebook 0 alone, the mean level in training."""
        if codes.shape[1] < 2:
            return self.typical_ln_level[self._used_semantic_codes(codes)]
        return self.encoder.levels.ln_levels[codes[:, 1] // self.config.shape_count]

    def split(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Split latents or embeddings into semantic part, shape and log level."""
        sizes = [self.config.semantic_dim, self.config.shape_dim, 1]
        semantic, shape, ln_level = vectors.split(sizes, dim=-1)
        return semantic, shape, ln_level[..., 0]


def by_frame(x: Tensor) -> Tensor:
    """(batch, step, channel) → (batch, frame, 8 * channel)."""
    return x.reshape(x.shape[0], x.shape[1] // STEPS_PER_FRAME, -1)


def level_change(ln_level: Tensor, before: Tensor | None) -> Tensor:
    """Change of level from frame to frame, independent of gain; 0 at the start."""
    first = ln_level[:, :1] if before is None else before
    return torch.diff(ln_level, dim=1, prepend=first).clamp(-6.0, 6.0) / 2
