"""The ways to convolve: they give the same sums."""

from __future__ import annotations

import pytest
import torch

from qtokfeatures.codecs.nn.activation import Elu, Snake
from qtokfeatures.codecs.nn.convolution import CausalConv
from qtokfeatures.codecs.nn.fused import add, fill, rounded, split_values, split_weights
from qtokfeatures.codecs.nn.memory import Memory

SHAPES = {
    "dilated": {"channels": 12, "out": 8, "kernel": 7, "dilation": 3},
    "strided": {"channels": 12, "out": 8, "kernel": 8, "stride": 4},
    "of one step": {"channels": 12, "out": 8, "kernel": 1},
    "from one channel": {"channels": 1, "out": 8, "kernel": 7, "dilation": 2},
    "to one channel": {"channels": 12, "out": 1, "kernel": 7, "dilation": 2},
}


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def conv(channels, out, kernel, **options):
    return CausalConv(noise(out, channels, kernel, seed=1), noise(out, seed=2), **options)


def in_pieces(convolution, x, lengths=(16, 4, 60)):
    memory = Memory()
    return torch.cat([convolution(piece, memory) for piece in x.split(lengths, dim=1)], dim=1)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("way", ["split_precision", "multiply_taps"])
@pytest.mark.parametrize("batch", [1, 3])
def test_ways_to_convolve_agree(shape, way, batch):
    x = noise(batch, 80, shape["channels"])
    other = conv(**shape)
    getattr(other, way)()
    expected = conv(**shape)(x, Memory())
    torch.testing.assert_close(other(x, Memory()), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(in_pieces(other, x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_pairs_of_steps_give_the_same_sums(batch, biased):
    x, weight, bias = noise(batch, 480, 12), noise(8, 12, 8, seed=1), noise(8, seed=2)
    convolution = CausalConv(weight, bias if biased else None, stride=4)
    expected = convolution(x, Memory())
    convolution.pair_steps()
    torch.testing.assert_close(convolution(x, Memory()), expected, atol=1e-5, rtol=1e-5)
    pieces = in_pieces(convolution, x, [16, 8, 8, 400, 48])
    assert torch.equal(pieces, convolution(x, Memory()))


def test_convolutions_of_other_taps_are_left_as_they_are():
    x = noise(2, 80, 12)
    convolution = conv(12, 8, 3)
    expected = convolution(x, Memory())
    convolution.pair_steps()
    assert torch.equal(convolution(x, Memory()), expected)


def test_elu_is_torch_s():
    x = torch.cat([noise(1000) * 4, torch.tensor([0.0, -0.0, -200.0, 200.0, 1e-7, -1e-7])])
    found = torch.empty_like(x)
    Elu()(x, found)
    torch.testing.assert_close(found, torch.nn.functional.elu(x), atol=2e-7, rtol=0)
    assert torch.equal(found[x > 0], x[x > 0])


@pytest.mark.parametrize("activation", [None, Elu(), Snake(noise(12), noise(12))])
def test_a_bias_may_be_added_before_or_after(activation):
    x, before = noise(2, 40, 12), noise(12, seed=3)
    one = conv(12, 8, 3)
    expected = one(x + before, Memory(), activation)
    found = add(one(x, Memory(), activation, before=before, biased=False), x.new_zeros(8), one.bias)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_parts_add_up_and_have_eleven_bits():
    x = noise(50, 6) * 10 ** noise(50, 6, seed=1)
    parts = torch.empty(50, 18)
    split_values(x, parts)
    high, low, again = parts.chunk(3, dim=-1)
    assert torch.equal(high + low, x)
    assert torch.equal(high, again)
    assert torch.equal(rounded(high).view(50, 6), high)
    assert (low.abs() <= x.abs() * 2**-11).all()


def test_products_of_parts_are_as_exact_as_float32():
    """With low parts rounded too, as tensor cores do."""
    x, weight = noise(64, 256), noise(32, 256, seed=1)
    parts = torch.empty(64, 768)
    split_values(x, parts)
    weights = split_weights(weight[..., None]).squeeze(2)
    product = rounded(parts).view(64, 768).double() @ rounded(weights).view(32, 768).double().T
    exact = x.double() @ weight.double().T
    coarse = (rounded(x).view(64, 256) @ rounded(weight).view(32, 256).T).double()
    assert (product - exact).abs().max() < 1e-5
    assert (coarse - exact).abs().max() > 1e-3


def test_a_fill_of_parts_is_the_activation():
    x, out = noise(2, 5, 4), torch.empty(2, 5, 12)
    fill(x, out, Elu(), bias=torch.ones(4), split=True)
    expected = torch.nn.functional.elu(x + 1)
    torch.testing.assert_close(out[..., :4] + out[..., 4:8], expected)
