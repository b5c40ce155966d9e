"""Causal analysis and synthesis: waveform → level and log spectra → waveform."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from qtokfeatures.audio.acoustic import mel_filters
from qtokfeatures.codecs.mini.config import (
    HOP_LENGTH,
    SAMPLE_RATE,
    STEP,
    STEPS_PER_FRAME,
    MiniConfig,
)

LONG_WINDOW = 2048
SHORT_WINDOW = 1024
N_MELS = 80
N_LOW_BINS = 160
N_FEATURES = N_MELS + N_LOW_BINS
FRONT_CONTEXT = LONG_WINDOW - STEP

SYNTHESIS_WINDOW = 960
N_BINS = SYNTHESIS_WINDOW // 2 + 1
TAIL = STEP  # samples by which a frame's windows overlap the next frame

_FLOOR = 1e-3  # of magnitudes relative to the level, so that silence has a logarithm
_CEILING = 60.0
_MOST_ONSET_GAIN = 5.0
_BLOCK_WINDOWS = 64  # few enough to stay in a processor's cache


def mel_bands(n_fft: int, n_mels: int) -> Tensor:
    """Weights of magnitude bins in each mel band, (bin, band)."""
    return torch.from_numpy(np.ascontiguousarray(mel_filters(SAMPLE_RATE, n_fft, n_mels).T))


class LevelScale(nn.Module):
    """Ladder of levels, one of which codebook 1 codes per frame."""

    ln_levels: Tensor
    edges: Tensor

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        fine = config.level_count - config.level_coarse_count
        steps_db = np.full(config.level_count - 1, config.level_coarse_step_db)
        steps_db[-(fine - 1) :] = config.level_step_db
        down_db = np.concatenate([[0.0], np.cumsum(steps_db[::-1])])[::-1]
        ladder = torch.tensor((config.level_top_db - down_db) * math.log(10) / 20)
        self.register_buffer("ln_levels", ladder.float(), persistent=False)
        self.register_buffer("edges", (ladder[1:] + ladder[:-1]) / 2, persistent=False)

    def forward(self, y: Tensor) -> Tensor:
        """Nearest log level of each frame of `y`, (batch, sample) → (batch, frame)."""
        return self.ln_levels[self.index(y)]

    def index(self, y: Tensor) -> Tensor:
        """Index of each frame's level on the ladder, (batch, sample) → (batch, frame)."""
        # Float64 and one row per frame: the sum does not depend on batch, chunk or threads.
        power = y.reshape(y.shape[0], -1, HOP_LENGTH).double().square().mean(dim=2)
        return self.place(0.5 * torch.log(power + 1e-30))

    def place(self, ln_rms: Tensor) -> Tensor:
        """Index on the ladder of the nearest level, int64 of the same shape."""
        return torch.bucketize(ln_rms.to(self.edges.dtype).contiguous(), self.edges)


