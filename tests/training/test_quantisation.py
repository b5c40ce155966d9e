"""k-means, the moving averages behind the codebooks, and the losses."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from qtokfeatures.codecs.mini.config import TINY
from qtokfeatures.codecs.mini.losses import WaveformLoss
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.weights import rounded
from qtokfeatures.training.codebooks import CodebookTrainer
from qtokfeatures.training.initialize import initialize_codebooks, kmeans, refine_codebooks
from qtokfeatures.training.losses import MagnitudeLoss
from qtokfeatures.training.recipe import Recipe

SMALL = replace(TINY, codebook_size=128, n_codebooks=6, semantic_count=16)


def latents(rows, seed=2):
    """Random latents: semantic, shape, level."""
    return torch.randn(rows, SMALL.embedding_dim, generator=torch.Generator().manual_seed(seed))


def shape_error(model, x, depth=6):
    wanted, found = model.split(x)[1], model.split(model.embed(model.quantize(x)[:, :depth]))[1]
    return float((wanted - found).square().mean())


def test_kmeans_finds_well_separated_centres():
    generator = torch.Generator().manual_seed(0)
    true = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    x = true.repeat(100, 1) + 0.1 * torch.randn(300, 2, generator=generator)
    start = x[torch.randperm(300, generator=generator)[:8]]
    centres = kmeans(x, start, rounds=10, generator=generator)
    assert torch.cdist(true, centres).min(dim=1).values.max() < 0.2


def test_every_codebook_lowers_the_error():
    model, x = MiniModel(SMALL), latents(2000)
    initialize_codebooks(model, x, seed=0)
    errors = [shape_error(model, x, depth) for depth in range(1, 7)]
    assert all(b < a for a, b in pairwise(errors))
    assert errors[-1] < 0.8


def test_codebook_0_stands_for_the_mean_shape_and_level_of_its_frames():
    model, x = MiniModel(SMALL), latents(2000)
    initialize_codebooks(model, x, seed=0)
    mine = model.quantize(x)[:, 0] == 3
    _, shape, ln_level = model.split(x[mine])
    torch.testing.assert_close(model.codebooks[0, 3], shape.mean(dim=0))
    torch.testing.assert_close(model.typical_ln_level[3], ln_level.mean())


def test_refining_lowers_the_error_and_rounds_the_codebooks():
    model, x = MiniModel(SMALL), latents(2000)
    initialize_codebooks(model, x[:200], seed=0)
    before = shape_error(model, x)
    refine_codebooks(model, x, seed=0)
    assert shape_error(model, x) < 0.95 * before
    torch.testing.assert_close(rounded(model.codebooks[2]), model.codebooks[2])


def trainer(**options):
    torch.manual_seed(0)
    model = MiniModel(SMALL)
    return model, CodebookTrainer(model, Recipe(clips=4, **options))


FIRST, WHOLE = torch.zeros(4, 10, dtype=torch.int64), torch.full((4,), 6)


def test_the_gradient_passes_straight_through():
    _, codebooks = trainer()
    shape = torch.randn(4, 10, SMALL.shape_dim, requires_grad=True)
    quantized, _ = codebooks(shape, FIRST, WHOLE)
    quantized.sum().backward()
    torch.testing.assert_close(shape.grad, torch.ones_like(shape))


def test_entries_move_towards_their_vectors():
    model, codebooks = trainer()
    x = latents(40)
    semantic, shape, _ = (part.unflatten(0, (4, 10)) for part in model.split(x))
    before = shape_error(model, x)
    for _ in range(200):
        _, commitment, first = codebooks.quantize_semantic(semantic)
        codebooks(shape, first, WHOLE)
    assert shape_error(model, x) < 0.8 * before
    assert float(commitment) < 0.6


def test_nothing_moves_without_learning():
    model, codebooks = trainer()
    before = model.codebooks.clone()
    codebooks(torch.randn(4, 10, SMALL.shape_dim), FIRST, WHOLE, learn=False)
    assert torch.equal(model.codebooks, before)


def test_a_clip_goes_through_as_many_codebooks_as_drawn():
    model, codebooks = trainer()
    shape = torch.randn(4, 10, SMALL.shape_dim)
    depth = torch.tensor([1, 2, 3, 6])
    quantized, _ = codebooks(shape, FIRST, depth, learn=False)
    torch.testing.assert_close(quantized[0], model.codebooks[0, 0].expand(10, -1))
    errors = (quantized - shape).square().mean(dim=(1, 2))
    assert errors[3] < errors[0]


def test_drawn_depths_are_mostly_whole_and_follow_from_the_step():
    _, codebooks = trainer(whole_share=0.6)
    drawn = torch.cat([codebooks.draw_depth(step) for step in range(200)])
    assert set(drawn.tolist()) == {1, 2, 3, 4, 6}
    assert drawn.eq(6).float().mean() > 0.55
    assert torch.equal(codebooks.draw_depth(7), codebooks.draw_depth(7))


def test_unused_entries_are_put_to_use():
    model, codebooks = trainer(restart_after=5)
    model.codebooks[2] += 100.0
    codebooks.reset()
    for step in range(80):
        codebooks(torch.randn(4, 10, SMALL.shape_dim), FIRST, WHOLE)
        codebooks.restart(step)
    assert (model.codebooks[2].abs().amax(dim=1) < 50).sum() > 64


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


def test_the_loss_of_a_frame_depends_on_that_frame():
    torch.manual_seed(0)
    wanted = 0.1 * torch.randn(1, 5 * 1920)
    found = wanted.clone()
    found[:, 2 * 1920 : 3 * 1920] *= 0.3
    loss = WaveformLoss()
    distances = loss.distances(loss.spectra(found), loss.spectra(wanted))
    of_frames = loss.by_frame(distances, first=0, hop=1920, frames=5)
    assert int(of_frames.argmax()) == 2
    assert (of_frames[[0, 4]] < 0.1 * of_frames[2]).all()
    parts = loss.combine(distances)
    assert float(of_frames.mean()) == pytest.approx(
        float(parts["mel"] + loss.stft_weight * parts["stft"]), rel=0.2
    )
