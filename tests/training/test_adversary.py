"""Discriminators: they learn, and tell the codec which way to go."""

from __future__ import annotations

import torch

from qtokfeatures.training.adversary import Opponent, matching_loss, same_level


def test_discriminators_learn_to_tell_noise_from_tones():
    torch.manual_seed(0)
    opponent = Opponent(torch.device("cpu"), lr=2e-3)
    t = torch.arange(2048) / 24_000
    tones = torch.sin(2 * torch.pi * torch.tensor([[220.0], [330.0]]) * t)
    noise = torch.randn(2, 2048)
    losses = [float(opponent.judge(noise, tones)["judges"].detach()) for _ in range(12)]
    assert losses[-1] < 0.5 * losses[0]


def test_the_gradient_reaches_the_decoded_audio():
    opponent = Opponent(torch.device("cpu"), lr=1e-4)
    found = torch.randn(1, 4096, requires_grad=True)
    judged = opponent.judge(found, torch.randn(1, 4096))
    judged["against"].backward()
    assert torch.isfinite(found.grad).all()
    assert found.grad.abs().sum() > 0


def test_equal_features_match():
    features = [[torch.randn(2, 3), torch.randn(2, 1)]]
    assert float(matching_loss(features, features)) == 0


def test_levels_are_those_of_the_original():
    quiet, loud = 0.01 * torch.randn(1, 1000), torch.randn(1, 1000)
    found, wanted = same_level(quiet, loud)
    torch.testing.assert_close(found / wanted, quiet / loud)
    assert abs(float(wanted.square().mean().sqrt()) - 0.1) < 1e-3
