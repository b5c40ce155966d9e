"""Augmentation and corruption of batches, determined by their generator."""

from __future__ import annotations

import torch

from qtokfeatures.training.augment import augment, corrupt


def clips(count=64):
    generator = torch.Generator().manual_seed(1)
    return 0.2 * torch.randn(count, 9600, generator=generator)


def drawn(change, seed=0):
    return change(clips(), torch.Generator().manual_seed(seed))


def test_equal_generators_give_equal_clips():
    for change in (augment, corrupt):
        assert torch.equal(drawn(change), drawn(change))
        assert not torch.equal(drawn(change), drawn(change, seed=1))


def test_levels_vary_but_do_not_clip_hard():
    peaks = drawn(augment).abs().amax(dim=1)
    assert peaks.max() <= 0.5 * 10 ** (3 / 20) + 1e-5
    assert peaks.min() < 0.2 * peaks.max()


def test_a_fifth_of_the_clips_is_not_corrupted():
    same = (drawn(corrupt) == clips()).all(dim=1).float().mean()
    assert 0.08 < same < 0.35


def test_corruption_changes_the_others_by_much():
    change = drawn(corrupt) - clips()
    ratio_db = 10 * torch.log10(clips().square().sum(1) / change.square().sum(1).clamp(min=1e-9))
    assert ratio_db[ratio_db < 50].median() < 15


def test_silence_stays_finite():
    silence = torch.zeros(4, 4800)
    for change in (augment, corrupt):
        assert torch.isfinite(change(silence, torch.Generator().manual_seed(0))).all()
