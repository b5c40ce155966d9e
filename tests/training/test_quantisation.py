"""k-means, the moving averages behind the codebooks, and the losses."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import torch

from qtokfeatures.codecs.mini.config import TINY
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.training.codebooks import CodebookTrainer
from qtokfeatures.training.initialize import initialize_codebooks, kmeans, refine_codebooks
from qtokfeatures.training.losses import MagnitudeLoss, WaveformLoss
from qtokfeatures.training.recipe import Recipe

SMALL = replace(TINY, codebook_size=128, n_codebooks=6)


def test_kmeans_finds_well_separated_centres():
    generator = torch.Generator().manual_seed(0)
    true = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    x = true.repeat(100, 1) + 0.1 * torch.randn(300, 2, generator=generator)
    start = x[torch.randperm(300, generator=generator)[:8]]
    centres = kmeans(x, start, rounds=10, generator=generator)
    assert torch.cdist(true, centres).min(dim=1).values.max() < 0.2


def test_every_codebook_lowers_the_error():
    model = MiniModel(SMALL)
    x = torch.randn(2000, 64, generator=torch.Generator().manual_seed(2))
    initialize_codebooks(model, x, seed=0)
    codes = model.quantize(x, torch.zeros(len(x), dtype=torch.int64))
    errors = [
        float((x - model.embed(codes[:, :depth])[:, :-1]).square().mean()) for depth in range(1, 7)
    ]
    assert all(b < a for a, b in pairwise(errors))
    assert errors[-1] < 0.8


def test_refining_lowers_the_error_of_codebooks_that_are_there():
    model = MiniModel(SMALL)
    x = torch.randn(2000, 64, generator=torch.Generator().manual_seed(2))
    initialize_codebooks(model, x[:200], seed=0)

    def error():
        codes = model.quantize(x, torch.zeros(len(x), dtype=torch.int64))
        return float((x - model.embed(codes)[:, :-1]).square().mean())

    before = error()
    refine_codebooks(model, x, seed=0)
    assert error() < 0.95 * before


def trainer(restart_after):
    torch.manual_seed(0)
    model = MiniModel(SMALL)
    return model, CodebookTrainer(model, Recipe(restart_after=restart_after))


def test_the_gradient_passes_straight_through():
    _, codebooks = trainer(10)
    latent = torch.randn(2, 5, 64, requires_grad=True)
    quantized, _ = codebooks(latent, 0)
    quantized.sum().backward()
    torch.testing.assert_close(latent.grad, torch.ones_like(latent))


def test_entries_move_towards_what_they_code():
    model, codebooks = trainer(restart_after=10_000)
    latent = torch.randn(8, 20, 64)

    def error():
        codes = model.quantize(latent.flatten(0, 1), torch.zeros(160, dtype=torch.int64))
        return float((latent.flatten(0, 1) - model.embed(codes)[:, :-1]).square().mean())

    before = error()
    for step in range(200):
        codebooks(latent, step)
    assert error() < 0.8 * before


def test_nothing_moves_without_learning():
    model, codebooks = trainer(10)
    before = model.codebooks.clone()
    codebooks(torch.randn(2, 5, 64), 0, learn=False)
    assert torch.equal(model.codebooks, before)


def test_unused_entries_are_put_to_use():
    model, codebooks = trainer(restart_after=5)
    model.codebooks[1] += 100.0
    codebooks.reset(0)
    for step in range(80):
        codebooks(torch.randn(4, 10, 64), step)
    assert (model.codebooks[1].abs().amax(dim=1) < 50).sum() > 64


def test_losses_are_zero_for_the_original_and_grow_with_the_difference():
    y = 0.1 * torch.randn(2, 2 * 1920 + 240)
    loss = WaveformLoss()
    assert float(loss(y, y)["loss"]) < 1e-6
    assert float(loss(1.5 * y, y)["mel"]) < float(loss(4 * y, y)["mel"])
    magnitude = MagnitudeLoss()
    assert float(magnitude(torch.log(magnitude.spectrum(y) + 1e-9), y)) < 1e-3


def test_the_gradient_of_silence_is_finite():
    found = torch.zeros(1, 4800, requires_grad=True)
    WaveformLoss()(found, torch.zeros(1, 4800))["loss"].backward()
    assert torch.isfinite(found.grad).all()
