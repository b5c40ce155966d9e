"""Initialisation: linear maps by reduced-rank regression, codebooks by k-means."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from qtokfeatures.codecs.mini.config import HOP_LENGTH, STEPS_PER_FRAME
from qtokfeatures.codecs.mini.model import EncoderState, MiniModel, by_frame
from qtokfeatures.codecs.mini.weights import rounded
from qtokfeatures.codecs.nn.quantizer import nearest_codes
from qtokfeatures.progress import Progress, ignore_progress, with_progress
from qtokfeatures.training.batches import BatchSource
from qtokfeatures.training.losses import MagnitudeLoss

_BATCHES = 120
_ITERATIONS = 8
_STEP_BASE = 10_000_000  # number of the first batch: none that a training step uses


@torch.no_grad()
def initialize_linear_maps(
    model: MiniModel, source: BatchSource, *, on_progress: Progress = ignore_progress
) -> None:
    """Set the encoder's and decoder's linear maps by reduced-rank regression.

    The result is the best rank-64 linear prediction of a frame's log spectrum from its features.
    It beats hundreds of training steps and keeps the latent from collapsing.
    """
    device = model.codebooks.device
    magnitude = MagnitudeLoss().to(device)
    frames = [_frames(model, magnitude, y) for y in _extra_batches(source, _BATCHES, on_progress)]
    x, y = torch.cat([x for x, _ in frames]), torch.cat([y for _, y in frames])
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    x, y = x - x_mean, y - y_mean
    ridge = 1e-3 * len(x) * torch.eye(x.shape[1], device=device)
    spread = torch.linalg.cholesky(x.T @ x + ridge)
    solution = torch.cholesky_solve(x.T @ y, spread)
    # With the Cholesky factor R of xᵀx, the singular vectors of R @ solution are the directions in
    # which the prediction x @ solution varies most.
    _, _, axes = torch.svd_lowrank(spread.T @ solution, q=model.config.shape_dim, niter=_ITERATIONS)
    encode = solution @ axes
    scale = (x @ encode).std()
    model.encoder.linear.weight.copy_(encode.T / scale)
    model.encoder.linear.bias.copy_(-(x_mean @ encode) / scale)
    model.decoder.linear.weight.copy_(axes * scale)
    model.decoder.linear.bias.copy_(y_mean)


def _frames(model: MiniModel, magnitude: MagnitudeLoss, y: Tensor) -> tuple[Tensor, Tensor]:
    """Features and relative log spectra of whole frames, (frame, ...) each."""
    features, _, ln_level = model.encoder.analyse(whole_frames(y), EncoderState())
    level = ln_level.repeat_interleave(STEPS_PER_FRAME, dim=1)[..., None]
    target = torch.log(magnitude.spectrum(y) + 1e-4) - level
    return by_frame(features).flatten(0, 1), by_frame(target).flatten(0, 1)


@torch.no_grad()
def collect_latents(
    model: MiniModel, source: BatchSource, *, batches: int, on_progress: Progress = ignore_progress
) -> Tensor:
    """Latents of many random frames, (frame, semantic_dim + shape_dim + 1)."""
    drawn = _extra_batches(source, batches, on_progress)
    return torch.cat([model.encoder(whole_frames(y)).flatten(0, 1) for y in drawn])


@torch.no_grad()
def initialize_codebooks(
    model: MiniModel, latents: Tensor, *, seed: int, on_progress: Progress = ignore_progress
) -> None:
    """Set every codebook by k-means on the residual of the previous ones."""
    generator = torch.Generator(latents.device).manual_seed(seed)

    def start(x: Tensor, codebook: Tensor) -> Tensor:
        return x[_random_rows(x, len(codebook), generator)].clone()

    semantic, shape, ln_level = model.split(latents)
    first = start(semantic, model.semantic_entries)
    model.semantic_entries.copy_(kmeans(semantic, first, rounds=12, generator=generator))
    _place_semantic_entries(model, semantic, shape, ln_level)
    _fit_codebooks(model, semantic, shape, start, on_progress, rounds=12, generator=generator)


@torch.no_grad()
def refine_codebooks(
    model: MiniModel, latents: Tensor, *, seed: int, on_progress: Progress = ignore_progress
) -> None:
    """Refine the codebooks by k-means on many frames; codebook 0 keeps its semantic entries.

    Each codebook is rounded as in the weights file before the next one is fitted to its residual.
    """
    generator = torch.Generator(latents.device).manual_seed(seed)
    semantic, shape, ln_level = model.split(latents)
    model.semantic_entries.copy_(rounded(model.semantic_entries))
    _place_semantic_entries(model, semantic, shape, ln_level)
    model.codebooks[0] = rounded(model.codebooks[0])
    _fit_codebooks(
        model,
        semantic,
        shape,
        lambda x, codebook: codebook,
        on_progress,
        rounds=6,
        generator=generator,
        finish=rounded,
    )


def round_encoder(model: MiniModel) -> None:
    """Round the encoder's weights as in the weights file."""
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.copy_(rounded(parameter))


def _place_semantic_entries(
    model: MiniModel, semantic: Tensor, shape: Tensor, ln_level: Tensor
) -> None:
    """Set each entry of codebook 0 to the mean shape and level of its frames."""
    index = nearest_codes(semantic, model.semantic_entries)
    count = model.config.semantic_count
    members = torch.bincount(index, minlength=count).clamp(min=1)
    total = torch.zeros_like(model.codebooks[0, :count]).index_add_(0, index, shape)
    model.codebooks[0, :count] = total / members[:, None]
    levels = torch.zeros_like(model.typical_ln_level).index_add_(0, index, ln_level)
    model.typical_ln_level.copy_(levels / members)


def _fit_codebooks(
    model: MiniModel,
    semantic: Tensor,
    shape: Tensor,
    start: Callable[[Tensor, Tensor], Tensor],
    watch: Progress,
    *,
    rounds: int,
    generator: torch.Generator,
    finish: Callable[[Tensor], Tensor] = torch.clone,
) -> None:
    residual = shape - model.codebooks[0][nearest_codes(semantic, model.semantic_entries)]
    counts = list(enumerate(model.config.entry_counts))[1:]
    for k, count in with_progress(counts, "codebooks", watch):
        used = model.codebooks[k, :count]
        found = kmeans(residual, start(residual, used), rounds=rounds, generator=generator)
        used.copy_(finish(found))
        residual = residual - used[nearest_codes(residual, used)]


def kmeans(x: Tensor, start: Tensor, *, rounds: int, generator: torch.Generator) -> Tensor:
    """Centres (count, dim) of `x` (row, dim) by Lloyd; empty clusters take random rows."""
    centres, count = start, len(start)
    for _ in range(rounds):
        index = nearest_codes(x, centres)
        members = torch.bincount(index, minlength=count)
        centres = torch.zeros_like(centres).index_add_(0, index, x) / members.clamp(min=1)[:, None]
        empty = torch.nonzero(members == 0).flatten()
        centres[empty] = x[_random_rows(x, len(empty), generator)]
    return centres


def _random_rows(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return torch.randint(len(x), (count,), generator=generator, device=x.device)


def _extra_batches(source: BatchSource, count: int, watch: Progress) -> Iterator[Tensor]:
    """Yield audio (clip, sample) that no training step uses."""
    for i in with_progress(range(count), "sample batches", watch):
        yield source.batch(_STEP_BASE + i, corrupts=False).y


def whole_frames(y: Tensor) -> Tensor:
    """`y` (clip, sample) cut to whole frames."""
    return y[:, : y.shape[1] - y.shape[1] % HOP_LENGTH]