class FrontEnd(nn.Module):
    """Waveform → log spectra relative to each frame's level, at 100 Hz."""

    # 80 mel bands of a 1024-sample window and the 160 lowest bins of a 2048-sample window. Both
    # windows end where the step ends: no sample after the step is used.
    short_window: Tensor
    long_window: Tensor
    mel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("short_window", _scaled_hann(SHORT_WINDOW), persistent=False)
        self.register_buffer("long_window", _scaled_hann(LONG_WINDOW), persistent=False)
        self.register_buffer("mel", mel_bands(SHORT_WINDOW, N_MELS), persistent=False)

    def forward(
        self, y: Tensor, ln_level: Tensor, past: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Features (batch, step, feature) of whole frames, and the state for the next call."""
        if past is None:
            past = y.new_zeros(y.shape[0], FRONT_CONTEXT)
        samples = torch.cat([past, y], dim=1)
        windows = samples.unfold(1, LONG_WINDOW, STEP)
        block = max(1, _BLOCK_WINDOWS // len(y)) if y.device.type == "cpu" else windows.shape[1]
        spectra = torch.cat([self._spectra(some) for some in windows.split(block, dim=1)], dim=1)
        level = torch.exp(ln_level).repeat_interleave(HOP_LENGTH // STEP, dim=1)[..., None]
        features = torch.log((spectra / level).clamp(max=_CEILING) + _FLOOR)
        return 0.5 * features + 1.0, samples[:, samples.shape[1] - FRONT_CONTEXT :]

    def _spectra(self, windows: Tensor) -> Tensor:
        """(batch, step, LONG_WINDOW) → (batch, step, feature)."""
        short = _magnitude(windows[..., -SHORT_WINDOW:] * self.short_window) @ self.mel
        long = _magnitude(windows * self.long_window, N_LOW_BINS)
        return torch.cat([short, long], dim=2)


class Synthesis(nn.Module):
    """Log magnitudes and phases → waveform, by overlap-add of windowed inverse FFTs."""

    # A window starts where its step starts, and none reaches further than 10 ms into the next
    # frame: a frame's samples are complete once its codes are known.
    windows: Tensor
    onset: Tensor

    def __init__(self) -> None:
        super().__init__()
        analysis = step_windows()
        power = overlap_add(analysis.square()[None])[0]
        head, tail = power[:HOP_LENGTH], power[HOP_LENGTH : HOP_LENGTH + TAIL]
        period = torch.cat([head[:TAIL] + tail, head[TAIL:]])
        cover = period.repeat(2)[: overlap_length(len(analysis))]
        scale = 1 / cover.unfold(0, SYNTHESIS_WINDOW, STEP)
        self.register_buffer("windows", analysis * scale, persistent=False)
        onset = (period[:TAIL] / head[:TAIL]).clamp(max=_MOST_ONSET_GAIN)
        self.register_buffer("onset", onset, persistent=False)

    def forward(
        self, ln_magnitude: Tensor, phase: Tensor, tail: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Waveform (batch, sample) of magnitudes and phases (batch, step, bin), and its tail."""
        magnitude = torch.exp(ln_magnitude.clamp(max=4.0)) * (SYNTHESIS_WINDOW / 4)
        spectrum = torch.complex(magnitude * torch.cos(phase), magnitude * torch.sin(phase))
        pieces = torch.fft.irfft(spectrum, n=SYNTHESIS_WINDOW)
        y = overlap_add(by_place(pieces, self.windows))
        # No earlier window overlaps the first samples of a stream: a gain compensates.
        head = y[:, :TAIL] * self.onset if tail is None else y[:, :TAIL] + tail
        y = torch.cat([head, y[:, TAIL:]], dim=1)
        end = STEP * pieces.shape[1]
        return y[:, :end], y[:, end : end + TAIL]


def step_windows() -> Tensor:
    """Windows of the eight steps of a frame, (8, 960)."""
    # Hann windows; those that reach into the next frame fade out within its first 240 samples as
    # cos, where the next frame's first window fades in as sin: cos² + sin² = 1.
    place = STEP * torch.arange(STEPS_PER_FRAME)[:, None] + torch.arange(SYNTHESIS_WINDOW)
    ahead = ((place - HOP_LENGTH) / TAIL).clamp(0, 1)
    windows = torch.hann_window(SYNTHESIS_WINDOW) * torch.cos(torch.pi / 2 * ahead)
    windows[0, : SYNTHESIS_WINDOW // 2] = 1.0
    windows[0, :TAIL] = torch.sin(torch.pi / 2 * torch.arange(TAIL) / TAIL)
    return windows


def by_place(pieces: Tensor, windows: Tensor) -> Tensor:
    """Multiply steps (batch, step, 960) by the window of their place in the frame."""
    frames = pieces.reshape(pieces.shape[0], -1, *windows.shape)
    return (frames * windows).reshape(pieces.shape)


def overlap_length(steps: int) -> int:
    """Samples covered by the windows of so many steps."""
    return STEP * (steps - 1) + SYNTHESIS_WINDOW


def overlap_add(pieces: Tensor) -> Tensor:
    """Overlap-add of windows (batch, step, 960), 240 samples apart."""
    batch, steps, _ = pieces.shape
    overlap = SYNTHESIS_WINDOW // STEP
    parts = pieces.reshape(batch, steps, overlap, STEP)
    total = pieces.new_zeros(batch, steps + overlap - 1, STEP)
    for i in range(overlap):
        total[:, i : i + steps] = total[:, i : i + steps] + parts[:, :, i]
    return total.reshape(batch, -1)


def _magnitude(pieces: Tensor, bins: int | None = None) -> Tensor:
    """Magnitudes of the lowest `bins` bins, several times faster than a complex `abs`."""
    squares = torch.view_as_real(torch.fft.rfft(pieces)[..., :bins]).square()
    return (squares[..., 0] + squares[..., 1]).sqrt()


def _scaled_hann(size: int) -> Tensor:
    return torch.hann_window(size) * (4 / size)
